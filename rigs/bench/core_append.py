"""What a use case asks of the disk and of the processor."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from colearner_ls.journal.identity import default_author
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Draft
from colearner_ls.journal.trust import Trust
from rigs.bench.figures import Figure, Promise, at_most, at_most_ratio
from rigs.bench.registry import ROOT, Bench, CannotMeasureError, measurement
from rigs.bench.use_cases import FILE, USE_CASES
from rigs.bench.workspaces import long_file, pair

FEW, MANY = 1, 4
APPENDS = 200
SESSION = "bench"

SYNCS = Promise("fsyncs", "fsync and fdatasync calls for each use case (assign, submit, feedback …)", "", at_most(1))
CPU = Promise(
    "append-cpu",
    "CPU time of an append: validated, numbered, stored with its outbox row; no key",
    "µs",
    at_most_ratio(5.0),
    "two rows of the same bytes inserted in one transaction",
)
SIGNED = Promise(
    "append-cpu-signed",
    "the same, signed with the author's Ed25519 key",
    "µs",
    at_most_ratio(5.0),
    "two rows of the same bytes inserted in one transaction",
)


@measurement(SYNCS)
def syncs(bench: Bench) -> Iterator[Figure]:
    """Counted by ptrace: what `MANY` of a use case call beyond what `FEW` do. Another process has the journal open, as a
    language server would, so that nobody is the last to close it, which copies the log into the database."""
    if not sys.platform.startswith("linux"):
        raise CannotMeasureError("system calls are counted by Linux's ptrace")
    from tests.journal.syscalls import count_syncs

    made = pair(bench, "fsyncs", {FILE: long_file(60)})
    made.assign(f"{FILE}:1")
    made.fetch()
    environment = {**made.environment, "PYTHONPATH": str(ROOT)}
    counts: dict[str, float] = {}
    here = Path.cwd()
    for name, (role, _) in USE_CASES.items():
        folder = made.coach if role == "coach" else made.student
        with Journal.open(folder / ".colearner") as held:
            held.count()
            os.chdir(folder)
            try:
                # The first one after the log was cut back syncs its new header, too.
                _, few, many = (_syncs(name, count, environment, count_syncs) for count in (1, FEW, MANY))
            finally:
                os.chdir(here)
        counts[name] = (many - few) / (MANY - FEW)
    told = ", ".join(f"{name} {value:g}" for name, value in counts.items())
    yield SYNCS.alone(sorted(counts.values()), note=told)


def _syncs(name: str, count: int, environment: dict[str, str], counted: Callable[..., Mapping[str, int]]) -> int:
    command = [sys.executable, "-m", "rigs.bench.use_cases", name, str(count)]
    return sum(counted(command, environment).values())


@measurement(CPU, SIGNED)
def appends(bench: Bench) -> Iterator[Figure]:
    """In this process, by CPU time: the disk's share is the fsync above, and the same on both sides."""
    folder = bench.scratch("append")
    plain, trusted = Trust(folder / "nobody"), Trust(folder / "somebody")
    trusted.keys.make(default_author())
    with (
        Journal.open(folder / "plain", trust=plain) as unsigned,
        Journal.open(folder / "signed", trust=trusted) as signed,
        Bare(folder / "bare.db") as bare,
    ):
        taken = bench.interleaved(
            {
                "append": lambda: _cpu(lambda number: unsigned.append([_draft(number)])),
                "signed": lambda: _cpu(lambda number: signed.append([_draft(number)])),
                "floor": lambda: _cpu(bare.insert),
            },
            15,
        )
        (first,) = list(signed.events(SESSION))[:1]
        if b'"sig"' not in first.raw:
            raise CannotMeasureError("the events of an author with a key are not signed")
    yield CPU.paired(taken["append"], taken["floor"])
    yield SIGNED.paired(taken["signed"], taken["floor"])


def _draft(number: int) -> Draft:
    payload = {
        "topic": "graph",
        "exercise": f"Make line {number} cope with cycles.",
        "expected": "Every node is visited once.",
        "anchors": [{"path": FILE, "quote": {"exact": "x = 1", "prefix": "\n", "suffix": "\n"}}],
    }
    return Draft("exercise_assigned", "coach", SESSION, payload, student_id="ada")


def _cpu(append: Callable[[int], object]) -> float:
    """Microseconds of CPU time for each of `APPENDS`."""
    began = time.process_time()
    for number in range(APPENDS):
        append(number)
    return (time.process_time() - began) / APPENDS * 1e6


class Bare:
    """The floor: a table for events and one for the outbox, and a commit that is on disk."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE event(row INTEGER PRIMARY KEY, id TEXT, raw BLOB)")
        self._db.execute("CREATE TABLE outbox(id TEXT PRIMARY KEY, row INTEGER, state TEXT) WITHOUT ROWID")
        self._number = 0

    def __enter__(self) -> Bare:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def insert(self, _number: int) -> None:
        """Both rows in one transaction."""
        self._number += 1
        name = f"019bd9c5-5c00-7000-8000-{self._number:012x}"
        self._db.execute("BEGIN IMMEDIATE")
        row = self._db.execute("INSERT INTO event(id, raw) VALUES(?, ?)", (name, b"x" * 600)).lastrowid
        self._db.execute("INSERT INTO outbox VALUES(?, ?, 'waiting')", (name, row))
        self._db.execute("COMMIT")
