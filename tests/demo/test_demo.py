"""``make demo`` ends well where everything works, and fails where something it shows does not come from the server."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_S = 60
"""The issue's own limit for the demo, after set-up."""


def demo(*arguments: str, temporary: Path) -> subprocess.CompletedProcess[str]:
    temporary.mkdir(exist_ok=True)
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )


def _expect_success(done: subprocess.CompletedProcess[str], temporary: Path) -> None:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "equal on both sides" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert list(temporary.glob("colearner-demo-*")) == [], "nothing is left behind"


@pytest.mark.slow
def test_the_demo_over_the_embedded_bus(tmp_path: Path) -> None:
    began = time.monotonic()
    done = demo("--export-svg", str(tmp_path / "out" / "demo.svg"), temporary=tmp_path / "t")
    _expect_success(done, tmp_path / "t")
    assert time.monotonic() - began < LONGEST_S
    inside = ("[Accept]", "◆ cycles · accepted", "60 │ def find_cycle", "~~~", "colearner.submit answers: kept")
    for words in inside:
        assert words in done.stdout, f"{words}\n{done.stdout}"
    picture = (tmp_path / "out" / "demo.svg").read_text(encoding="utf-8")
    assert "cycles" in picture
    assert picture.startswith("<svg")


@pytest.mark.slow
def test_the_demo_on_a_folder_of_the_user(tmp_path: Path) -> None:
    folder = tmp_path / "mein Code ü"
    folder.mkdir()
    (folder / "rechnen.py").write_text("".join(f"wert_{n} = rechne({n})  # é\n" for n in range(60)), encoding="utf-8")
    before = sorted((file, file.stat().st_mtime_ns) for file in folder.rglob("*"))
    done = demo("--repo", str(folder), temporary=tmp_path / "t")
    _expect_success(done, tmp_path / "t")
    assert "rechnen.py" in done.stdout
    assert sorted((file, file.stat().st_mtime_ns) for file in folder.rglob("*")) == before, "the folder is not touched"


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_the_demo_over_kafka(tmp_path: Path) -> None:
    done = demo("--bus", "kafka", temporary=tmp_path / "t")
    _expect_success(done, tmp_path / "t")
    assert "the broker is killed" in done.stdout
    assert "colearner.submit answers: kept" in done.stdout


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_the_demo_over_a_broker_of_the_user(tmp_path: Path, kafka_url: str) -> None:
    """It is used and left running: the offline scene is left out, and the demo says so."""
    done = demo("--bus", kafka_url, temporary=tmp_path / "t")
    _expect_success(done, tmp_path / "t")
    assert "not the demo's to stop" in done.stdout
    assert "colearner.submit answers: sent" in done.stdout


NO_HANDLER = """
from pygls.feature_manager import FeatureManager
real = FeatureManager.feature
def feature(self, name, *more, **options):
    if name == "textDocument/inlayHint":
        return lambda handler: handler
    return real(self, name, *more, **options)
FeatureManager.feature = feature
"""
NOTHING_TO_SHOW = """
from colearner_ls.lsp.views import inlay_hints
inlay_hints.inlay_hints = lambda *_: []
import colearner_ls.lsp.features.inlay_hints as feature
if hasattr(feature, "inlay_hints"):
    feature.inlay_hints = lambda *_: []
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sabotage", "complaint"),
    [(NO_HANDLER, "refused textDocument/inlayHint"), (NOTHING_TO_SHOW, "hint, code lens and diagnostic")],
    ids=["no-inlay-handler", "empty-inlay-hints"],
)
def test_the_demo_fails_without_the_server_s_hints(tmp_path: Path, sabotage: str, complaint: str) -> None:
    """All that is drawn comes from the server: without its hints the demo cannot go on, whoever else knows of them."""
    wrapper = tmp_path / "server.py"
    wrapper.write_text(f"{sabotage}\nimport sys\nfrom colearner_ls.lsp.main import main\nsys.exit(main())\n")
    done = demo("--server", shlex.join([sys.executable, str(wrapper)]), temporary=tmp_path / "t")
    assert done.returncode == 1, done.stdout
    assert complaint in done.stderr, done.stderr
    assert "◆" not in done.stdout, "no hint was drawn"


def test_what_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    for arguments, words in (
        (("--bus", "nats://somewhere"), "BUS=nats://somewhere"),
        (("--repo", str(tmp_path / "nowhere")), "there is no such folder"),
        (("--server", "/nonexistent/server"), "/nonexistent/server"),
    ):
        done = demo(*arguments, temporary=tmp_path / "t")
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
