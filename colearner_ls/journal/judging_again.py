"""Judging a session again when the keys that count have changed: by a pin, by ``key_added``, by ``key_revoked``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen, mutable
from colearner_ls.contracts.ijson import compact
from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.contracts.rows import event_from_row
from colearner_ls.contracts.signing import signature_of, signed
from colearner_ls.contracts.trusted_json import decode_trusted
from colearner_ls.journal import adopting, copies, trust_record
from colearner_ls.journal.key_line import CLAIMS, KEY_EVENTS
from colearner_ls.journal.keys import KeyFileError
from colearner_ls.journal.quarantine import CONFLICT, UNTRUSTED
from colearner_ls.journal.records import Position, Stored
from colearner_ls.journal.settling import settle
from colearner_ls.journal.trust import is_behind, pinned, restore, stamp_of
from colearner_ls.journal.trust_record import TrustRecord
from colearner_ls.journal.trusting import Trusting, is_signed

if TYPE_CHECKING:
    from colearner_ls.journal.database import Database
    from colearner_ls.journal.trust import Trust

_BEGINNING: Final[Position] = (-1, "")


@frozen
class JudgedAgain:
    """What judging again did: events that ``came`` in or stand in another's place now, how many ``left``, and how many
    own ones were ``signed`` after the fact."""

    came: tuple[Stored, ...] = ()
    left: int = 0
    signed: int = 0


@frozen
class _Look:
    """A look over a session after a place in its order. ``trust`` is there where own events may be signed anew."""

    db: sqlite3.Connection
    trusting: Trusting
    session_id: str
    since: Position
    trust: Trust | None
    now_us: int
    strict: bool


@mutable
class _Found:
    """What a look over a session found. ``ids``: what has to be settled anew."""

    ids: dict[str, None]
    signed: int = 0


def bring_up(
    db: sqlite3.Connection,
    trusting: Trusting,
    session_id: str,
    trust: Trust | None,
    now_us: int,
    *,
    strict: bool = False,
) -> JudgedAgain:
    """See to it that a session is judged by the keys that are pinned now; costs a look where it is.

    Also after a salvage, which may have lost what it was judged by, and after an update. ``strict``: own events that
    need a signature get one, or :class:`~colearner_ls.journal.keys.KeyFileError` says why not.
    """
    record = trusting.record(session_id)
    if not (strict or is_behind(db, session_id, record, trust)):
        return JudgedAgain()
    pins = pinned(trust, session_id, record, strict=strict)
    if record is None and not pins:
        return JudgedAgain()
    if trust is not None and pins:
        restore(trust, session_id, pins)
    _note_key_events(db, trusting, session_id, now_us)
    line = trusting.line(session_id, pins)
    stamp = stamp_of(db)
    old = record or TrustRecord(stamp, line)
    trusting.store(session_id, replace(old, stamp=stamp, line=line), now_us)
    return _judge_again(db, trusting, session_id, _BEGINNING, trust, now_us, strict=strict)


def judge_again(database: Database, session_id: str, trust: Trust | None, now_us: int) -> JudgedAgain:
    """:func:`bring_up` in a transaction of its own; the cryptography is done before the write lock is taken."""
    database.read(lambda db: _check_ahead(db, session_id, trust))
    work = database.write
    return work(lambda db: bring_up(db, Trusting(db), session_id, trust, now_us, strict=True), durable=True)


def catch_up(database: Database, session_id: str, trust: Trust, now_us: int) -> None:
    """The same, where it was found that a session is judged by other keys than those that are pinned."""
    database.read(lambda db: _check_ahead(db, session_id, trust))
    database.write(lambda db: bring_up(db, Trusting(db), session_id, trust, now_us), durable=False)


def _check_ahead(db: sqlite3.Connection, session_id: str, trust: Trust | None) -> None:
    trusting = Trusting(db)
    record = trusting.record(session_id)
    keys = trusting.line(session_id, pinned(trust, session_id, record)).keys
    stand = "SELECT raw FROM event WHERE session = ?"
    aside = "SELECT raw FROM quarantine WHERE session = ? AND reason = 'untrusted'"
    for query in (stand, aside) if keys else ():
        for (raw,) in db.execute(query, (session_id,)):
            envelope = decode_trusted(raw)
            signature = signature_of(envelope) if envelope.get("actor") in CLAIMS else None
            if signature is not None and signature.kid in keys:
                is_signed(raw, envelope, keys[signature.kid])


def meet(db: sqlite3.Connection, trusting: Trusting, arrived: Iterable[Accepted], now_us: int) -> tuple[Stored, ...]:
    """Key events have arrived: judge again what they may change, before they are let in themselves."""
    changed: dict[str, None] = {}
    for accepted in arrived:
        session_id = accepted.event.session_id
        if accepted.event.event_type not in KEY_EVENTS or trusting.keys(session_id) is None:
            continue
        if trusting.note_key_event(accepted, now_us):
            changed[session_id] = None
    came: list[Stored] = []
    for session_id in changed:
        record = trusting.record(session_id)
        assert record is not None
        line = trusting.line(session_id, record.line.pins)
        since = record.line.first_difference(line)
        if since is not None:
            trusting.store(session_id, replace(record, line=line), now_us)
            came.extend(_judge_again(db, trusting, session_id, since, None, now_us).came)
    return tuple(came)


def _judge_again(
    db: sqlite3.Connection,
    trusting: Trusting,
    session_id: str,
    since: Position,
    trust: Trust | None,
    now_us: int,
    *,
    strict: bool = False,
) -> JudgedAgain:
    found = _Found({})
    look = _Look(db, trusting, session_id, since, trust if since == _BEGINNING else None, now_us, strict)
    _look_at_events(look, found)
    _look_aside(look, found)
    came: list[Stored] = []
    left: list[Accepted] = []
    for event_id in found.ids:
        settled = settle(db, trusting, event_id, now_us)
        if settled.came is not None:
            came.append(settled.came)
        if settled.left is not None:
            left.append(settled.left)
    if left:
        _note_left(db, trusting, left, now_us)
    if left or found.signed:
        # lifecycle.jsonl has lines that do not stand any more; it is compared, and written anew.
        db.execute("DELETE FROM projection WHERE name = 'lifecycle'")
    return JudgedAgain(tuple(came), len(left), found.signed)


def _look_at_events(look: _Look, found: _Found) -> None:
    """Find events that may not stand any more; learn students' keys on a look over the whole session."""
    db, trusting = look.db, look.trusting
    query = """SELECT row, id, hlc, derived, applied, source, content, raw FROM event
        WHERE session = ? AND (hlc, id) > (?, ?) ORDER BY hlc, id"""
    mended: list[tuple[int, Accepted]] = []
    for row, event_id, hlc, derived, applied, source, content, raw in db.execute(query, (look.session_id, *look.since)):
        event = event_from_row(raw, id=event_id, hlc=hlc, derived=bool(derived))
        accepted = Accepted(event, raw, content, bool(applied), None)
        if event.actor not in CLAIMS:
            if look.since == _BEGINNING:
                trusting.learn_student(accepted, look.now_us)
        elif trusting.objection(accepted) is not None:
            signed_now = _signed(look, accepted) if source == "local" else None
            if signed_now is None:
                found.ids[event_id] = None
            else:
                mended.append((row, signed_now))
    for row, accepted in mended:
        db.execute("UPDATE event SET raw = ? WHERE row = ?", (accepted.raw, row))
        db.execute("DELETE FROM outbox WHERE id = ?", (accepted.event.id,))
        adopting.send(db, accepted, row, look.now_us)
        found.signed += 1


def _look_aside(look: _Look, found: _Found) -> None:
    """Find what lies in quarantine, or aside, and may stand now, or for another reason."""
    query = "SELECT n, reason, detail, bus, raw, event_id, session FROM quarantine WHERE reason IN (?, ?)"
    for number, reason, detail, bus, raw, event_id, session in look.db.execute(query, (UNTRUSTED, CONFLICT)).fetchall():
        if reason == CONFLICT:
            found.ids[event_id] = None
            continue
        verdict = judge(raw) if session == look.session_id else None
        if not isinstance(verdict, Accepted):
            continue
        why = look.trusting.objection(verdict)
        if why is not None and bus is None:
            signed_now = _signed(look, verdict)
            if signed_now is not None:
                look.db.execute("UPDATE quarantine SET raw = ? WHERE n = ?", (signed_now.raw, number))
                found.signed += 1
                why = None
        if why != detail:
            found.ids[event_id] = None
    for raw, _, _ in copies.of_session(look.db, look.session_id):
        verdict = judge(raw)
        if isinstance(verdict, Accepted) and look.trusting.objection(verdict) is not None:
            found.ids[verdict.event.id] = None


def _signed(look: _Look, accepted: Accepted) -> Accepted | None:
    """An event that was written here before there was a key, signed now: its content and its id stay what they are.

    ``None`` where its author has no key, or none that counts at its place.
    """
    if look.trust is None or accepted.event.author is None:
        return None
    try:
        key = look.trust.keys.own(accepted.event.author)
    except KeyFileError:
        if look.strict:
            raise
        return None
    if key is None:
        return None
    try:
        verdict = judge(compact(signed(decode_trusted(accepted.raw), key)))
    except BadInput:
        return None
    if not isinstance(verdict, Accepted) or look.trusting.objection(verdict) is not None:
        return None
    return verdict


def _note_key_events(db: sqlite3.Connection, trusting: Trusting, session_id: str, now_us: int) -> None:
    """Gather the key events that came while no key was pinned, wherever they lie."""
    marks = ",".join("?" * len(KEY_EVENTS))
    stand = f"SELECT raw FROM event WHERE session = ? AND event_type IN ({marks})"  # noqa: S608 - question marks
    rows = db.execute(stand, (session_id, *KEY_EVENTS)).fetchall()
    aside = "SELECT raw FROM quarantine WHERE session = ? AND reason IN (?, ?)"
    rows += db.execute(aside, (session_id, UNTRUSTED, CONFLICT)).fetchall()
    for raw in (*(row[0] for row in rows), *(raw for raw, _, _ in copies.of_session(db, session_id))):
        if any(name.encode() in raw for name in KEY_EVENTS):
            verdict = judge(raw)
            if isinstance(verdict, Accepted):
                trusting.note_key_event(verdict, now_us)


def _note_left(db: sqlite3.Connection, trusting: Trusting, left: list[Accepted], now_us: int) -> None:
    """Whoever folds the sessions of these events starts anew, and their numbers are not given out again."""
    for session_id in dict.fromkeys(accepted.event.session_id for accepted in left):
        record = trusting.record(session_id)
        if record is None:
            continue
        events = [accepted.event for accepted in left if accepted.event.session_id == session_id]
        numbers: dict[str, int] = {}
        for event in events:
            if event.writer is not None and event.seq is not None:
                numbers[event.writer] = max(numbers.get(event.writer, 0), event.seq)
        trusting.store(session_id, trust_record.left(record, db, numbers), now_us)


__all__ = ["JudgedAgain", "bring_up", "meet"]
