"""The outbox: own events on their way to the bus that their session is bound to."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

from colearner_ls.contracts.rows import event_from_row
from colearner_ls.journal.bus_values import epoch_of
from colearner_ls.journal.database import Database
from colearner_ls.journal.records import Acknowledged, OutboxCounts, OutboxRow, Refusal
from colearner_ls.journal.rows import now_us

# «<> 'sent'» says nothing new, but lets SQLite use the index of what is not sent, which stays small.
_WAITING: Final = """SELECT e.id, e.hlc, e.derived, e.raw, o.topic, e.row, o.attempts
    FROM outbox o JOIN event e ON e.row = o.row
    WHERE o.state = 'waiting' AND o.state <> 'sent' AND o.session IN (SELECT id FROM session WHERE bus = ?)
    ORDER BY o.row LIMIT ?"""


class Outbox:
    """Rows, not a cursor: one event that cannot be sent holds no other back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def waiting(self, bus: str, limit: int = 500) -> tuple[OutboxRow, ...]:
        """Own events of the sessions bound to ``bus`` that are to be sent, in journal order, at most ``limit``."""
        rows = self._database.read(lambda db: db.execute(_WAITING, (bus, limit)).fetchall())
        return tuple(
            OutboxRow(event_from_row(raw, id=event_id, hlc=hlc, derived=bool(derived)), raw, topic, row, attempts)
            for event_id, hlc, derived, raw, topic, row, attempts in rows
        )

    def mark_sending(self, ids: Sequence[str]) -> tuple[str, ...]:
        """Commit, before the send, that these go out now; the ids that really were waiting (others may be taken back).

        From here on their outcome is unknown until it is known: after a crash they are sent again.
        """
        return self._database.write(lambda db: _mark_sending(db, ids), durable=False)

    def mark_sent(self, acks: Iterable[tuple[str, int, int]], *, bus: str | None = None) -> None:
        """The bus has acknowledged (event id, partition, offset). Offset below 0: it is there, nobody knows where.

        Only what is being sent can be acknowledged: after a rebinding the word of the old bus counts nothing. ``bus``
        makes sure of it.
        """
        self._database.write(lambda db: _mark_sent(db, tuple(acks), bus), durable=False)

    def mark_unsent(self, ids: Sequence[str]) -> None:
        """These were not acknowledged, whatever that means: they wait to be sent again."""
        self._database.write(
            lambda db: db.executemany(
                "UPDATE outbox SET state = 'waiting', at = ? WHERE id = ? AND state = 'sending'",
                [(now_us(), event_id) for event_id in ids],
            ),
            durable=False,
        )

    def mark_refused(self, event_id: str, reason: str) -> None:
        """The bus refuses this one for good; the others go on."""
        query = "UPDATE outbox SET state = 'refused', reason = ?, at = ? WHERE id = ? AND state <> 'sent'"
        self._database.write(lambda db: db.execute(query, (reason, now_us(), event_id)), durable=True)

    def requeue(self, bus: str) -> int:
        """Let what a dead sender left in ``sending`` wait again; the new holder of sync calls it first. How many."""
        query = """UPDATE outbox SET state = 'waiting', at = ?
            WHERE state = 'sending' AND state <> 'sent' AND session IN (SELECT id FROM session WHERE bus = ?)"""
        return self._database.write(lambda db: db.execute(query, (now_us(), bus)).rowcount, durable=False)

    def retry_refused(self, ids: Sequence[str] | None = None) -> int:
        """Try refused events once more (all of them, or those named); how many."""
        return self._database.write(lambda db: _retry_refused(db, ids), durable=True)

    def resend_unseen(self, bus: str) -> int:
        """After :meth:`Cursors.reset` and reading to the end: let own events wait again that the bus did not show.

        How many. An event acknowledged since the reset counts as shown.
        """
        return self._database.write(lambda db: _resend_unseen(db, bus), durable=True)

    def counts(self, bus: str | None = None) -> OutboxCounts:
        """How many own events are in which state: of all sessions, or of those bound to ``bus``."""
        query = """SELECT o.state, count(*) FROM outbox o JOIN session s ON s.id = o.session
            WHERE ?1 IS NULL OR s.bus = ?1 GROUP BY o.state"""
        return OutboxCounts(**dict(self._database.read(lambda db: db.execute(query, (bus,)).fetchall())))

    def refused(self) -> tuple[Refusal, ...]:
        """Own events that were refused for good, in journal order."""
        query = """SELECT o.id, o.session, e.event_type, coalesce(o.reason, ''), o.at
            FROM outbox o JOIN event e ON e.id = o.id
            WHERE o.state = 'refused' AND o.state <> 'sent' ORDER BY o.row"""
        return tuple(Refusal(*row) for row in self._database.read(lambda db: db.execute(query).fetchall()))

    def acknowledged(self, bus: str) -> tuple[Acknowledged, ...]:
        """For each partition of ``bus`` the newest own event known to stand there, to check whether it still does."""
        query = """SELECT o.topic, o.partition, max(o."offset"), o.id FROM outbox o JOIN session s ON s.id = o.session
            WHERE s.bus = ? AND o.state = 'sent' AND o.partition IS NOT NULL AND o.epoch = ?
            GROUP BY o.topic, o.partition"""
        rows = self._database.read(lambda db: db.execute(query, (bus, epoch_of(db, bus))).fetchall())
        return tuple(Acknowledged(topic, partition, offset, event_id) for topic, partition, offset, event_id in rows)


def _mark_sending(db: sqlite3.Connection, ids: Sequence[str]) -> tuple[str, ...]:
    query = "UPDATE outbox SET state = 'sending', attempts = attempts + 1, at = ? WHERE id = ? AND state = 'waiting'"
    at = now_us()
    return tuple(event_id for event_id in ids if db.execute(query, (at, event_id)).rowcount)


def _mark_sent(db: sqlite3.Connection, acks: Sequence[tuple[str, int, int]], bus: str | None) -> None:
    at = now_us()
    for event_id, partition, offset in acks:
        query = """SELECT s.bus FROM outbox o JOIN session s ON s.id = o.session
            WHERE o.id = ?1 AND o.state = 'sending' AND (?2 IS NULL OR s.bus = ?2)"""
        found = db.execute(query, (event_id, bus)).fetchone()
        if found is None:
            continue
        place: tuple[Any, Any] = (partition, offset) if offset >= 0 else (None, None)
        db.execute(
            """UPDATE outbox SET state = 'sent', partition = ?, "offset" = ?, epoch = ?, reason = NULL, at = ?
            WHERE id = ?""",
            (*place, epoch_of(db, found[0]), at, event_id),
        )


def _retry_refused(db: sqlite3.Connection, ids: Sequence[str] | None) -> int:
    query = "UPDATE outbox SET state = 'waiting', reason = NULL, at = ? WHERE state = 'refused' AND state <> 'sent'"
    if ids is None:
        return db.execute(query + " AND reason <> 'id_conflict'", (now_us(),)).rowcount
    return sum(db.execute(query + " AND id = ?", (now_us(), event_id)).rowcount for event_id in ids)


def _resend_unseen(db: sqlite3.Connection, bus: str) -> int:
    query = """UPDATE outbox SET state = 'waiting', partition = NULL, "offset" = NULL, at = ?
        WHERE state = 'sent' AND epoch < ? AND session IN (SELECT id FROM session WHERE bus = ?)"""
    return db.execute(query, (now_us(), epoch_of(db, bus), bus)).rowcount
