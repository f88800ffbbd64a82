"""``make bench``: what a person waits for, measured with the real programs on this machine.

Medians of a few runs, with the slowest beside them; what they mean depends on the machine, which is named first. The
embedded bus and a small session: no broker, no load. Nothing is judged here: the numbers are for comparing two commits.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from demo.checkouts import Checkouts, check_out
from demo.editor import Editor
from demo.story import SAMPLE, sample_story

PROGRAMS = Path(sys.executable).parent
RUNS = 7
EVENTS = 2000


def main() -> int:
    """Measure and print; exit code 0."""
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores, load {_load()}")
    with tempfile.TemporaryDirectory(prefix="colearner-bench-") as name:
        folder = Path(name).resolve()
        checkouts = check_out(SAMPLE, folder, is_sample=True)
        environment = _set_up(checkouts, folder)
        _command_line(checkouts, environment)
        _editor(checkouts, environment, folder)
    _fold()
    return 0


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown"


def _say(what: str, seconds: list[float]) -> None:
    print(f"  {what:<58} {statistics.median(seconds) * 1000:8.1f} ms   slowest {max(seconds) * 1000:8.1f} ms")


def _timed(action: Callable[[], object], runs: int = RUNS) -> list[float]:
    taken = []
    for _ in range(runs):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return taken


def _run(folder: Path, environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(
        [str(PROGRAMS / command[0]), *command[1:]],
        cwd=folder,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def _set_up(checkouts: Checkouts, folder: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLEARNER_", "AAFW_"))}
    environment = {**kept, "COLEARNER_HOME": str(folder / "data")}
    session = ("--session", "bench", "--student", "ada")
    _run(checkouts.coach, environment, "colearner", "coach", "init", *session)
    _run(checkouts.student, environment, "colearner", "student", "init", *session)
    return environment


def _command_line(checkouts: Checkouts, environment: Mapping[str, str]) -> None:
    print("the command line, process start included")
    assign = ("colearner", "assign", "--topic", "t", "--exercise", "e", "--at", f"{sample_story().path}:1")
    _say("python -c pass", _timed(lambda: _run(checkouts.coach, environment, "python", "-c", "pass")))
    _say("colearner --version", _timed(lambda: _run(checkouts.coach, environment, "colearner", "--version")))
    _say("colearner status", _timed(lambda: _run(checkouts.coach, environment, "colearner", "status")))
    _say(
        "colearner assign --no-wait (stored, one fsync)",
        _timed(lambda: _run(checkouts.coach, environment, *assign, "--no-wait")),
    )
    _say(
        "colearner assign (stored and on the embedded bus)", _timed(lambda: _run(checkouts.coach, environment, *assign))
    )


def _editor(checkouts: Checkouts, environment: Mapping[str, str], folder: Path) -> None:
    print("the language server")
    path = sample_story().path

    def started() -> Editor:
        return Editor([str(PROGRAMS / "colearner-ls")], checkouts.student, environment, folder / "server.log")

    starts = []
    for _ in range(RUNS):
        began = time.perf_counter()
        editor = started()
        editor.start({})
        starts.append(time.perf_counter() - began)
        editor.stop()
    _say("start to the answer to initialize", starts)
    editor = started()
    try:
        editor.start({})
        editor.open(path)
        _wait_for_hints(editor, 1)
        _say("hints and lenses of a file", _timed(editor.view, 50))

        def typed() -> None:
            editor.type_above(0, "#")
            editor.view()

        _say("a line typed, and hints and lenses again", _timed(typed, 50))
        arrivals = []
        for number in range(RUNS):
            seen = len(editor.view().hints)
            line = str(20 + number)
            _run(checkouts.coach, environment, *f"colearner assign --topic t --exercise e --at {path}:{line}".split())
            began = time.perf_counter()
            _wait_for_hints(editor, seen + 1)
            arrivals.append(time.perf_counter() - began)
        _say("from the end of colearner assign to the hint in the editor", arrivals)
    finally:
        editor.stop()


def _wait_for_hints(editor: Editor, count: int) -> None:
    deadline = time.monotonic() + 20
    while len(editor.view().hints) < count:
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: not {count} hints within 20 s")
        time.sleep(0.005)


def _fold() -> None:
    from colearner_ls.contracts.event import Event
    from colearner_ls.domain.fold import SessionFold

    events = [
        Event(
            id=f"01900000-0000-7000-8000-{number:012x}",
            hlc=1_800_000_000_000_000 + number,
            ts="2027-01-15T08:00:00.000000Z",
            actor="student",
            session_id="bench",
            event_type="progress_update",
            payload={"completed": [f"s{number % 40}"], "confidence": {f"t{number % 10}": 0.5}},
            student_id="ada",
        )
        for number in range(EVENTS)
    ]

    def fold() -> None:
        folded = SessionFold.new("bench")
        for event in events:
            folded.apply(event)
        folded.view()

    print("the fold")
    _say(f"{EVENTS} events into a state", _timed(fold))


if __name__ == "__main__":
    sys.exit(main())
