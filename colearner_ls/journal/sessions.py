"""Which sessions are followed here, and the one bus that each is bound to."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from colearner_ls.journal import cursors
from colearner_ls.journal.errors import OtherBus
from colearner_ls.journal.records import Session


def follow(db: sqlite3.Connection, session_ids: Sequence[str], bus: str, now_us: int) -> tuple[str, ...]:
    """Follow sessions on ``bus`` inside a running write transaction; those that were not followed there before.

    Where the main reader is past their beginning, one backfill is started for all of them. Raises
    :class:`~colearner_ls.journal.errors.OtherBus` for a session that is bound elsewhere.
    """
    fresh = []
    for session_id in dict.fromkeys(session_ids):
        found = db.execute("SELECT bus FROM session WHERE id = ?", (session_id,)).fetchone()
        if found is not None and found[0] == bus:
            continue
        if found is not None and found[0] is not None:
            raise OtherBus(session_id, bound=found[0], asked=bus)
        db.execute(
            "INSERT INTO session(id, bus, since) VALUES(?,?,?) ON CONFLICT(id) DO UPDATE SET bus = excluded.bus",
            (session_id, bus, now_us),
        )
        fresh.append(session_id)
    cursors.start_backfill(db, bus, fresh, now_us)
    return tuple(fresh)


def rebind(db: sqlite3.Connection, session_id: str, bus: str, now_us: int) -> int:
    """Bind a session to another bus; how many own events are to be sent there. Its history is read from there too."""
    found = db.execute("SELECT bus FROM session WHERE id = ?", (session_id,)).fetchone()
    if found is not None and found[0] == bus:
        return 0
    db.execute(
        "INSERT INTO session(id, bus, since) VALUES(?,?,?) ON CONFLICT(id) DO UPDATE SET bus = excluded.bus",
        (session_id, bus, now_us),
    )
    db.execute("DELETE FROM backfill_session WHERE session = ?", (session_id,))
    cursors.start_backfill(db, bus, [session_id], now_us)
    return db.execute(
        """UPDATE outbox SET state = 'waiting', partition = NULL, "offset" = NULL, epoch = 0, reason = NULL,
        attempts = 0, at = ? WHERE session = ? AND coalesce(reason, '') <> 'id_conflict'""",
        (now_us, session_id),
    ).rowcount


def adopt_bus(db: sqlite3.Connection, old: str, new: str) -> tuple[str, ...]:
    """The bus ``old`` answers at another address now: everything about it goes on under ``new``; the sessions moved.

    What was known under ``new`` before gives way, as its cursors were read for other sessions.
    """
    moved = tuple(session for (session,) in db.execute("SELECT id FROM session WHERE bus = ? ORDER BY id", (old,)))
    resident = [session for (session,) in db.execute("SELECT id FROM session WHERE bus = ?", (new,))]
    if resident:
        # Both names were in use; the cursors of one say nothing about the other's sessions, so the moved load anew.
        db.execute("UPDATE session SET bus = ? WHERE bus = ?", (new, old))
        # How often the old name was begun anew says nothing under the new one: what is not seen from here on is sent again.
        db.executemany("UPDATE outbox SET epoch = 0 WHERE session = ?", [(session,) for session in moved])
        cursors.start_backfill(db, new, list(moved), 0)
        db.execute("DELETE FROM backfill_session WHERE batch IN (SELECT batch FROM backfill WHERE bus = ?)", (old,))
        for table in ("cursor", "backfill", "bus_value"):
            db.execute(f"DELETE FROM {table} WHERE bus = ?", (old,))  # noqa: S608 - names from the line above
        return moved
    for table in ("cursor", "bus_value"):
        db.execute(f"DELETE FROM {table} WHERE bus = ?", (new,))  # noqa: S608 - names from the line above
    for table in ("session", "cursor", "backfill", "bus_value"):
        db.execute(f"UPDATE {table} SET bus = ? WHERE bus = ?", (new, old))  # noqa: S608 - names from the line above
    return moved


def sessions(db: sqlite3.Connection) -> tuple[Session, ...]:
    """All sessions, oldest first."""
    loading = cursors.loading(db)
    query = """SELECT s.id, s.bus, s.since, (SELECT count(*) FROM event e WHERE e.session = s.id)
        FROM session s ORDER BY s.since, s.id"""
    return tuple(Session(name, bus, since, count, name in loading) for name, bus, since, count in db.execute(query))


def bound_bus(db: sqlite3.Connection, session_id: str) -> str | None:
    """The key of the bus the session is bound to; ``None`` where it is not bound or not known."""
    found = db.execute("SELECT bus FROM session WHERE id = ?", (session_id,)).fetchone()
    return None if found is None else found[0]
