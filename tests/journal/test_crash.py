"""kill -9 at any moment: nothing acknowledged is lost, nothing is doubled, and one append costs one fsync."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lifecycle_file import LifecycleFile
from tests.journal import crash_writers
from tests.journal.samples import BUS, PROGRESS, step, until
from tests.journal.syscalls import count_syncs

ROOT = str(Path(__file__).parents[2])
ROUNDS = int(os.environ.get("COLEARNER_KILLS", "40"))


class Zygote:
    """Starts processes of crash_writers.py that are at work within milliseconds, and kills them."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": ROOT}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.journal.crash_writers", "zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._alive: set[int] = set()

    def start(self, *words: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self._process.stdin.flush()
        pid = int(self._process.stdout.readline())
        self._alive.add(pid)
        return pid

    def kill(self, pid: int) -> None:
        """kill -9; fails where the process had ended by itself."""
        os.kill(pid, signal.SIGKILL)
        self._alive.discard(pid)
        until(lambda: not Path(f"/proc/{pid}").exists())

    def close(self) -> None:
        for pid in list(self._alive):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def zygote() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


def independent(path: Path) -> sqlite3.Connection:
    """A reader that shares no code with the journal."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)


def kill_in_a_loop(zygote: Zygote, works: list[tuple[object, ...]], rounds: int, progress: Callable[[], int]) -> None:
    """Keep these processes running, and kill one of them at a random moment of its work, ``rounds`` times."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    running = [zygote.start(*work) for work in works]
    for _ in range(rounds):
        before = progress()
        until(lambda before=before: progress() > before)
        time.sleep(chance.uniform(0.0, 0.03))  # the moment of death is the point of it
        place = chance.randrange(len(running))
        zygote.kill(running[place])
        running[place] = zygote.start(*works[place])
    for pid in running:
        zygote.kill(pid)


def test_kill_9_of_appending_processes_loses_and_doubles_nothing(zygote: Zygote, tmp_path: Path) -> None:
    folder, note = tmp_path / "ä b", tmp_path / "acknowledged"
    works: list[tuple[object, ...]] = [("append", folder, note, name) for name in ("a", "b")]
    kill_in_a_loop(zygote, works, ROUNDS, lambda: note.stat().st_size if note.exists() else 0)
    acknowledged = note.read_text().split()
    with independent(folder / "journal.db") as db:
        events = [event_id for (event_id,) in db.execute("SELECT id FROM event")]
        assert len(acknowledged) > ROUNDS
        assert set(acknowledged) <= set(events)
        assert len(events) == len(set(events))
        assert db.execute("SELECT count(*) FROM outbox o JOIN event e ON e.id = o.id AND e.row = o.row").fetchone()[
            0
        ] == len(events)
        assert db.execute("SELECT count(*) FROM outbox").fetchone()[0] == len(events)
        writers = db.execute(
            "SELECT writer, session, min(seq), max(seq), count(*), count(DISTINCT seq) FROM event GROUP BY 1, 2"
        )
        for _, _, first, last, count, distinct in writers:
            assert (first, last) == (1, count)
            assert distinct == count
        # Events of one append, its claim and its local record are there together or not at all.
        claims = Counter(key.rsplit("-", 1)[0] for (key,) in db.execute("SELECT key FROM done"))
        steps = Counter(
            step_name.rsplit("-", 1)[0]
            for (step_name,) in db.execute("SELECT json_extract(raw, '$.payload.active_step') FROM event")
        )
        for name, times in claims.items():
            assert steps[name] == times * (1 + int(name.split("-")[1]) % 3)
        assert set(claims) == set(steps)
        assert {key for (key,) in db.execute("SELECT key FROM local WHERE kind = 'with'")} == set(claims)
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    db.close()
    with Journal.open(folder) as journal:
        assert journal.holes() == ()
        assert journal.integrity_check() == ()
        LifecycleFile(journal).update()
        assert (folder / "lifecycle.jsonl").read_bytes() == b"".join(stored.raw + b"\n" for stored in journal.events())
    assert not list(folder.glob("*.bak-*"))


def test_kill_9_of_receiving_processes_applies_everything_once(zygote: Zygote, tmp_path: Path) -> None:
    folder = tmp_path / "j"
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        kill_in_a_loop(zygote, [("receive", folder)] * 2, ROUNDS // 2, journal.count)
        read = journal.cursors.all(BUS)[PROGRESS, 0].next
        assert [stored.raw for stored in journal.events("s1")] == [crash_writers.said(offset) for offset in range(read)]
        assert journal.quarantine.count() == 0
        assert journal.integrity_check() == ()


def test_two_processes_append_at_once(zygote: Zygote, folder: Path, tmp_path: Path, journal: Journal) -> None:
    note = tmp_path / "acknowledged"
    running = [zygote.start("append", folder, note, name) for name in ("a", "b")]
    for number in range(30):
        journal.append([step(f"here-{number}-0")])
    names: set[str] = set()
    until(lambda: _names(journal, names) == {"a", "b", "here"})
    for pid in running:
        zygote.kill(pid)
    events = list(journal.events("s1"))
    assert [stored.event.seq for stored in events] == list(range(1, len(events) + 1))
    assert [stored.event.hlc for stored in events] == sorted({stored.event.hlc for stored in events})


def _names(journal: Journal, names: set[str]) -> set[str]:
    names.update(stored.event.payload["active_step"].split("-")[0] for stored in journal.events("s1"))
    return names


def test_one_append_costs_one_fsync(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": ROOT}

    def syncs(count: int) -> int:
        command = [sys.executable, "-m", "tests.journal.crash_writers", str(tmp_path / str(count)), str(count)]
        return count_syncs(command, environment).total()

    few, many = syncs(2), syncs(22)
    assert many - few == 20


def test_a_received_batch_waits_for_no_disk(journal: Journal) -> None:
    """Received events can be fetched again: they are written with ``synchronous=NORMAL``."""
    seen: list[str] = []
    journal.append([step("1")])
    connection = journal.database._writer
    assert connection is not None
    connection.set_trace_callback(seen.append)
    from tests.journal.samples import deliver, raw

    deliver(journal, [raw()])
    assert "PRAGMA synchronous=NORMAL" in seen
    seen.clear()
    journal.append([step("2")])
    assert [line for line in seen if "synchronous" in line or line in ("BEGIN IMMEDIATE", "COMMIT")] == [
        "PRAGMA synchronous=FULL",
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
