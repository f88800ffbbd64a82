"""Checking the journal: SQLite's own check, and whether the stored bytes are still the ones that were accepted."""

from __future__ import annotations

import sqlite3

from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.journal.database import Database

_STEP = 500


def check(database: Database) -> tuple[str, ...]:
    """Everything that is wrong, one sentence each."""
    problems = database.read(_sqlite_says)
    last = 0
    while found := _unsound_after(database, last):
        last, unsound = found
        problems += [f"Event {event_id}: its bytes are not the ones that were stored." for event_id in unsound]
    return tuple(problems)


def _sqlite_says(db: sqlite3.Connection) -> list[str]:
    found = [str(text) for (text,) in db.execute("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found


def _unsound_after(database: Database, row: int) -> tuple[int, list[str]] | None:
    """The last of the next rows, and the ids of those among them that are unsound; ``None`` at the end."""
    query = "SELECT row, id, content, raw FROM event WHERE row > ? ORDER BY row LIMIT ?"
    rows = database.read(lambda db: db.execute(query, (row, _STEP)).fetchall())
    if not rows or rows[-1][0] <= row:  # pages that lead back to themselves: SQLite's own check has said so
        return None
    return rows[-1][0], [event_id for _, event_id, content, raw in rows if not _is_sound(event_id, content, raw)]


def _is_sound(event_id: str, content: bytes, raw: bytes) -> bool:
    verdict = judge(raw)
    return isinstance(verdict, Accepted) and verdict.event.id == event_id and verdict.content == content
