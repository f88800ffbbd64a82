"""The real console script in processes of its own: what it imports, how it ends, what it does on bad disks."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import SCRIPT, Folder, clean_environment


def imported(folder: Folder, *arguments: str) -> set[str]:
    """Names of all modules that one run imported."""
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", str(SCRIPT), *arguments],
        cwd=folder.path,
        env={**clean_environment(), **folder.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return {line.split("|")[2].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}


def test_the_version_costs_nothing_but_python(nowhere: Folder) -> None:
    modules = imported(nowhere, "--version")
    assert "colearner_ls.cli.main" in modules
    assert not {name for name in modules if name.startswith("colearner_ls")} - {
        "colearner_ls",
        "colearner_ls.cli",
        "colearner_ls.cli.main",
    }
    assert not modules.intersection({"click", "typing", "logging", "json", "pathlib", "dataclasses"})


DEAR = {
    "pydantic",
    "pydantic_core",
    "asyncio",
    "rich",
    "aiokafka",
    "lsprotocol",
    "pygls",
    "rapidfuzz",
    "tomlkit",
    "rfc8785",
    "ssl",
}


@pytest.mark.parametrize("arguments", [["status", "--json"], ["status"], ["history", "--json"], ["show", "ex-1"]])
def test_reading_imports_nothing_dear(coach: Folder, arguments: list[str]) -> None:
    coach("assign", "--topic", "t", "--exercise", "x", "--at", "src/mean.py:4", "--id", "ex-1")
    modules = imported(coach, *arguments)
    assert "colearner_ls.workspace.door" in modules
    assert not {name.partition(".")[0] for name in modules} & DEAR


def test_help_imports_no_verb(nowhere: Folder) -> None:
    modules = imported(nowhere, "--help")
    assert not [name for name in modules if name.startswith(("colearner_ls.cli.verbs.", "colearner_ls.workspace."))]


def test_a_reader_that_leaves_is_no_fault(coach: Folder) -> None:
    for number in range(8):
        coach("hint", f"{number} " + "x" * 20_000, "--offline")  # together more than a pipe holds
    for arguments in (["history", "--json"], ["history"], ["status"], ["--help"], ["schema", "json"]):
        process = start(coach, *arguments)
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(timeout=30) in (141, 0), arguments
        assert process.stderr is not None
        assert not re.search("Error|Traceback|Broken|fault", process.stderr.read()), arguments
        process.stderr.close()


def test_head_reads_one_line(coach: Folder) -> None:
    for number in range(8):
        coach("hint", f"{number} " + "x" * 20_000, "--offline")  # together more than a pipe holds
    process = start(coach, "history", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    assert json.loads(process.stdout.readline())["event_type"] == "session_started"
    process.stdout.close()
    assert process.wait(timeout=30) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_output_that_cannot_be_written(coach: Folder) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [str(SCRIPT), "hint", "x", "--offline"],
            cwd=coach.path,
            env={**clean_environment(), **coach.env},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert ran.returncode == 1
    assert "cannot be written: No space left on device" in ran.stderr
    assert len(ran.stderr.splitlines()) == 2
    assert "coach_hint" in coach("history", "--json").out


def test_closed_streams(coach: Folder) -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        ran = subprocess.run(
            ["sh", "-c", f'exec "$0" status {closed}', str(SCRIPT)],
            cwd=coach.path,
            env={**clean_environment(), **coach.env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, (closed, ran.stderr)
    ran = subprocess.run(
        ["sh", "-c", 'exec "$0" plan - <&-', str(SCRIPT)],
        cwd=coach.path,
        env={**clean_environment(), **coach.env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 3
    assert "stdin" in ran.stderr


def test_a_terminal_that_knows_ascii_only(tmp_path: Path, env: dict[str, str]) -> None:
    folder = Folder(tmp_path / "größe", env)
    folder.path.mkdir()
    folder("coach", "init", "--session", "größe-01", "--offline")
    for more in ({"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}):
        for arguments in (["history"], ["doctor", "--offline"]):
            ran = folder.process(*arguments, env=more)
            assert ran.code == 0, ran
        assert json.loads(folder.process("status", "--json", env=more).out)["session_id"] == "größe-01"


def test_a_folder_that_is_gone(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "gone").mkdir()
    ran = subprocess.run(
        ["sh", "-c", 'rmdir ../gone; exec "$0" status', str(SCRIPT)],
        cwd=tmp_path / "gone",
        env={**clean_environment(), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 3
    assert "is gone" in ran.stderr


@contextlib.contextmanager
def small_disk(path: Path, size: str) -> Iterator[None]:
    """A disk of its own at ``path``; root ignores file modes, so only a mount is really read-only."""
    path.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"this machine lets nobody mount: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(path)], check=True)


def test_a_read_only_folder_can_be_read_and_says_so_when_written(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "disk"
    with small_disk(path, "8m"):
        folder = Folder(path, env)
        assert folder("coach", "init", "--session", "s-1").code == 0
        subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (path / "probe").touch()
        before = folder.process("history", "--json", "--offline")
        for arguments in (["hint", "x"], ["plan", "-"], ["stage", "review"]):
            ran = folder.process(*arguments, stdin="- step")
            assert ran.code == 1, ran
            assert "read-only" in ran.err
            assert "Traceback" not in ran.err
        for arguments in (["status"], ["history"], ["inbox"], ["doctor"]):
            ran = folder.process(*arguments)
            assert "Traceback" not in ran.err
            assert "fault of ours" not in ran.err
            assert ran.code in (0, 6), (arguments, ran)
        assert before.code == 0
        assert folder.process("history", "--json", "--offline").out == before.out
        subprocess.run(["mount", "-o", "remount,rw", str(path)], check=True)
        assert folder("hint", "x").code == 0


def test_a_full_disk_refuses_and_keeps_what_was_said(tmp_path: Path, env: dict[str, str]) -> None:
    path = tmp_path / "disk"
    with small_disk(path, "1m"):
        folder = Folder(path, env)
        assert folder("coach", "init", "--session", "s-1", "--offline").code == 0
        room = os.statvfs(path)
        (path / "filler").write_bytes(b"x" * (room.f_bavail * room.f_frsize - 200_000))
        said = []
        for number in range(40):
            ran = folder("hint", f"{number} " + "x" * 30_000, "--offline", "--json")
            if ran.code:
                break
            said.append(ran.doc["event_id"])
        assert said
        assert ran.code == 1, "the disk never got full"
        assert "full" in ran.err
        assert len(ran.err.splitlines()) <= 2
        kept = [doc["id"] for doc in folder.process("history", "--json", "--type", "coach_hint").docs]
        assert kept == said


def start(folder: Folder, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(SCRIPT), *arguments],
        cwd=folder.path,
        env={**clean_environment(), **folder.env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


class Lines:
    """Lines of a process's stdout, read by a thread so that waiting for one has an end."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def next(self, seconds: float = 30) -> dict[str, Any]:
        """The next document, or a failure that says what the process had to say."""
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            line = ""
        if not line:
            self._process.kill()
            assert self._process.stderr is not None
            raise AssertionError(f"no more lines; {self._process.wait()}: {self._process.stderr.read()}")
        document: dict[str, Any] = json.loads(line)
        return document

    def end(self) -> None:
        """Wait for the end of the output."""
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()


@pytest.mark.parametrize("arguments", [["watch", "--json"], ["history", "--follow", "--json"]])
def test_watching_shows_what_arrives_and_ends_quietly(coach: Folder, student: Folder, arguments: list[str]) -> None:
    student("inbox")
    process = start(student, *arguments)
    lines = Lines(process)
    assert process.stderr is not None
    try:
        if arguments[0] == "history":
            seen = [lines.next()["_id"] for _ in student("history", "--json").docs]
            assert seen == [doc["_id"] for doc in student("history", "--json").docs]
        else:
            assert process.stderr.readline() == "Watching; Ctrl-C ends it.\n"
        said = coach("hint", "from the coach", "--json").doc
        first = lines.next()
        assert (first["id"], first["_delivery"]) == (said["event_id"], "received")
        own = student("stage", "note", "--note", "from here", "--json").doc
        second = lines.next()
        assert second["id"] == own["event_id"]
        assert own["delivery"] == "local"
    finally:
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        code = process.wait(timeout=20)
    assert code == 130
    assert time.monotonic() - started < 5
    lines.end()
    assert process.stderr.read() == ""
    process.stderr.close()


def test_a_watch_whose_reader_leaves_ends(coach: Folder) -> None:
    process = start(coach, "watch", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.readline()
    process.stdout.close()
    coach("hint", "one")
    assert process.wait(timeout=20) == 141
    assert process.stderr.read() == ""
    process.stderr.close()


def test_the_shell_is_offered_verbs_and_options(nowhere: Folder) -> None:
    def complete(words: str) -> list[str]:
        count = str(len(words.split(" ")) - 1)
        env = {"_COLEARNER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": count}
        ran = nowhere.process(env=env)
        assert ran.code == 0, ran
        return [line.partition(",")[2] for line in ran.out.splitlines() if line]

    assert complete("colearner sta") == ["status", "stage"]
    assert complete("colearner coach ass") == ["assign"]
    assert "--json" in complete("colearner status --")
    assert complete("colearner feedback x --grade ") == ["pass", "revise"]
    assert complete("colearner req") == []


def test_logs_go_to_stderr_when_asked_for(coach: Folder) -> None:
    quiet = coach.process("sync")
    assert quiet.err == ""
    loud = coach.process("sync", env={"COLEARNER_LOG": "debug"})
    assert loud.code == 0
    assert loud.out == quiet.out
