"""On a terminal: the question before something is shared, and colour."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time

import pytest

from tests.cli.conftest import SCRIPT, Folder, clean_environment


class Terminal:
    """The script on a pseudo-terminal."""

    def __init__(self, folder: Folder, *arguments: str, **env: str) -> None:
        self.master, slave = pty.openpty()
        environment = {**clean_environment(), "TERM": "xterm", **folder.env, **env}
        self.process = subprocess.Popen(
            [str(SCRIPT), *arguments],
            cwd=folder.path,
            env=environment,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def until(self, text: str, times: int = 1, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while self.seen.count(text) < times:
            assert self._read(deadline), f"“{text}” did not come: {self.seen}"

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def end(self) -> int:
        deadline = time.monotonic() + 20
        while self._read(deadline):
            pass
        code = self.process.wait(timeout=20)
        os.close(self.master)
        return code


@pytest.fixture
def exercise(coach: Folder, student: Folder) -> str:
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1", "--at", "src/mean.py:4-8")
    assert [item["id"] for item in student("inbox", "--json").doc["items"]] == ["ex-1"]
    return "ex-1"


def test_a_person_is_shown_what_would_leave_and_asked(student: Folder, exercise: str) -> None:
    terminal = Terminal(student, "submit", "--response", "done")
    terminal.until("Share this? [y/N]: ")
    assert "This would leave your machine" in terminal.seen
    assert "def mean(numbers)" in terminal.seen
    terminal.type("n\n")
    assert terminal.end() == 5
    assert "Nothing was shared" in terminal.seen
    assert student("status", "--json").doc["submissions"] == []

    terminal = Terminal(student, "submit", "--response", "done")
    terminal.until("Share this? [y/N]: ")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "on this machine's bus" in terminal.seen
    assert len(student("status", "--json").doc["submissions"]) == 1


def test_what_changed_while_the_person_read_is_shown_again(student: Folder, exercise: str) -> None:
    app = student.path / "src" / "mean.py"
    terminal = Terminal(student, "submit", exercise, "--response", "done")
    terminal.until("Share this? [y/N]: ")
    app.write_text(app.read_text().replace("total = 0", "password_of_my_bank = 0"))
    terminal.type("y\n")
    terminal.until("Share this? [y/N]: ", times=2)
    assert "Meanwhile something changed" in terminal.seen
    assert "password_of_my_bank" in terminal.seen
    terminal.type("n\n")
    assert terminal.end() == 5
    assert "password_of_my_bank" not in student("history", "--json").out


def test_an_interrupted_question_shares_nothing(student: Folder, exercise: str) -> None:
    terminal = Terminal(student, "submit", exercise)
    terminal.until("Share this? [y/N]: ")
    terminal.process.send_signal(signal.SIGINT)
    assert terminal.end() == 130
    assert "Traceback" not in terminal.seen
    assert student("status", "--json").doc["submissions"] == []


def test_colour_on_a_terminal_only_and_not_where_it_is_not_wanted(coach: Folder) -> None:
    for env, colored in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)):
        terminal = Terminal(coach, "status", **env)
        assert terminal.end() == 0
        assert ("\x1b[" in terminal.seen) == colored, env
    assert "\x1b[" not in coach.process("status").out
