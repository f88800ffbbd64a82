"""The bus that an invite names: without the files of the coach's machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from colearner_ls.workspace.invite import parse_invite


def test_an_invite_names_no_files_of_the_coach(tmp_path: Path) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COLEARNER_")}
    bus = (
        "kafka://kafka.example:9094?security=SASL_SSL&sasl=SCRAM-SHA-512&ca=/home/grace/ca.pem&cert=/home/grace/me.pem"
    )
    done = subprocess.run(
        [str(Path(sys.executable).with_name("colearner")), "coach", "init", "--offline", "--bus", bus],
        cwd=folder,
        env={**environment, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=True,
    )
    (link,) = (word.strip("'") for word in done.stdout.split() if "colearner://" in word)
    assert parse_invite(link).bus == "kafka://kafka.example:9094?security=SASL_SSL&sasl=SCRAM-SHA-512"
    assert "grace" not in link
    assert "/home/grace/ca.pem" in (folder / ".colearner" / "config.toml").read_text()
