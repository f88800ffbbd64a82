"""Appending: drafts become events, with their outbox rows, in one write transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

from colearner_ls.contracts.catalogue import topic_for
from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.ids import new_id
from colearner_ls.contracts.judging import Accepted, build, judge
from colearner_ls.contracts.timestamps import to_ts
from colearner_ls.journal import local_records, writers
from colearner_ls.journal.errors import DuplicateId
from colearner_ls.journal.identity import default_author
from colearner_ls.journal.records import Draft, LocalRecord, Stored
from colearner_ls.journal.rows import insert

MAX_SEQ_LEAD: Final = 1_000_000
"""A number of ours that the bus brings counts, since a journal put back from a backup must not give it out again; but
not one so far beyond what was given out here: it is forged, and from 2^53 - 1 there is no next one."""


@frozen
class Append:
    """All that one transaction writes. ``wall_us``: the wall clock, µs since the Unix epoch."""

    drafts: Sequence[Draft]
    local: Sequence[LocalRecord]
    claim: str | None
    wall_us: int


def append(db: sqlite3.Connection, request: Append) -> tuple[Stored, ...]:
    """Write it all inside a running write transaction; nothing, and ``()``, where the claim is taken."""
    if request.claim is not None and not local_records.claim(db, request.claim, request.wall_us):
        return ()
    writer = writers.current(db)
    stored = tuple(_append_one(db, draft, writer, request.wall_us) for draft in request.drafts)
    local_records.put_all(db, request.local, request.wall_us)
    return stored


def _append_one(db: sqlite3.Connection, draft: Draft, writer: str, wall_us: int) -> Stored:
    if not draft.session_id:
        raise BadInput("The event names no session.", "Every event belongs to one.")
    since = "INSERT INTO session(id, bus, since) VALUES(?, NULL, ?) ON CONFLICT DO NOTHING"
    db.execute(since, (draft.session_id, wall_us))
    accepted = _build(
        draft, writer, _next_seq(db, writer, draft.session_id), _next_hlc(db, draft.session_id, wall_us), wall_us
    )
    event = accepted.event
    if db.execute("SELECT 1 FROM event WHERE id = ?", (event.id,)).fetchone():
        raise DuplicateId(f"There is an event {event.id} already.", "Give every new event an id of its own.")
    row = insert(db, event, raw=accepted.raw, content=accepted.content, applied=accepted.applied, source="local")
    if draft.publish:
        db.execute(
            "INSERT INTO outbox(id, row, session, topic, state, at) VALUES(?,?,?,?,'waiting',?)",
            (event.id, row, event.session_id, topic_for(event.event_type, event.actor), wall_us),
        )
    return Stored(row, event, accepted.raw, accepted.applied, "local", "waiting" if draft.publish else None)


def _next_hlc(db: sqlite3.Connection, session_id: str, wall_us: int) -> int:
    """``max(now, 1 + greatest hlc of the session)``, where one over 24 h ahead of our clock does not count."""
    query = "SELECT max(hlc) FROM event WHERE session = ? AND hlc <= ?"
    (greatest,) = db.execute(query, (session_id, wall_us + MAX_CLOCK_LEAD_US)).fetchone()
    return max(0, wall_us, -1 if greatest is None else greatest + 1)


def _next_seq(db: sqlite3.Connection, writer: str, session_id: str) -> int:
    query = """SELECT max(seq) FROM event WHERE session = ?1 AND writer = ?2 AND seq <= ?3 + coalesce(
        (SELECT seq FROM event WHERE session = ?1 AND writer = ?2 AND source IN ('local', 'salvaged')
        ORDER BY seq DESC LIMIT 1), 0)"""
    (greatest,) = db.execute(query, (session_id, writer, MAX_SEQ_LEAD)).fetchone()
    return 1 if greatest is None else int(greatest) + 1


def _build(draft: Draft, writer: str, seq: int, hlc: int, wall_us: int) -> Accepted:
    raw = build(
        event_type=draft.event_type,
        actor=draft.actor,
        session_id=draft.session_id,
        payload=draft.payload,
        id=draft.event_id or new_id(),
        hlc=hlc,
        ts=to_ts(wall_us),
        author=draft.author or default_author(),
        writer=writer,
        seq=seq,
        student_id=draft.student_id,
        causation_id=draft.causation_id,
        correlation_id=draft.correlation_id,
    )
    if not draft.publish:
        raw = _without_number(raw)
    verdict = judge(raw)
    if not isinstance(verdict, Accepted):
        raise BadInput(
            f"The {draft.event_type} is not valid: {verdict.detail}", "See docs/events.md for what it may have."
        )
    return verdict


def _without_number(raw: bytes) -> bytes:
    """An event that nobody else will see takes no number, or others would see a hole."""
    from colearner_ls.contracts.ijson import compact, decode

    return compact({name: value for name, value in decode(raw).items() if name not in ("writer", "seq")})
