"""Two checkouts with console scripts in them that can be stopped (SIGSTOP), continued and counted after."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.workspace.conftest import GRAPH, checkout

BIN = Path(sys.executable).parent
COLEARNER, SERVER = str(BIN / "colearner"), str(BIN / "colearner-ls")
KILLING = str(Path(__file__).with_name("killing"))
FILE = "src/graph.py"


class Sides:
    """A coach's and a student's checkout, on the embedded bus or on the one that is named."""

    def __init__(self, folder: Path, bus: str | None = None) -> None:
        self.folder = folder
        self.environment = {**os.environ, "COLEARNER_HOME": str(folder / "home"), "PYTHONPATH": ""}
        for side in ("coach", "student"):
            checkout(folder / side, {FILE: GRAPH})
        options = ["--bus", bus] if bus else []
        made = json.loads(self.run("coach", *options, "--wait", "20", "init", "--role", "coach", "--student", "ada"))
        self.run("student", "join", made["invite"], "--wait", "20")
        self.run("coach", "sync", "--wait", "20")

    def start(self, side: str, *arguments: str, stop_at: str | None = None) -> subprocess.Popen[str]:
        """A ``colearner`` process, which stops by itself at the place ``stop_at`` (killing/sitecustomize.py)."""
        environment = dict(self.environment)
        if stop_at is not None:
            environment |= {"PYTHONPATH": KILLING, "COLEARNER_TEST_DIE": stop_at, "COLEARNER_TEST_STOP": "1"}
        return subprocess.Popen(
            [COLEARNER, "--json", "--yes", *arguments],
            cwd=self.folder / side,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def try_run(self, side: str, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and messages."""
        process = self.start(side, *arguments)
        output, messages = process.communicate(timeout=90)
        return process.returncode, output, messages

    def run(self, side: str, *arguments: str) -> str:
        code, output, messages = self.try_run(side, *arguments)
        assert code == 0, (arguments, messages)
        assert "Traceback" not in messages
        return output

    def say(self, side: str, words: str, *options: str) -> str:
        """Write a note; its event id."""
        return str(json.loads(self.run(side, "stage", "note", "--note", words, *options))["event_id"])

    def home(self, side: str) -> Path:
        return self.folder / side / ".colearner"

    def ids(self, side: str) -> list[str]:
        """Ids of the journal's events, by sqlite3 alone."""
        with closing(sqlite3.connect(f"file:{self.home(side) / 'journal.db'}?mode=ro", uri=True)) as db:
            return [event_id for (event_id,) in db.execute("SELECT id FROM event ORDER BY row")]

    def is_sound(self, side: str) -> bool:
        with closing(sqlite3.connect(f"file:{self.home(side) / 'journal.db'}?mode=ro", uri=True)) as db:
            return bool(db.execute("PRAGMA integrity_check").fetchone()[0] == "ok")

    def on_bus(self) -> list[str]:
        """Ids of all records of the embedded bus, copies included."""
        with closing(sqlite3.connect(f"file:{self.folder / 'home' / 'bus.db'}?mode=ro", uri=True)) as db:
            return [json.loads(value)["id"] for (value,) in db.execute("SELECT value FROM record ORDER BY id")]

    def holder(self, side: str = "student") -> int | None:
        """Who wrote its name into the sync lock last."""
        try:
            return int((self.home(side) / "sync.lock").read_text())
        except (OSError, ValueError):
            return None

    def settle(self) -> None:
        """Let both sides send and fetch until both have the same events."""
        deadline = time.monotonic() + 60
        while True:
            for side in ("coach", "student", "coach"):
                self.try_run(side, "sync", "--wait", "20")
            if set(self.ids("coach")) == set(self.ids("student")):
                return
            assert time.monotonic() < deadline, "the two sides do not come to the same events"

    def check(self, stored: set[str]) -> None:
        """Everything that was said to be stored is on both sides, once, and both files are sound."""
        for side in ("coach", "student"):
            counted = Counter(self.ids(side))
            assert stored <= set(counted)
            assert all(times == 1 for times in counted.values())
            assert self.is_sound(side)
        assert set(self.ids("coach")) == set(self.ids("student"))


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Keep a process stopped, and make sure that it is."""
    os.kill(pid, signal.SIGSTOP)
    until(lambda: state_of(pid) == "T", "the process is stopped")
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def state_of(pid: int) -> str:
    """The state letter of proc(5): R, S, D, T (stopped), Z; empty where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def has_open(pid: int, path: Path) -> bool:
    """Whether the process has that file open."""
    with contextlib.suppress(OSError):
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if each.readlink() == path:
                    return True
    return False


def until(done: Callable[[], Any], what: str, seconds: float = 60) -> float:
    """Wait for it; how long that took, in s."""
    start = time.monotonic()
    while not done():
        assert time.monotonic() - start < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return time.monotonic() - start


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that was started here, stopped or not."""
    process.kill()
    process.communicate(timeout=60)
