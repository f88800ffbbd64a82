"""Ways in which a journal's files get damaged, drawn at random, and what must hold afterwards."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.journal import writers
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lifecycle_file import LifecycleFile
from tests.journal.samples import BUS, deliver, raw, send, step

PAGE = 4096
FILES = ("journal.db", "journal.db-wal", "journal.db-shm")


@dataclass(frozen=True)
class Sample:
    """A folder to copy, with what its journal had acknowledged."""

    folder: Path
    own: frozenset[str]
    """Ids of own events."""
    raws: tuple[bytes, ...]
    """Their bytes, as the bus has them."""


def make_sample(folder: Path, *, live: bool, lifecycle: bool) -> Sample:
    """A journal with some of everything: closed, or as a killed process leaves it (``live``: with a write-ahead log)."""
    home = folder.with_name(folder.name + " made") if live else folder
    journal = Journal.open(home)
    journal.follow("s1", BUS)
    stored = [each for n in range(40) for each in journal.append([step(f"{n}" + "x" * (n * 37 % 900))])]
    if live:
        journal.database.checkpoint()
    deliver(journal, [raw() for _ in range(30)] + [b"junk"])
    stored += [each for n in range(40, 60) for each in journal.append([step(f"{n}" + "y" * (n * 91 % 700))])]
    send(journal, [(each.event.id, 0, place) for place, each in enumerate(stored[:20])])
    journal.local.put("link", "a", {"to": "b"}, session="s1")
    if lifecycle:
        LifecycleFile(journal).update()
    if live:
        shutil.copytree(home, folder)
    journal.close()
    return Sample(folder, frozenset(each.event.id for each in stored), tuple(each.raw for each in stored))


def damage(folder: Path, chance: random.Random) -> str:
    """Damage the journal in ``folder``; what was done, in words."""
    there = [name for name in FILES if (folder / name).exists()]
    done = [chance.choice(_KINDS)(folder / chance.choice(there), chance) for _ in range(chance.choice((1, 1, 1, 2, 4)))]
    return ", ".join(done)


def _flip(path: Path, chance: random.Random) -> str:
    if not path.is_file() or not path.stat().st_size:
        return "nothing"
    at = chance.randrange(path.stat().st_size)
    data = chance.randbytes(chance.choice((1, 1, 8, 100, 600, PAGE)))
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    return f"{path.name}: {len(data)} bytes at {at}"


def _truncate(path: Path, chance: random.Random) -> str:
    if not path.is_file():
        return "nothing"
    size = path.stat().st_size
    to = chance.choice((0, chance.randrange(size + 1), chance.randrange(size // PAGE + 1) * PAGE))
    os.truncate(path, to)
    return f"{path.name}: {size} bytes cut to {to}"


def _zero(path: Path, chance: random.Random) -> str:
    if not path.is_file() or not path.stat().st_size:
        return "nothing"
    at = chance.randrange(path.stat().st_size) // PAGE * PAGE
    with path.open("r+b") as file:
        file.seek(at)
        file.write(bytes(PAGE * chance.choice((1, 3))))
    return f"{path.name}: zeros at {at}"


def _grow(path: Path, chance: random.Random) -> str:
    if not path.is_file():
        return "nothing"
    with path.open("ab") as file:
        file.write(chance.randbytes(chance.choice((1, 700, 3 * PAGE))))
    return f"{path.name}: grown"


def _delete_beside(path: Path, chance: random.Random) -> str:
    beside = path.with_name(chance.choice(FILES[1:]))
    if not beside.is_file():
        return "nothing"
    beside.unlink()
    return f"{beside.name}: deleted"


def _shuffle(path: Path, chance: random.Random) -> str:
    if not path.is_file() or path.stat().st_size < 3 * PAGE:
        return "nothing"
    count = path.stat().st_size // PAGE
    one, two = chance.randrange(count), chance.randrange(count)
    with path.open("r+b") as file:
        pages = []
        for page in (one, two):
            file.seek(page * PAGE)
            pages.append(file.read(PAGE))
        for page, data in zip((two, one), pages, strict=True):
            file.seek(page * PAGE)
            file.write(data)
    return f"{path.name}: pages {one} and {two} change places"


_KINDS = (_flip, _flip, _flip, _truncate, _zero, _grow, _delete_beside, _shuffle)


@dataclass(frozen=True)
class Outcome:
    """What was found afterwards: ``error`` in words where it ended with one that is typed."""

    found: frozenset[str]
    named: str
    salvages: int
    error: str = ""


def _in_place() -> AbstractContextManager[object]:
    """Let a journal that was copied for a test go on under its name, as one does that was damaged where it stands."""

    def knows(db: sqlite3.Connection, *_: object) -> bool:
        return db.execute("SELECT 1 FROM writer").fetchone() is not None

    return patch.object(writers, "knows", knows)


def use(folder: Path) -> Outcome:
    """Use the journal as a program does: open, read, append, bring the files up to date, check, salvage where told."""
    try:
        with _in_place(), Journal.open(folder) as journal:
            for _ in journal.events():
                pass
            journal.append([step("after")])
            LifecycleFile(journal).update()
            problems = journal.integrity_check()
            if problems:
                journal.salvage(problems[0])
                LifecycleFile(journal).update()
            for question in (journal.sessions, journal.salvages, journal.holes, journal.outbox.counts):
                question()
            assert journal.integrity_check() == ()
            found = frozenset(stored.event.id for stored in journal.events())
            reports = journal.salvages()
            return Outcome(found, " ".join(sentence for each in reports for sentence in each.lost), len(reports))
    except ColearnerError as error:
        return Outcome(frozenset(), "", 0, f"{type(error).__name__}: {error}")


def numbers(folder: Path) -> list[tuple[str, str, int]]:
    """(session, writer, seq) of all events, read with sqlite3 alone."""
    db = sqlite3.connect(folder / "journal.db")
    try:
        return db.execute("SELECT session, writer, seq FROM event WHERE writer IS NOT NULL").fetchall()
    finally:
        db.close()
