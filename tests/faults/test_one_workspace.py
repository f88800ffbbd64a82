"""Two editors and a command line on one workspace at once: what happens by itself happens once, and sync changes hands."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.process_peer import ProcessPeer
from tests.workspace.conftest import GRAPH, checkout

BIN = Path(sys.executable).parent
COLEARNER, SERVER = str(BIN / "colearner"), str(BIN / "colearner-ls")
FILE = "src/graph.py"


class Editor:
    """A server in a process and the person before it, who accepts nothing unless told to."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.root = root
        self.peer = ProcessPeer([SERVER, "--stdio"], env=environment, cwd=root)
        self.asked: list[str] = []
        self.peer.initialize(
            {"window": {"showMessage": {"messageActionItem": {}}}, "textDocument": {"publishDiagnostics": {}}},
            rootUri=root.as_uri(),
        )
        self._number = 0

    def state(self) -> dict[str, Any]:
        self._number += 1
        self.answer_requests()
        return self.peer.request("colearner/state", {}, number=1000 + self._number)["result"]

    def answer_requests(self) -> None:
        """Read what is there; dismiss every question, and remember it."""
        with suppress(TimeoutError):
            self.peer._read(time.monotonic() + 0.05)
        for message in list(self.peer.received):
            if "method" not in message:
                continue
            self.peer.received.remove(message)
            if "id" in message:
                if message["method"] == "window/showMessageRequest":
                    self.asked.append(message["params"]["message"])
                self.peer.send({"id": message["id"], "result": None})

    def questions(self) -> list[str]:
        self.answer_requests()
        return self.asked

    def open(self) -> None:
        text = (self.root / FILE).read_text()
        item = {"uri": (self.root / FILE).as_uri(), "languageId": "python", "version": 1, "text": text}
        self.peer.notify("textDocument/didOpen", {"textDocument": item})

    def save(self) -> None:
        self.peer.notify("textDocument/didSave", {"textDocument": {"uri": (self.root / FILE).as_uri()}})

    @property
    def pid(self) -> int:
        return self.peer.process.pid


class Place:
    """Two checkouts, a command line for each, and how to read the student's journal with sqlite3 alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {**os.environ, "COLEARNER_HOME": str(folder / "home")}
        for side in ("coach", "student"):
            checkout(folder / side, {FILE: GRAPH})
        invite = json.loads(self.run("coach", "init", "--role", "coach", "--student", "ada"))["invite"]
        self.run("student", "join", invite)
        self.run("coach", "sync", "--wait", "20")

    def run(self, side: str, *arguments: str) -> str:
        done = subprocess.run(
            [COLEARNER, "--json", "--yes", *arguments],
            cwd=self.folder / side,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def events(self, side: str, event_type: str) -> list[dict[str, Any]]:
        path = self.folder / side / ".colearner" / "journal.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT raw FROM event WHERE event_type = ?", (event_type,)).fetchall()
        return [json.loads(raw)["payload"] for (raw,) in rows]

    def holder(self) -> int | None:
        try:
            return int((self.folder / "student" / ".colearner" / "sync.lock").read_text())
        except (OSError, ValueError):
            return None


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def editors(place: Place) -> Iterator[list[Editor]]:
    both = [Editor(place.folder / "student", place.environment) for _ in range(2)]
    yield both
    for editor in both:
        editor.peer.__exit__(None, None, None)


def until(done: Callable[[], bool], what: str, seconds: float = 30) -> float:
    """Wait for it; how long it took, in s."""
    start = time.monotonic()
    while not done():
        if time.monotonic() - start > seconds:
            pytest.fail(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - start


def exercises(editor: Editor) -> int:
    return len((editor.state() or {}).get("exercises", []))


@pytest.mark.slow
def test_one_message_one_receipt_one_progress_event(place: Place, editors: list[Editor]) -> None:
    for editor in editors:
        editor.open()
        until(lambda editor=editor: bool((editor.state() or {}).get("session")), "the session is open")
    place.run("coach", "assign", "--topic", "graphs", "--exercise", "Mend it", "--at", f"{FILE}:7-11")
    for editor in editors:
        until(lambda editor=editor: exercises(editor) == 1, "the exercise is in both editors")
    until(lambda: any(editor.questions() for editor in editors), "a message")

    (place.folder / "student" / FILE).write_text(GRAPH + "\n# worked on\n")
    for editor in editors:
        editor.save()
    until(lambda: len(place.events("student", "progress_update")) >= 1, "a progress event")

    place.run(
        "coach",
        "feedback",
        json.loads(place.run("coach", "status"))["exercises"][0]["exercise_id"],
        "--grade",
        "revise",
        "--mistake",
        f"{FILE}:8: look here",
    )
    for editor in editors:
        until(lambda editor=editor: len(editor.state()["feedback"]) == 1, "the feedback is in both editors")
    until(lambda: len(place.events("student", "assessment_feedback_ack")) >= 1, "a receipt")

    # A beat longer than any debounce: what was doubled would have come by now. The command line is a third process.
    place.run("student", "sync", "--wait", "5")
    settle = time.monotonic() + 2
    until(lambda: [editor.answer_requests() for editor in editors] != [] and time.monotonic() > settle, "a beat")
    asked = [message for editor in editors for message in editor.asked]
    assert len([message for message in asked if "graphs" in message or "Mend it" in message]) == 1, asked
    assert len([message for message in asked if "eedback" in message]) <= 1, asked
    assert len(place.events("student", "progress_update")) == 1
    reads = [ack for ack in place.events("student", "assessment_feedback_ack") if ack["status"] == "read"]
    assert len(reads) == 1
    received = [ack for ack in place.events("student", "exercise_assigned_ack") if ack["status"] == "received"]
    assert len(received) <= 1


@pytest.mark.slow
def test_sync_changes_hands_within_two_seconds(place: Place, editors: list[Editor]) -> None:
    for editor in editors:
        until(lambda editor=editor: bool((editor.state() or {}).get("session")), "the session is open")
    until(lambda: place.holder() in {editor.pid for editor in editors}, "one editor holds sync")
    first = next(editor for editor in editors if editor.pid == place.holder())
    second = next(editor for editor in editors if editor is not first)
    os.kill(first.pid, signal.SIGKILL)
    first.peer.process.wait(10)
    taken = until(lambda: place.holder() == second.pid, "the other took over")
    assert taken < 2, f"{taken:.1f} s"
    place.run("coach", "assign", "--topic", "graphs", "--exercise", "Mend it", "--at", f"{FILE}:7")
    until(lambda: exercises(second) == 1, "news still arrive")


@pytest.mark.slow
def test_a_server_killed_mid_way_misses_nothing(place: Place, editors: list[Editor]) -> None:
    os.kill(editors[1].pid, signal.SIGKILL)
    for number in range(3):
        place.run("coach", "assign", "--topic", f"topic {number}", "--exercise", "x", "--at", f"{FILE}:{number + 1}")
        if number == 1:
            os.kill(editors[0].pid, signal.SIGKILL)
    again = Editor(place.folder / "student", place.environment)
    try:
        until(lambda: exercises(again) == 3, "all exercises after the restart")
    finally:
        again.peer.__exit__(None, None, None)
