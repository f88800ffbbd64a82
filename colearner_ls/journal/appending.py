"""Appending: drafts become events, with their outbox rows, in one write transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final

from colearner_ls.contracts.catalogue import topic_for
from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US, Event
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.ids import new_id
from colearner_ls.contracts.judging import Accepted, make
from colearner_ls.contracts.signing import parse_public_key
from colearner_ls.contracts.timestamps import to_ts
from colearner_ls.journal import local_records, writers
from colearner_ls.journal.errors import DuplicateId, KeyNotInForce
from colearner_ls.journal.identity import default_author
from colearner_ls.journal.judging_again import bring_up, meet
from colearner_ls.journal.key_line import CLAIMS
from colearner_ls.journal.records import Draft, LocalRecord, Stored
from colearner_ls.journal.rows import insert
from colearner_ls.journal.trusting import Trusting

if TYPE_CHECKING:
    from colearner_ls.journal.keys import OwnKey
    from colearner_ls.journal.trust import Trust

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
    trust: Trust | None = None
    signers: Mapping[str, OwnKey] = field(default_factory=dict)
    """Own keys by author: read before the transaction, so that a key that cannot be used stops it before it begins."""


def signers(trust: Trust | None, drafts: Sequence[Draft]) -> dict[str, OwnKey]:
    """The keys that the authors of these drafts have. Raises :class:`~colearner_ls.journal.keys.KeyFileError`."""
    if trust is None:
        return {}
    found = {author: trust.keys.own(author) for author in {draft.author or default_author() for draft in drafts}}
    return {author: key for author, key in found.items() if key is not None}


def append(db: sqlite3.Connection, request: Append) -> tuple[Stored, ...]:
    """Write it all inside a running write transaction; nothing, and ``()``, where the claim is taken."""
    if request.claim is not None and not local_records.claim(db, request.claim, request.wall_us):
        return ()
    trusting = Trusting(db)
    for session_id in {draft.session_id for draft in request.drafts if draft.actor in CLAIMS}:
        bring_up(db, trusting, session_id, request.trust, request.wall_us)
    writer = writers.current(db)
    stored = tuple(_append_one(db, trusting, draft, writer, request) for draft in request.drafts)
    local_records.put_all(db, request.local, request.wall_us)
    return stored


def _append_one(db: sqlite3.Connection, trusting: Trusting, draft: Draft, writer: str, request: Append) -> Stored:
    if not draft.session_id:
        raise BadInput("The event names no session.", "Every event belongs to one.")
    wall_us = request.wall_us
    since = "INSERT INTO session(id, bus, since) VALUES(?, NULL, ?) ON CONFLICT DO NOTHING"
    db.execute(since, (draft.session_id, wall_us))
    author = draft.author or default_author()
    key = request.signers.get(author)
    hlc = _next_hlc(db, draft.session_id, wall_us)
    accepted = _made(draft, author, key, writer, _next_seq(db, trusting, writer, draft.session_id), hlc, wall_us)
    event = accepted.event
    if db.execute("SELECT 1 FROM event WHERE id = ?", (event.id,)).fetchone():
        raise DuplicateId(f"There is an event {event.id} already.", "Give every new event an id of its own.")
    _check_in_force(trusting, event, key)
    if event.event_type == "key_added":
        _check_key(event)
    meet(db, trusting, [accepted], wall_us)
    trusting.learn_student(accepted, wall_us)
    row = insert(db, event, raw=accepted.raw, content=accepted.content, applied=accepted.applied, source="local")
    if draft.publish:
        db.execute(
            "INSERT INTO outbox(id, row, session, topic, state, at) VALUES(?,?,?,?,'waiting',?)",
            (event.id, row, event.session_id, topic_for(event.event_type, event.actor), wall_us),
        )
    return Stored(row, event, accepted.raw, accepted.applied, "local", "waiting" if draft.publish else None)


def _check_in_force(trusting: Trusting, event: Event, key: OwnKey | None) -> None:
    """What nobody else would accept is not written: the person learns it here, not from a student who saw nothing."""
    keys = trusting.keys(event.session_id) if event.actor in CLAIMS else None
    if keys is None:
        return
    if key is None:
        raise KeyNotInForce(
            f"This session has pinned keys, and {event.author} has none: nobody would accept this {event.event_type}.",
            "Make a key with `colearner keys`, and have the coach who set the session up add it.",
        )
    role = keys.role_at(key.public.kid, event.position)
    if role is None or (role == "service" and event.actor != "service"):
        raise KeyNotInForce(
            f"Your key {key.public.kid[:12]} does not speak for the {event.actor} of this session: "
            f"nobody would accept this {event.event_type}.",
            "Have a coach whose key counts add yours (`colearner keys` shows it), and try again.",
        )


def _check_key(event: Event) -> None:
    """Stricter than reading: a key that does not come along, or under another name, would never count."""
    key = parse_public_key(str(event.payload.get("public_key") or ""))
    if key.kid != event.payload.get("kid"):
        raise BadInput(
            f"That key goes by the name {key.kid}, not {event.payload.get('kid')!r}.", "Give both as they were shown."
        )


def _next_hlc(db: sqlite3.Connection, session_id: str, wall_us: int) -> int:
    """``max(now, 1 + greatest hlc of the session)``, where one over 24 h ahead of our clock does not count."""
    query = "SELECT max(hlc) FROM event WHERE session = ? AND hlc <= ?"
    (greatest,) = db.execute(query, (session_id, wall_us + MAX_CLOCK_LEAD_US)).fetchone()
    return max(0, wall_us, -1 if greatest is None else greatest + 1)


def _next_seq(db: sqlite3.Connection, trusting: Trusting, writer: str, session_id: str) -> int:
    query = """SELECT max(seq) FROM event WHERE session = ?1 AND writer = ?2 AND seq <= ?3 + coalesce(
        (SELECT seq FROM event WHERE session = ?1 AND writer = ?2 AND source IN ('local', 'salvaged')
        ORDER BY seq DESC LIMIT 1), 0)"""
    (greatest,) = db.execute(query, (session_id, writer, MAX_SEQ_LEAD)).fetchone()
    record = trusting.record(session_id)
    left = 0 if record is None else record.numbers.get(writer, 0)
    return max(0 if greatest is None else int(greatest), left) + 1


def _made(draft: Draft, author: str, key: OwnKey | None, writer: str, seq: int, hlc: int, wall_us: int) -> Accepted:
    """The event, signed where its author has a key. One that nobody else will see takes no number, or others would see
    a hole."""
    return make(
        event_type=draft.event_type,
        actor=draft.actor,
        session_id=draft.session_id,
        payload=draft.payload,
        id=draft.event_id or new_id(),
        hlc=hlc,
        ts=to_ts(wall_us),
        author=author,
        writer=writer if draft.publish else None,
        seq=seq if draft.publish else None,
        student_id=draft.student_id,
        causation_id=draft.causation_id,
        correlation_id=draft.correlation_id,
        key=key,
    )
