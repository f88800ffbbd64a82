"""Letting accepted events into the journal: what stands where several sayings go by one id (contracts.md, *bad input*)."""

from __future__ import annotations

import sqlite3
from typing import Literal

from colearner_ls.contracts.event import Event
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.judging import Accepted
from colearner_ls.contracts.rows import event_from_row
from colearner_ls.journal import copies, quarantine
from colearner_ls.journal.key_line import CLAIMS
from colearner_ls.journal.records import Stored
from colearner_ls.journal.rows import Where, drop_snapshots, insert
from colearner_ls.journal.trusting import Trusting, copy_key


@frozen
class Outcome:
    """What an accepted event met: nothing of its id (``new``), itself (``same``), or other content of the same id,
    over which it ``won`` or against which it ``lost``; or it claims to be the coach's and is not (``untrusted``).
    ``stored``: what stands in the journal now and did not. ``kept``: quarantined just now, not known from before."""

    kind: Literal["new", "same", "won", "lost", "untrusted"]
    stored: Stored | None = None
    kept: bool = False
    detail: str = ""


@frozen
class Standing:
    """The event that has an id in the journal."""

    row: int
    accepted: Accepted
    source: str
    where: Where


def admit(
    db: sqlite3.Connection, trusting: Trusting, accepted: Accepted, source: str, where: Where, now_us: int
) -> Outcome:
    """Let an accepted event into the journal, inside a running write transaction.

    One that claims to be the coach's in a session with pinned keys has to be signed by one. Of two contents with one id
    the one that was signed so stands, else the one with the smaller SHA-256, whichever came first; the other goes to
    quarantine. Copies of a derived id that differ outside the five fields are one event: the smaller bytes stand, so
    that all readers keep the same ones.
    """
    why = trusting.objection(accepted)
    if why is not None:
        kept = quarantine.keep_untrusted(db, of_bus(source), where, accepted, copy_key(accepted), why, now_us)
        return Outcome("untrusted", kept=bool(kept), detail=why)
    trusting.learn_student(accepted, now_us)
    found = standing(db, accepted.event.id)
    if found is None:
        return Outcome("new", put(db, accepted, source, where, replaced=False))
    if found.accepted.content == accepted.content:
        return _same(db, found, accepted, source, where, now_us)
    if rank(trusting, accepted) > rank(trusting, found.accepted):
        quarantine.keep_conflict(db, of_bus(source), where, accepted, conflict_key(accepted), now_us)
        return Outcome("lost")
    loser = found.accepted
    remove(db, found.row, loser.event)
    _refuse_own(db, accepted.event.id, now_us)
    quarantine.keep_conflict(db, of_bus(found.source), found.where, loser, conflict_key(loser), now_us)
    quarantine.forget_conflict(db, accepted.event.id, conflict_key(accepted))
    stored = put(db, accepted, source, where, replaced=True)
    if loser.event.actor in CLAIMS:
        from colearner_ls.journal.settling import settle  # it uses what is defined here

        settle(db, trusting, accepted.event.id, now_us)  # copies of the loser lost too
    return Outcome("won", stored)


def of_bus(source: str) -> str | None:
    """The source as quarantine has it: ``None`` for what was made here."""
    return None if source == "local" else source


def conflict_key(accepted: Accepted) -> str:
    """Names one content that lost its id; what needs a signature is kept once for each, as one may cease to count."""
    return copy_key(accepted) if accepted.event.actor in CLAIMS else accepted.content.hex()


def put(db: sqlite3.Connection, accepted: Accepted, source: str, where: Where, *, replaced: bool) -> Stored:
    """Insert an event that is to stand."""
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


def remove(db: sqlite3.Connection, row: int, event: Event) -> None:
    """Take out an event that does not stand any more, with the snapshots of the fold that hold it."""
    db.execute("DELETE FROM event WHERE row = ?", (row,))
    drop_snapshots(db, event.session_id, event.position)


def standing(db: sqlite3.Connection, event_id: str) -> Standing | None:
    """The event that has that id, ``None`` where there is none."""
    query = """SELECT row, hlc, derived, applied, content, raw, source, topic, partition, "offset"
        FROM event WHERE id = ?"""
    found = db.execute(query, (event_id,)).fetchone()
    if found is None:
        return None
    row, hlc, derived, applied, content, raw, source, *where = found
    # Not judged again: a newer version may see it otherwise, and it stands all the same.
    event = event_from_row(raw, id=event_id, hlc=hlc, derived=bool(derived))
    return Standing(row, Accepted(event, raw, content, bool(applied), None), source, tuple(where))


def _same(
    db: sqlite3.Connection, found: Standing, accepted: Accepted, source: str, where: Where, now_us: int
) -> Outcome:
    """The same said again. Under another signature it is kept aside where signatures may come to count."""
    event, mine = accepted.event, found.accepted
    if mine.raw == accepted.raw:
        return Outcome("same")
    smaller = event.derived and accepted.raw < mine.raw
    if event.actor in CLAIMS and copy_key(accepted) != copy_key(mine):
        if smaller:
            copies.keep(db, mine, of_bus(found.source), found.where, now_us)
            copies.forget(db, accepted)
        else:
            copies.keep(db, accepted, of_bus(source), where, now_us)
    if not smaller:
        return Outcome("same")
    remove(db, found.row, mine.event)
    return Outcome("same", put(db, accepted, source, where, replaced=True))


def rank(trusting: Trusting, accepted: Accepted) -> tuple[bool, bytes]:
    """Of contents with one id the smallest stands."""
    return (not trusting.vouched(accepted.event.session_id, accepted.event.actor), accepted.content)


def _refuse_own(db: sqlite3.Connection, event_id: str, now_us: int) -> None:
    """An own event that another content has displaced is not sent (again): every reader would displace it too."""
    db.execute(
        "UPDATE outbox SET state = 'refused', reason = 'id_conflict', at = ? WHERE id = ?",
        (now_us, event_id),
    )
