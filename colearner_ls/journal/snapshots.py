"""Snapshots of the fold: opaque bytes at places in the order of a session's events, dropped when they become wrong."""

from __future__ import annotations

import sqlite3
from typing import Final

from colearner_ls.journal.database import Database
from colearner_ls.journal.records import Snapshot
from colearner_ls.journal.trust_left import left_row

KEPT: Final = 4
"""Snapshots kept for each session: a few, so that an event landing a little back does not cost the whole history."""


class Snapshots:
    """Put and get snapshots. Losing one only costs time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, snapshot: Snapshot, *, through_row: int) -> bool:
        """Store a snapshot that holds every event of the session up to journal row ``through_row``.

        False, and nothing stored, where an event has come since that belongs into it.
        """
        return self._database.write(lambda db: _put(db, snapshot, through_row), durable=False)

    def latest(self, session_id: str, *, version: str = "") -> Snapshot | None:
        """The snapshot farthest in the order that was made by the same ``version`` of the fold."""
        query = """SELECT session, hlc, id, data, version FROM snapshot WHERE session = ? AND version = ?
            ORDER BY hlc DESC, id DESC LIMIT 1"""
        row = self._database.read(lambda db: db.execute(query, (session_id, version)).fetchone())
        if row is None:
            return None
        session, hlc, event_id, data, made_by = row
        return Snapshot(session, (hlc, event_id), data, made_by)

    def drop(self, session_id: str) -> None:
        """Forget the snapshots of a session."""
        query = "DELETE FROM snapshot WHERE session = ?"
        self._database.write(lambda db: db.execute(query, (session_id,)), durable=False)


def _put(db: sqlite3.Connection, snapshot: Snapshot, through_row: int) -> bool:
    session, (hlc, event_id) = snapshot.session_id, snapshot.position
    if through_row <= left_row(db, session):
        return False  # an event left since; this fold may still hold it
    query = "SELECT 1 FROM event WHERE session = ? AND row > ? AND ((hlc, id) <= (?, ?) OR replaced) LIMIT 1"
    if db.execute(query, (session, through_row, hlc, event_id)).fetchone():
        return False
    if not db.execute(
        "SELECT 1 FROM event WHERE id = ? AND session = ? AND hlc = ?", (event_id, session, hlc)
    ).fetchone():
        return False  # the event at the position itself was displaced
    db.execute(
        "INSERT OR REPLACE INTO snapshot(session, hlc, id, version, data) VALUES(?,?,?,?,?)",
        (session, hlc, event_id, snapshot.version, snapshot.data),
    )
    db.execute(
        """DELETE FROM snapshot WHERE session = ?1 AND (version <> ?2 OR (hlc, id) NOT IN
        (SELECT hlc, id FROM snapshot WHERE session = ?1 AND version = ?2 ORDER BY hlc DESC, id DESC LIMIT ?3))""",
        (session, snapshot.version, KEPT),
    )
    return True
