"""The launcher leaves nothing behind, even when it is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rigs.neovim import Neovim

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.neovim

HOLD = """
import sys
from pathlib import Path
from rigs.neovim import Neovim
home = Path(sys.argv[1])
with Neovim(home, init=home / "init.lua", home=home / "nvim") as editor:
    print(editor.lua("return vim.fn.getpid()"), flush=True)
    sys.stdin.read()
"""


def _gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return True
    return state == "Z"  # ended, and not yet collected by whoever inherited it


def _expect_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while not _gone(pid):
        assert time.monotonic() < deadline, f"Neovim ({pid}) lives on"
        time.sleep(0.05)


def test_neovim_ends_with_a_launcher_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "init.lua").write_text("")
    launcher = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert launcher.stdout is not None
    pid = int(launcher.stdout.readline())
    assert not _gone(pid)
    launcher.send_signal(signal.SIGKILL)
    launcher.wait(10)
    _expect_gone(pid)


def test_the_screen_shows_what_is_typed(tmp_path: Path) -> None:
    (tmp_path / "init.lua").write_text("vim.o.swapfile = false\n")
    with Neovim(tmp_path, init=tmp_path / "init.lua", home=tmp_path / "nvim") as editor:
        editor.type("ihéllo ◆ 漢字<Esc>")
        editor.until(lambda: "héllo ◆ 漢字" in editor.screen_text(), "the text")
        editor.save_screen(tmp_path / "screen.svg", "typed")
        pid = editor.lua("return vim.fn.getpid()")
    assert "漢字" in (tmp_path / "screen.txt").read_text(encoding="utf-8")
    assert (tmp_path / "screen.svg").read_text(encoding="utf-8").startswith("<svg")
    _expect_gone(pid)
