"""README.md says what works: its shell blocks are run, its links and pictures exist."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_every_make_line_is_a_target_that_exists() -> None:
    lines = [line.partition("#")[0].split() for block in blocks("sh") for line in block.splitlines()]
    calls = [words for words in lines if words[:1] == ["make"]]
    assert ["make", "demo"] in calls
    assert ["make", "test"] in calls
    for words in calls:
        done = subprocess.run(
            ["make", "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_shell_blocks_run_in_order(tmp_path: Path) -> None:
    """As a reader would: copied line by line, with the invite that ``init`` showed put where ``…`` stands."""
    lines = ["set -euo pipefail"]
    for block in blocks("sh"):
        lines += [line for line in block.splitlines() if not line.startswith("make ")]
    script = "\n".join(lines)
    init = re.search(r"^colearner coach init .*$", script, re.MULTILINE)
    assert init is not None
    script = script.replace(init[0], init[0] + ' | tee "$HOME/init.txt"')
    invite = """"$(grep -o "colearner://[^']*" "$HOME/init.txt")\""""
    assert script.count("'colearner://join?…'") == 1
    script = script.replace("'colearner://join?…'", invite)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    who = {f"GIT_{role}_{part}": "you@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**kept, **who, "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "diamond" in done.stdout
    for event in ("exercise_assigned", "exercise_submission", "evidence_snapshot", "assessment_feedback"):
        assert event in done.stdout, f"the coach's history shows no {event}:\n{done.stdout}"


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/dependencies.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    file = ROOT / page
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", file.read_text(encoding="utf-8"))
    missing = [target for target in targets if not (file.parent / target).exists()]
    assert not missing, missing
