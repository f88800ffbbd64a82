"""What runs in the processes that test_crash.py kills."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from colearner_ls.journal.errors import CursorConflict
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lifecycle_file import LifecycleFile
from colearner_ls.journal.records import CursorMove, LocalRecord
from tests.journal.samples import BUS, PROGRESS, Record, raw, step

BATCH = 3


def said(number: int) -> bytes:
    """What stands on the bus at an offset: an event of another, always the same."""
    return raw(id=f"00000000-0000-4000-8000-{number:012x}", hlc=1_000_000 + number)


def keep_appending(folder: Path, acknowledged: Path, name: str) -> None:
    """Append for ever; note every event once it is acknowledged. The kernel has what was written to the note."""
    note = os.open(acknowledged, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Journal.open(folder) as journal:
        lifecycle = LifecycleFile(journal)
        number = 0
        while True:
            drafts = [step(f"{name}-{number}-{part}") for part in range(1 + number % 3)]
            local = [LocalRecord("with", f"{name}-{number}", number)]
            for stored in journal.append(drafts, local=local, claim=f"{name}-{number}-{os.getpid()}"):
                os.write(note, stored.event.id.encode() + b"\n")
            number += 1
            if number % 5 == 0:
                lifecycle.update()


def keep_receiving(folder: Path, fenced: Path | None = None) -> None:
    """Read a bus that never ends, together with others who do the same; a byte in ``fenced`` for every one too late."""
    note = None if fenced is None else os.open(fenced, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with Journal.open(folder) as journal:
        while True:
            cursor = journal.cursors.all(BUS).get((PROGRESS, 0))
            first = 0 if cursor is None else cursor.next
            batch = [Record(PROGRESS, 0, offset, said(offset)) for offset in range(first, first + BATCH)]
            move = CursorMove(None if cursor is None else first, first + BATCH)
            try:
                journal.receive(BUS, batch, {(PROGRESS, 0): move})
            except CursorConflict:  # another has read on
                if note is not None:
                    os.write(note, b".")


def append_some(folder: str, count: int) -> None:
    """Append ``count`` events, one at a time, and leave without closing."""
    journal = Journal.open(Path(folder))
    for number in range(count):
        journal.append([step(str(number))], local=[LocalRecord("k", str(number), 1)], claim=f"claim-{number}")
    print(json.dumps({"count": journal.count()}), flush=True)
    os._exit(0)


def zygote() -> None:
    """Fork a process for each JSON line ``[function, *paths and words]`` and answer with its id.

    Everything is imported by then, so a forked process is at work within milliseconds.
    """
    import colearner_ls.contracts.judging
    import colearner_ls.contracts.payloads  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        name, *words = json.loads(line)
        pid = os.fork()
        if pid == 0:
            sys.stdin.close()
            try:
                works: dict[str, Callable[..., None]] = {"append": _append, "receive": _receive}
                works[name](*words)
            finally:
                os._exit(1)
        print(pid, flush=True)


def _append(folder: str, acknowledged: str, name: str) -> None:
    keep_appending(Path(folder), Path(acknowledged), name)


def _receive(folder: str, fenced: str | None = None) -> None:
    keep_receiving(Path(folder), None if fenced is None else Path(fenced))


if __name__ == "__main__":
    if sys.argv[1:] == ["zygote"]:
        zygote()
    else:
        append_some(sys.argv[1], int(sys.argv[2]))
