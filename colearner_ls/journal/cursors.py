"""Cursors: where reading stands, moved by compare-and-set in the transaction of the events they brought."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from colearner_ls.journal.bus_values import next_epoch
from colearner_ls.journal.database import Database
from colearner_ls.journal.errors import CursorConflict
from colearner_ls.journal.records import Backfill, Cursor, CursorMove, PartitionKey

MAIN: Final = 0
"""The batch number of the main reader."""


class Cursors:
    """The cursors of the main reader, and the backfills that follow it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self, bus: str) -> dict[PartitionKey, Cursor]:
        """The main cursors of that bus, by (base topic name, partition). A partition without one was never read."""
        return self._database.read(lambda db: {(c.topic, c.partition): c for c in _cursors(db, bus, MAIN)})

    def reset(self, bus: str) -> None:
        """Read that bus again from the beginning: it lost data, or it is another one at the same address.

        Pending backfills end, because the main reader now comes by everything. From here on
        :meth:`~colearner_ls.journal.outbox.Outbox.resend_unseen` can tell which own events were not seen again.
        """
        self._database.write(lambda db: _reset(db, bus), durable=False)

    def backfills(self, bus: str | None = None) -> tuple[Backfill, ...]:
        """The backfills that are not finished, oldest first."""
        return self._database.read(lambda db: _backfills(db, bus))

    def finish_backfill(self, number: int) -> None:
        """The second reader has come to ``until`` everywhere: its sessions have their history."""
        self._database.write(lambda db: _finish(db, number), durable=False)


def move(db: sqlite3.Connection, bus: str, batch: int, moves: Mapping[PartitionKey, CursorMove]) -> None:
    """Move cursors inside a running write transaction. Raises :class:`CursorConflict`; the caller rolls back."""
    for (topic, partition), step in moves.items():
        place = (bus, batch, topic, partition)
        query = "SELECT next FROM cursor WHERE bus = ? AND batch = ? AND topic = ? AND partition = ?"
        found = db.execute(query, place).fetchone()
        at = None if found is None else found[0]
        if at != step.expected:
            raise CursorConflict(bus, topic, partition, expected=step.expected, found=at)
        db.execute(
            """INSERT INTO cursor(bus, batch, topic, partition, next, last_hash) VALUES(?,?,?,?,?,?)
            ON CONFLICT(bus, batch, topic, partition)
            DO UPDATE SET next = excluded.next, last_hash = coalesce(excluded.last_hash, last_hash)""",
            (*place, step.next, step.last_hash),
        )


def start_backfill(db: sqlite3.Connection, bus: str, session_ids: list[str], now_us: int) -> int | None:
    """Give sessions that are followed from now on their history: one job up to where the main reader stands.

    ``None`` where the main reader has read nothing yet, so that it comes by everything itself. Runs inside the
    transaction that adds the sessions: a batch that the main reader has fetched already ends at its own cursor check.
    """
    main = _cursors(db, bus, MAIN)
    if not session_ids or not any(cursor.next > 0 for cursor in main):
        return None
    number = db.execute("INSERT INTO backfill(bus, at) VALUES(?,?)", (bus, now_us)).lastrowid
    assert number is not None
    db.executemany(
        "INSERT INTO backfill_session(batch, session) VALUES(?,?)", [(number, session) for session in session_ids]
    )
    db.executemany(
        "INSERT INTO cursor(bus, batch, topic, partition, next, until) VALUES(?,?,?,?,0,?)",
        [(bus, number, cursor.topic, cursor.partition, cursor.next) for cursor in main if cursor.next > 0],
    )
    return number


def loading(db: sqlite3.Connection) -> frozenset[str]:
    """The sessions whose history is still being read."""
    return frozenset(session for (session,) in db.execute("SELECT DISTINCT session FROM backfill_session"))


def _cursors(db: sqlite3.Connection, bus: str, batch: int) -> tuple[Cursor, ...]:
    query = """SELECT topic, partition, next, last_hash, until FROM cursor
        WHERE bus = ? AND batch = ? ORDER BY topic, partition"""
    return tuple(Cursor(*row) for row in db.execute(query, (bus, batch)))


def _backfills(db: sqlite3.Connection, bus: str | None) -> tuple[Backfill, ...]:
    jobs = db.execute("SELECT batch, bus FROM backfill WHERE ?1 IS NULL OR bus = ?1 ORDER BY batch", (bus,)).fetchall()
    return tuple(
        Backfill(
            number,
            of_bus,
            tuple(
                session
                for (session,) in db.execute(
                    "SELECT session FROM backfill_session WHERE batch = ? ORDER BY session", (number,)
                )
            ),
            _cursors(db, of_bus, number),
        )
        for number, of_bus in jobs
    )


def _reset(db: sqlite3.Connection, bus: str) -> None:
    for (number,) in db.execute("SELECT batch FROM backfill WHERE bus = ?", (bus,)).fetchall():
        _finish(db, number)
    db.execute("DELETE FROM cursor WHERE bus = ?", (bus,))
    next_epoch(db, bus)


def _finish(db: sqlite3.Connection, number: int) -> None:
    db.execute("DELETE FROM backfill_session WHERE batch = ?", (number,))
    db.execute("DELETE FROM cursor WHERE batch = ?", (number,))
    db.execute("DELETE FROM backfill WHERE batch = ?", (number,))
