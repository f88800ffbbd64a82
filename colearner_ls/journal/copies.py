"""Copies of an event that say the same under another signature: kept aside, since either signature may cease to count.

Somebody may strip the signature off a coach's event, or sign it anew, and be faster than the true one. The copy that
came second says nothing new, and still is the one that stands when keys are pinned or revoked later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.journal import local_records
from colearner_ls.journal.records import LocalRecord
from colearner_ls.journal.rows import Where, json_value
from colearner_ls.journal.trusting import copy_key

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted

COPY_KIND: Final = "copy"


def keep(db: sqlite3.Connection, accepted: Accepted, bus: str | None, where: Where, now_us: int) -> None:
    """Keep a copy inside a running write transaction. ``bus`` ``None``: it was made here."""
    value = {"raw": accepted.raw.decode("utf-8"), "bus": bus, "where": list(where)}
    local_records.put(db, LocalRecord(COPY_KIND, _key(accepted), value, accepted.event.session_id), now_us)


def forget(db: sqlite3.Connection, accepted: Accepted) -> None:
    """This one stands now, or lies in quarantine."""
    db.execute("DELETE FROM local WHERE kind = ? AND key = ?", (COPY_KIND, _key(accepted)))


def of_event(db: sqlite3.Connection, event_id: str) -> Iterator[tuple[bytes, str | None, Where]]:
    """The copies of an event: bytes, bus and place."""
    query = "SELECT value FROM local WHERE kind = ? AND key >= ? AND key < ?"
    return _found(db.execute(query, (COPY_KIND, f"{event_id}|", f"{event_id}}}")).fetchall())


def of_session(db: sqlite3.Connection, session_id: str) -> Iterator[tuple[bytes, str | None, Where]]:
    """All copies in a session."""
    query = "SELECT value FROM local WHERE kind = ? AND session = ?"
    return _found(db.execute(query, (COPY_KIND, session_id)).fetchall())


def _found(rows: list[tuple[Any, ...]]) -> Iterator[tuple[bytes, str | None, Where]]:
    for (text,) in rows:
        value = json_value(text)
        topic, partition, offset = value["where"]
        yield str(value["raw"]).encode("utf-8"), value["bus"], (topic, partition, offset)


def _key(accepted: Accepted) -> str:
    return f"{accepted.event.id}|{copy_key(accepted)}"
