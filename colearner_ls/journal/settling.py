"""Settling one id anew: of all that was ever said under it, what stands by the keys that count now, and where the rest is.

The outcome follows from the set of sayings and the keys alone, so it is the same whichever came first.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.journal import adopting, copies, quarantine
from colearner_ls.journal.admitting import conflict_key, of_bus, put, rank, remove, standing
from colearner_ls.journal.quarantine import CONFLICT, CONFLICT_DETAIL, UNTRUSTED, once_key
from colearner_ls.journal.records import Stored
from colearner_ls.journal.rows import Where
from colearner_ls.journal.trusting import Trusting, copy_key


@frozen
class Settled:
    """``came``: what stands now and did not. ``left``: what stood and is gone, with nothing in its place."""

    came: Stored | None = None
    left: Accepted | None = None


@frozen
class _Saying:
    """One saying of an event, wherever it is kept. ``row``: its place in the journal, ``n``: in quarantine."""

    accepted: Accepted
    key: str
    bus: str | None
    where: Where
    objection: str | None
    row: int | None = None
    n: int | None = None


def settle(db: sqlite3.Connection, trusting: Trusting, event_id: str, now_us: int) -> Settled:
    """Settle one id inside a running write transaction."""
    sayings = _sayings(db, trusting, event_id)
    fit = [each for each in sayings.values() if each.objection is None]
    best = min(fit, key=lambda each: _order(trusting, each), default=None)
    stood = next((each for each in sayings.values() if each.row is not None), None)
    result = Settled()
    if best is not stood:
        if stood is not None:
            _take_out(db, stood)
        came = None if best is None else _let_in(db, trusting, best, stood is not None, now_us)
        result = Settled(came, stood.accepted if stood is not None and best is None else None)
    for each in sayings.values():
        if each is not best:
            _put_aside(db, each, best, now_us)
    return result


def _order(trusting: Trusting, saying: _Saying) -> tuple[tuple[bool, bytes], bytes, bool, str]:
    accepted = saying.accepted
    raw = accepted.raw if accepted.event.derived else b""
    return rank(trusting, accepted), raw, saying.row is None, saying.key


def _sayings(db: sqlite3.Connection, trusting: Trusting, event_id: str) -> dict[str, _Saying]:
    """Everything kept under an id, each once; what stands comes first."""
    found: dict[str, _Saying] = {}
    stands = standing(db, event_id)
    if stands is not None:
        accepted, bus = stands.accepted, of_bus(stands.source)
        saying = _Saying(accepted, copy_key(accepted), bus, stands.where, trusting.objection(accepted), row=stands.row)
        found[saying.key] = saying
    for number, raw, bus, where in (*_quarantined(db, event_id), *_copies(db, event_id)):
        verdict = judge(raw)
        if not isinstance(verdict, Accepted) or verdict.event.id != event_id:
            continue  # a newer version sees it otherwise; it stays where it is
        key = copy_key(verdict)
        if key not in found:
            found[key] = _Saying(verdict, key, bus, where, trusting.objection(verdict), n=number)
        elif number is not None:
            db.execute("DELETE FROM quarantine WHERE n = ?", (number,))
    return found


def _quarantined(db: sqlite3.Connection, event_id: str) -> Iterator[tuple[int | None, bytes, str | None, Where]]:
    query = """SELECT n, raw, bus, topic, partition, "offset" FROM quarantine
        WHERE once >= ?1 AND once < ?2 ORDER BY n"""
    for reason in (UNTRUSTED, CONFLICT):
        span = (once_key(reason, event_id, ""), f"{reason}|{event_id}}}")
        for number, raw, bus, topic, partition, offset in db.execute(query, span).fetchall():
            yield number, raw, bus, (topic, partition, offset)


def _copies(db: sqlite3.Connection, event_id: str) -> Iterator[tuple[int | None, bytes, str | None, Where]]:
    for raw, bus, where in copies.of_event(db, event_id):
        yield None, raw, bus, where


def _take_out(db: sqlite3.Connection, saying: _Saying) -> None:
    assert saying.row is not None
    remove(db, saying.row, saying.accepted.event)
    db.execute("DELETE FROM outbox WHERE id = ?", (saying.accepted.event.id,))


def _let_in(db: sqlite3.Connection, trusting: Trusting, saying: _Saying, replaced: bool, now_us: int) -> Stored:
    accepted = saying.accepted
    if saying.n is not None:
        db.execute("DELETE FROM quarantine WHERE n = ?", (saying.n,))
    copies.forget(db, accepted)
    trusting.learn_student(accepted, now_us)
    stored = put(db, accepted, saying.bus or "local", saying.where, replaced=replaced)
    if is_own(db, accepted, saying.bus):
        db.execute("DELETE FROM outbox WHERE id = ?", (accepted.event.id,))
        adopting.send(db, accepted, stored.row, now_us)
    return stored


def is_own(db: sqlite3.Connection, accepted: Accepted, bus: str | None) -> bool:
    """Whether these bytes were made here: they came from no bus, and under a name of this journal's."""
    query = "SELECT 1 FROM writer WHERE id = ?"
    return bus in (None, "salvaged") and db.execute(query, (accepted.event.writer,)).fetchone() is not None


def _put_aside(db: sqlite3.Connection, saying: _Saying, best: _Saying | None, now_us: int) -> None:
    accepted = saying.accepted
    if saying.objection is not None:
        _quarantine(db, saying, UNTRUSTED, saying.objection, saying.key, now_us)
    elif best is not None and best.accepted.content == accepted.content:
        if saying.n is not None:
            db.execute("DELETE FROM quarantine WHERE n = ?", (saying.n,))
        copies.keep(db, accepted, saying.bus, saying.where, now_us)
    else:
        _quarantine(db, saying, CONFLICT, CONFLICT_DETAIL, conflict_key(accepted), now_us)


def _quarantine(db: sqlite3.Connection, saying: _Saying, reason: str, detail: str, key: str, now_us: int) -> None:
    once = once_key(reason, saying.accepted.event.id, key)
    if saying.n is not None:
        db.execute("DELETE FROM quarantine WHERE once = ? AND n <> ?", (once, saying.n))
        query = "UPDATE quarantine SET once = ?, reason = ?, detail = ? WHERE n = ?"
        db.execute(query, (once, reason, detail, saying.n))
        return
    copies.forget(db, saying.accepted)
    if reason == UNTRUSTED:
        quarantine.keep_untrusted(db, saying.bus, saying.where, saying.accepted, key, detail, now_us)
    else:
        quarantine.keep_conflict(db, saying.bus, saying.where, saying.accepted, key, now_us)
