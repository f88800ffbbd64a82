"""Questions to the journal. All run on one consistent view and never wait for a writer."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from colearner_ls.contracts.event import Event
from colearner_ls.journal.database import Database
from colearner_ls.journal.errors import JournalReplaced
from colearner_ls.journal.records import Hole, Position, Stored
from colearner_ls.journal.rows import STORED, check_order, event_rows, stored

CHUNK: Final = 500
"""Events read at a time, so that no long read keeps the write-ahead log from being cut back."""

FOLD_CHUNK: Final = 2000
"""The same for the fold, which reads much at its start and little of each event."""

_ID_PART: Final = re.compile(r"[0-9a-f-]{4,36}")

_HOLES: Final = """SELECT session, writer, before + 1, seq - 1 FROM (
        SELECT session, writer, seq, lag(seq, 1, 0) OVER (PARTITION BY session, writer ORDER BY seq) AS before
        FROM event WHERE writer IS NOT NULL AND seq IS NOT NULL)
    WHERE seq > before + 1 ORDER BY session, writer, seq"""


def after_row(database: Database, row: int, session_id: str | None) -> Iterator[Stored]:
    """Events in journal order after ``row``, of one session or of all.

    Where the file turns out to be damaged, and is salvaged, rows are numbered anew: then it begins at the first one, or
    says so where some were given out already.
    """
    query = f"{STORED} WHERE e.row > ?1 AND (?2 IS NULL OR e.session = ?2) ORDER BY e.row LIMIT {CHUNK}"
    generation = database.current_generation()
    begun = False
    while True:
        chunk = _chunk(database, query, (row, session_id))
        if database.generation != generation:
            if begun:
                raise JournalReplaced(database.path)
            generation, row = database.generation, 0
            continue
        yield from chunk
        if len(chunk) < CHUNK:
            return
        row, begun = chunk[-1].row, True


def in_order(database: Database, session_id: str, after: Position | None) -> Iterator[Stored]:
    """Events of a session in the order of the fold, after a position."""
    query = f"{STORED} WHERE e.session = ?1 AND (e.hlc, e.id) > (?2, ?3) ORDER BY e.hlc, e.id LIMIT {CHUNK}"
    hlc, event_id = after or (-1, "")
    while chunk := _chunk(database, query, (session_id, hlc, event_id)):
        yield from chunk
        if len(chunk) < CHUNK:
            return
        hlc, event_id = chunk[-1].event.position


def applied_in_order(database: Database, session_id: str, after: Position | None) -> Iterator[Event]:
    """What the fold takes: the applied events of a session in their order, after a position. Nothing else of the rows is
    read, so it is faster than :func:`in_order`."""
    position = after or (-1, "")
    while chunk := database.read(partial(_applied_after, session_id, position)):
        yield from chunk
        if len(chunk) < FOLD_CHUNK:
            return
        position = chunk[-1].position


def _applied_after(session_id: str, position: Position, db: sqlite3.Connection) -> list[Event]:
    query = """SELECT id, hlc, derived, raw FROM event WHERE session = ? AND (hlc, id) > (?, ?) AND applied
        ORDER BY hlc, id LIMIT ?"""
    found = event_rows(db.execute(query, (session_id, *position, FOLD_CHUNK)))
    if len(found) == FOLD_CHUNK:
        check_order((position, found[-1].position))
    return found


def one(db: sqlite3.Connection, event_id: str) -> Stored | None:
    """The event of that id."""
    row = db.execute(f"{STORED} WHERE e.id = ?", (event_id.lower(),)).fetchone()
    return None if row is None else stored(row)


def find(db: sqlite3.Connection, part: str, limit: int) -> tuple[Stored, ...]:
    """Events whose id begins or ends with ``part``, newest first; none for less than 4 characters."""
    part = part.strip().lower()
    if not _ID_PART.fullmatch(part):
        return ()
    query = f"{STORED} WHERE e.id >= ?1 AND e.id < ?1 || 'g' OR e.id LIKE '%' || ?1 ORDER BY e.row DESC LIMIT ?2"
    return tuple(stored(row) for row in db.execute(query, (part, limit)))


def count(db: sqlite3.Connection, session_id: str | None) -> int:
    """How many events there are, in one session or in all."""
    query = "SELECT count(*) FROM event WHERE ?1 IS NULL OR session = ?1"
    return int(db.execute(query, (session_id,)).fetchone()[0])


def last_row(db: sqlite3.Connection) -> int:
    """The newest row number, 0 in an empty journal."""
    return int(db.execute("SELECT coalesce(max(row), 0) FROM event").fetchone()[0])


def holes(db: sqlite3.Connection) -> tuple[Hole, ...]:
    """Numbers that writers gave out and that never arrived, by session and writer."""
    return tuple(Hole(*row) for row in db.execute(_HOLES))


def _chunk(database: Database, query: str, values: tuple[Any, ...]) -> list[Stored]:
    """The next events: by row after ``values[0]``, or by position after ``values[1:]``."""

    def read(db: sqlite3.Connection) -> list[Stored]:
        found = [stored(row) for row in db.execute(query, values)]
        if isinstance(values[0], int):
            check_order([values[0], *(each.row for each in found)])
        else:
            check_order([values[1:], *(each.event.position for each in found)])
        return found

    return database.read(read)
