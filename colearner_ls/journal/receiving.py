"""Receiving: records from a bus become events, duplicates or quarantined bytes, in one transaction with the cursors."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US
from colearner_ls.contracts.frozen import frozen, mutable
from colearner_ls.contracts.judging import Accepted, Rejected, judge
from colearner_ls.journal import cursors, quarantine
from colearner_ls.journal.admitting import Outcome, admit
from colearner_ls.journal.bus_values import add_count, epoch_of
from colearner_ls.journal.judging_again import bring_up, meet
from colearner_ls.journal.records import CursorMove, Incoming, PartitionKey, Received, Stored
from colearner_ls.journal.rows import Where
from colearner_ls.journal.trusting import Trusting

if TYPE_CHECKING:
    from colearner_ls.journal.trust import Trust

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
    trust: Trust | None = None


def judged(incoming: Incoming) -> Judged:
    """Judge one record. A record without a value is judged as the empty text."""
    raw = incoming.value or b""
    return Judged((incoming.topic, incoming.partition, incoming.offset), raw, judge(raw))


def check_ahead(db: sqlite3.Connection, records: Sequence[Judged]) -> None:
    """Do the cryptography for a batch before the write lock is taken; the transaction finds it done."""
    trusting = Trusting(db)
    for record in records:
        if isinstance(record.verdict, Accepted):
            trusting.objection(record.verdict)


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
    untrusted: int = 0


def receive(db: sqlite3.Connection, request: Receive) -> Received:
    """Take in one batch inside a running write transaction.

    Raises :class:`~colearner_ls.journal.errors.CursorConflict` where a cursor is not where the batch was read from.
    """
    cursors.move(db, request.bus, request.batch, request.moves)
    followed = _followed(db, request.bus, request.batch)
    epoch = epoch_of(db, request.bus)
    tally = _Tally()
    trusting = Trusting(db)
    tally.new.extend(_judged_again(db, request, trusting, followed))
    for record in request.records:
        _take(db, request, trusting, record, followed, epoch, tally)
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
        tally.untrusted,
    )


def _judged_again(
    db: sqlite3.Connection, request: Receive, trusting: Trusting, followed: frozenset[str]
) -> tuple[Stored, ...]:
    """What the batch says of keys comes first, wherever it stands in it: the rest is judged by it then. So the outcome
    is the same however the events are cut into batches."""
    arrived = [
        record.verdict
        for record in request.records
        if isinstance(record.verdict, Accepted) and record.verdict.event.session_id in followed
    ]
    came: list[Stored] = []
    for session_id in dict.fromkeys(each.event.session_id for each in arrived):
        came.extend(bring_up(db, trusting, session_id, request.trust, request.now_us).came)
    came.extend(meet(db, trusting, arrived, request.now_us))
    return tuple(came)


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
    db: sqlite3.Connection,
    request: Receive,
    trusting: Trusting,
    record: Judged,
    followed: frozenset[str],
    epoch: int,
    tally: _Tally,
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
        outcome = admit(db, trusting, verdict, request.bus, record.where, request.now_us)
        _count(tally, outcome, verdict, request.now_us)
        if outcome.kind in ("same", "new") and _seen(db, verdict.event.id, record.where, epoch, request.now_us):
            tally.sent.append(verdict.event.id)


def _count(tally: _Tally, outcome: Outcome, verdict: Accepted, now_us: int) -> None:
    if outcome.kind == "same":
        tally.duplicates += 1
    elif outcome.kind in ("lost", "won"):
        tally.conflicts += 1
    elif outcome.kind == "untrusted":
        tally.quarantined += outcome.kept
        tally.untrusted += outcome.kept
    if outcome.stored is not None:
        tally.new.append(outcome.stored)
        if verdict.event.hlc > now_us + MAX_CLOCK_LEAD_US:
            tally.ahead.append(verdict.event.id)


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
