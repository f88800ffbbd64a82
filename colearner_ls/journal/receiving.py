"""Receiving: records from a bus become events, duplicates or quarantined bytes, in one transaction with the cursors."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal

from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US
from colearner_ls.contracts.frozen import frozen, mutable
from colearner_ls.contracts.judging import Accepted, Rejected, judge
from colearner_ls.journal import cursors, quarantine
from colearner_ls.journal.bus_values import add_count, epoch_of
from colearner_ls.journal.records import CursorMove, Incoming, PartitionKey, Received, Stored
from colearner_ls.journal.rows import Where, drop_snapshots, insert

Verdict = Accepted | Rejected


@frozen
class Judged:
    """A record and what it is. Judging needs no lock, so it is done before the transaction."""

    where: Where
    raw: bytes
    verdict: Verdict


@frozen
class Receive:
    """One batch: ``batch`` 0 is the main reader, others are backfills."""

    bus: str
    records: Sequence[Judged]
    moves: Mapping[PartitionKey, CursorMove]
    batch: int
    now_us: int


def judged(incoming: Incoming) -> Judged:
    """Judge one record. A record without a value is judged as the empty text."""
    raw = incoming.value or b""
    return Judged((incoming.topic, incoming.partition, incoming.offset), raw, judge(raw))


@mutable
class _Tally:
    new: list[Stored] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    ahead: list[str] = field(default_factory=list)
    duplicates: int = 0
    quarantined: int = 0
    unfollowed: int = 0
    conflicts: int = 0
    dropped: int = 0


def receive(db: sqlite3.Connection, request: Receive) -> Received:
    """Take in one batch inside a running write transaction.

    Raises :class:`~colearner_ls.journal.errors.CursorConflict` where a cursor is not where the batch was read from.
    """
    cursors.move(db, request.bus, request.batch, request.moves)
    followed = _followed(db, request.bus, request.batch)
    epoch = epoch_of(db, request.bus)
    tally = _Tally()
    for record in request.records:
        _take(db, request, record, followed, epoch, tally)
    tally.dropped += quarantine.trim_garbage(db, request.bus)
    if request.batch == cursors.MAIN:
        add_count(db, request.bus, "unfollowed", tally.unfollowed)
    return Received(
        tuple(tally.new),
        tally.duplicates,
        tally.quarantined,
        tally.unfollowed,
        tally.conflicts,
        tally.dropped,
        tuple(tally.sent),
        tuple(tally.ahead),
    )


def _followed(db: sqlite3.Connection, bus: str, batch: int) -> frozenset[str]:
    if batch == cursors.MAIN:
        rows = db.execute("SELECT id FROM session WHERE bus = ?", (bus,))
    else:
        rows = db.execute(
            "SELECT s.id FROM session s JOIN backfill_session b ON b.session = s.id WHERE s.bus = ? AND b.batch = ?",
            (bus, batch),
        )
    return frozenset(session_id for (session_id,) in rows)


def _take(
    db: sqlite3.Connection, request: Receive, record: Judged, followed: frozenset[str], epoch: int, tally: _Tally
) -> None:
    verdict = record.verdict
    session_id = verdict.session_id if isinstance(verdict, Rejected) else verdict.event.session_id
    if session_id is None:
        # The main reader has seen all garbage before a backfill comes by.
        if request.batch == cursors.MAIN and isinstance(verdict, Rejected):
            tally.quarantined += quarantine.keep(db, request.bus, record.where, record.raw, verdict, request.now_us)
    elif session_id not in followed:
        tally.unfollowed += 1
    elif isinstance(verdict, Rejected):
        tally.quarantined += quarantine.keep(db, request.bus, record.where, record.raw, verdict, request.now_us)
    else:
        outcome = admit(db, verdict, request.bus, record.where, request.now_us)
        _count(tally, outcome, verdict, request.now_us)
        if outcome.kind in ("same", "new") and _seen(db, verdict.event.id, record.where, epoch, request.now_us):
            tally.sent.append(verdict.event.id)


def _count(tally: _Tally, outcome: Outcome, verdict: Accepted, now_us: int) -> None:
    if outcome.kind == "same":
        tally.duplicates += 1
    elif outcome.kind == "lost":
        tally.conflicts += 1
    if outcome.kind == "won":
        tally.conflicts += 1
    if outcome.stored is not None:
        tally.new.append(outcome.stored)
        if verdict.event.hlc > now_us + MAX_CLOCK_LEAD_US:
            tally.ahead.append(verdict.event.id)


@frozen
class Outcome:
    """What an accepted event met: nothing of its id (``new``), itself (``same``), or other content of the same id,
    over which it ``won`` or against which it ``lost``. ``stored``: what stands in the journal now and did not."""

    kind: Literal["new", "same", "won", "lost"]
    stored: Stored | None = None


def admit(db: sqlite3.Connection, accepted: Accepted, source: str, where: Where, now_us: int) -> Outcome:
    """Let an accepted event into the journal, inside a running write transaction (contracts.md, *bad input*).

    Of two contents with one id the smaller SHA-256 stands, whichever came first; the other goes to quarantine. Copies
    of a derived id that differ outside the five fields are one event: the smaller bytes stand, so that all readers
    keep the same ones.
    """
    event = accepted.event
    query = 'SELECT row, content, raw, session, hlc, source, topic, partition, "offset" FROM event WHERE id = ?'
    found = db.execute(query, (event.id,)).fetchone()
    if found is None:
        return Outcome("new", _insert(db, accepted, source, where, replaced=False))
    row, content, raw, session_id, hlc, old_source, *old_where = found
    if content == accepted.content:
        if not event.derived or raw <= accepted.raw:
            return Outcome("same")
        _remove(db, row, event.id, session_id, hlc)
        return Outcome("same", _insert(db, accepted, source, where, replaced=True))
    if content < accepted.content:
        quarantine.keep_conflict(db, source, where, accepted.raw, accepted.content, event, now_us)
        return Outcome("lost")
    _remove(db, row, event.id, session_id, hlc)
    _refuse_own(db, event.id, now_us)
    loser = judge(raw)
    if isinstance(loser, Accepted):
        came_from = old_source if old_where[0] is not None else None
        topic, partition, offset = old_where
        quarantine.keep_conflict(db, came_from, (topic, partition, offset), raw, content, loser.event, now_us)
    quarantine.forget_conflict(db, event.id, accepted.content)
    return Outcome("won", _insert(db, accepted, source, where, replaced=True))


def _insert(db: sqlite3.Connection, accepted: Accepted, source: str, where: Where, *, replaced: bool) -> Stored:
    row = insert(
        db,
        accepted.event,
        raw=accepted.raw,
        content=accepted.content,
        applied=accepted.applied,
        source=source,
        where=where,
        replaced=replaced,
    )
    return Stored(row, accepted.event, accepted.raw, accepted.applied, source, None, replaced)


def _remove(db: sqlite3.Connection, row: int, event_id: str, session_id: str, hlc: int) -> None:
    db.execute("DELETE FROM event WHERE row = ?", (row,))
    drop_snapshots(db, session_id, (hlc, event_id))


def _refuse_own(db: sqlite3.Connection, event_id: str, now_us: int) -> None:
    """An own event that another content has displaced is not sent (again): every reader would displace it too."""
    db.execute(
        "UPDATE outbox SET state = 'refused', reason = 'id_conflict', at = ? WHERE id = ?",
        (now_us, event_id),
    )


def _seen(db: sqlite3.Connection, event_id: str, where: Where, epoch: int, now_us: int) -> bool:
    """Note that an event of ours stands on the bus; tell whether that was news."""
    query = "SELECT state, epoch, partition, reason FROM outbox WHERE id = ?"
    found = db.execute(query, (event_id,)).fetchone()
    if found is None or found[3] == "id_conflict":  # what stands there is not ours
        return False
    state, known_epoch, partition, _ = found
    if state == "sent" and known_epoch == epoch and partition is not None:
        return False
    db.execute(
        """UPDATE outbox SET state = 'sent', partition = ?, "offset" = ?, epoch = ?, reason = NULL, at = ?
        WHERE id = ?""",
        (where[1], where[2], epoch, now_us, event_id),
    )
    return bool(state != "sent")
