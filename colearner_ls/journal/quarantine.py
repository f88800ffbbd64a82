"""Quarantine: records that cannot be used, kept byte for byte with the place they came from and the reason."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.bus_values import add_count
from colearner_ls.journal.database import Database
from colearner_ls.journal.records import Quarantined, Stored
from colearner_ls.journal.rows import Where, now_us

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted, Rejected

GARBAGE_RECORDS: Final = 1000
GARBAGE_BYTES: Final = 16 * 1024 * 1024
"""Of garbage that names no session the newest of these many records and bytes are kept (contracts.md, *bad input*)."""

UNTRUSTED: Final = "untrusted"
CONFLICT: Final = "id_conflict"
"""Reasons that only a journal can find; judging an event by itself has others."""

CONFLICT_DETAIL: Final = (
    "Another content with the same id stands in the journal: one that is signed as it must be, or the smaller SHA-256."
)

_COLUMNS: Final = 'n, bus, topic, partition, "offset", reason, detail, session, event_id, raw, at'


@frozen
class Retried:
    """What became of a retry: ``stored`` where it is an event now, else ``reason`` and ``detail`` of why it stays.

    Both are ``None`` where the journal had the very same event already; the quarantined copy is gone then.
    """

    stored: Stored | None = None
    reason: str | None = None
    detail: str | None = None


class Quarantine:
    """List, look at, judge again or drop what was not accepted."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> tuple[Quarantined, ...]:
        """Everything in quarantine, oldest first."""
        query = f"SELECT {_COLUMNS} FROM quarantine ORDER BY n"  # noqa: S608 - a constant
        return tuple(Quarantined(*row) for row in self._database.read(lambda db: db.execute(query).fetchall()))

    def count(self) -> int:
        """How many records are kept."""
        return int(self._database.read(lambda db: db.execute("SELECT count(*) FROM quarantine").fetchone()[0]))

    def get(self, number: int) -> Quarantined | None:
        """The record of that number, or ``None``."""
        return self._database.read(lambda db: _get(db, number))

    def drop(self, number: int) -> bool:
        """Delete the record for good; tell whether there was one."""
        query = "DELETE FROM quarantine WHERE n = ?"
        return self._database.write(lambda db: db.execute(query, (number,)).rowcount, durable=False) > 0

    def retry(self, number: int) -> Retried | None:
        """Judge the record again, as a newer version or a new key may see it otherwise. ``None``: no such number."""
        from colearner_ls.contracts.judging import judge

        kept = self.get(number)
        if kept is None:
            return None
        verdict = judge(kept.raw)
        return self._database.write(lambda db: _retry(db, number, verdict), durable=False)


def keep(db: sqlite3.Connection, bus: str, where: Where, raw: bytes, why: Rejected, at: int) -> int:
    """Quarantine one record inside a running write transaction; 1, or 0 where it is there already (read again)."""
    topic, partition, offset = where
    import hashlib  # loads OpenSSL: not for those who only look

    once = f"{bus}|{topic}|{partition}|{offset}|{hashlib.sha256(raw).hexdigest()}"
    return _insert(
        db, once, (bus, topic, partition, offset, why.reason, why.detail, why.session_id, why.event_id, raw, at)
    )


def keep_conflict(db: sqlite3.Connection, bus: str | None, where: Where, accepted: Accepted, key: str, at: int) -> int:
    """Quarantine the content that lost its id to another one; each ``key`` is kept once, wherever it is seen."""
    return _keep_event(db, CONFLICT, CONFLICT_DETAIL, bus, where, accepted, key, at)


def keep_untrusted(
    db: sqlite3.Connection, bus: str | None, where: Where, accepted: Accepted, key: str, detail: str, at: int
) -> int:
    """Quarantine an event that claims to be the coach's and is not; each ``key`` is kept once, wherever it is seen."""
    return _keep_event(db, UNTRUSTED, detail, bus, where, accepted, key, at)


def forget_conflict(db: sqlite3.Connection, event_id: str, key: str) -> None:
    """A content that lost before stands in the journal now, so it is not in quarantine any more."""
    db.execute("DELETE FROM quarantine WHERE once = ?", (once_key(CONFLICT, event_id, key),))


def once_key(reason: str, event_id: str, key: str) -> str:
    """What a quarantined event is kept once by."""
    return f"{reason}|{event_id}|{key}"


def _keep_event(
    db: sqlite3.Connection,
    reason: str,
    detail: str,
    bus: str | None,
    where: Where,
    accepted: Accepted,
    key: str,
    at: int,
) -> int:
    event = accepted.event
    once = once_key(reason, event.id, key)
    return _insert(db, once, (bus, *where, reason, detail, event.session_id, event.id, accepted.raw, at))


def trim_garbage(db: sqlite3.Connection, bus: str) -> int:
    """Drop the oldest garbage that names no session and is over the limits; count and return how many."""
    query = "SELECT count(*), coalesce(sum(length(raw)), 0) FROM quarantine WHERE session IS NULL"
    records, size = db.execute(query).fetchone()
    if records <= GARBAGE_RECORDS and size <= GARBAGE_BYTES:
        return 0
    dropped = []
    for number, length in db.execute(
        "SELECT n, length(raw) FROM quarantine WHERE session IS NULL ORDER BY n"
    ).fetchall():
        if records <= GARBAGE_RECORDS and size <= GARBAGE_BYTES:
            break
        dropped.append((number,))
        records -= 1
        size -= length
    db.executemany("DELETE FROM quarantine WHERE n = ?", dropped)
    add_count(db, bus, "dropped", len(dropped))
    return len(dropped)


def _insert(db: sqlite3.Connection, once: str, values: tuple[Any, ...]) -> int:
    query = """INSERT INTO quarantine(once, bus, topic, partition, "offset", reason, detail, session, event_id, raw, at)
        VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(once) DO NOTHING"""
    return db.execute(query, (once, *values)).rowcount


def _get(db: sqlite3.Connection, number: int) -> Quarantined | None:
    row = db.execute(f"SELECT {_COLUMNS} FROM quarantine WHERE n = ?", (number,)).fetchone()  # noqa: S608 - a constant
    return None if row is None else Quarantined(*row)


def _retry(db: sqlite3.Connection, number: int, verdict: Any) -> Retried | None:
    from colearner_ls.contracts.judging import Accepted
    from colearner_ls.journal.admitting import admit, conflict_key
    from colearner_ls.journal.judging_again import meet
    from colearner_ls.journal.trusting import Trusting, copy_key

    kept = _get(db, number)
    if kept is None:
        return None
    if not isinstance(verdict, Accepted):
        db.execute("UPDATE quarantine SET reason = ?, detail = ? WHERE n = ?", (verdict.reason, verdict.detail, number))
        return Retried(reason=verdict.reason, detail=verdict.detail)
    if not db.execute("SELECT 1 FROM session WHERE id = ?", (verdict.event.session_id,)).fetchone():
        return Retried(reason="unfollowed", detail=f"Session “{verdict.event.session_id}” is not followed here.")
    trusting, at = Trusting(db), now_us()
    meet(db, trusting, [verdict], at)
    outcome = admit(db, trusting, verdict, kept.bus or "local", (kept.topic, kept.partition, kept.offset), at)
    if outcome.kind not in ("lost", "untrusted"):
        db.execute("DELETE FROM quarantine WHERE n = ?", (number,))
        return Retried(stored=outcome.stored)
    lost = outcome.kind == "lost"
    reason, key = (CONFLICT, conflict_key(verdict)) if lost else (UNTRUSTED, copy_key(verdict))
    # It is kept once, under the reason that holds now.
    once = once_key(reason, verdict.event.id, key)
    db.execute("DELETE FROM quarantine WHERE n = ? AND once <> ?", (number, once))
    return Retried(reason=reason, detail=CONFLICT_DETAIL if lost else outcome.detail)
