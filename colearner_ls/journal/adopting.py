"""Taking own events back in that the journal has lost: from a damaged file or from ``lifecycle.jsonl``."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from colearner_ls.contracts.catalogue import topic_for
from colearner_ls.journal import quarantine
from colearner_ls.journal.rows import NOWHERE, insert
from colearner_ls.journal.trusting import Trusting, copy_key

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted


def adopt(db: sqlite3.Connection, accepted: Accepted, now_us: int) -> bool:
    """Store an own event that is missing, as unsent until it is seen on the bus; tell whether it was missing.

    An event whose number an ``evidence_withdrawn`` has is not taken in: it was taken back before it was sent. Another
    event with its number is no reason: it was written by a journal that did not know of this one any more.
    """
    event = accepted.event
    query = """SELECT 1 FROM event WHERE id = ?1
        OR (session = ?2 AND writer = ?3 AND seq = ?4 AND event_type = 'evidence_withdrawn')"""
    if db.execute(query, (event.id, event.session_id, event.writer, event.seq)).fetchone():
        return False
    know_session(db, event.session_id, now_us)
    why = Trusting(db).objection(accepted)
    if why is not None:
        quarantine.keep_untrusted(db, "salvaged", NOWHERE, accepted, copy_key(accepted), why, now_us)
        return False
    row = insert(db, event, raw=accepted.raw, content=accepted.content, applied=accepted.applied, source="salvaged")
    send(db, accepted, row, now_us)
    return True


def send(db: sqlite3.Connection, accepted: Accepted, row: int, now_us: int) -> None:
    """Put an own event into the outbox."""
    event = accepted.event
    db.execute(
        "INSERT INTO outbox(id, row, session, topic, state, at) VALUES(?,?,?,?,'waiting',?) ON CONFLICT DO NOTHING",
        (event.id, row, event.session_id, topic_for(event.event_type, event.actor), now_us),
    )


def know_session(db: sqlite3.Connection, session_id: str, now_us: int) -> None:
    """Follow a session that own events belong to; what it is bound to is said later."""
    query = "INSERT INTO session(id, bus, since) VALUES(?, NULL, ?) ON CONFLICT DO NOTHING"
    db.execute(query, (session_id, now_us))
