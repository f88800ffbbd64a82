"""Between rows of the table ``event`` and :class:`Stored` records."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from colearner_ls.contracts.event import Event
from colearner_ls.contracts.rows import event_from_row
from colearner_ls.journal.faults import UnsoundRow
from colearner_ls.journal.records import Position, Stored

STORED: Final = """SELECT e.row, e.id, e.hlc, e.derived, e.raw, e.applied, e.source, o.state, e.replaced
    FROM event e LEFT JOIN outbox o ON o.id = e.id"""
"""The columns that :func:`stored` takes; add a WHERE."""

INSERT: Final = """INSERT INTO event(id, session, hlc, event_type, derived, applied, replaced, writer, seq, source,
    topic, partition, "offset", content, raw) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"""

Where = tuple[str | None, int | None, int | None]
"""Topic, partition and offset at which an event was read; all ``None`` for one that was made here."""

NOWHERE: Final[Where] = (None, None, None)


def now_us() -> int:
    """The wall clock, in µs since the Unix epoch."""
    return time.time_ns() // 1000


def stored(row: tuple[Any, ...]) -> Stored:
    """The record of one row selected by :data:`STORED`. Raises :class:`UnsoundRow`."""
    number, event_id, hlc, derived, raw, applied, source, state, replaced = row
    try:
        event = event_from_row(raw, id=event_id, hlc=hlc, derived=bool(derived))
    except _UNREADABLE as error:
        _check_sound(raw, event_id, error)
        raise
    return Stored(number, event, raw, bool(applied), source, state, bool(replaced))


def event_rows(rows: Iterable[tuple[str, int, int, bytes]]) -> list[Event]:
    """The events of rows ``(id, hlc, derived, raw)``. Raises :class:`UnsoundRow`."""
    events: list[Event] = []
    event_id, raw = "", b""
    try:
        for event_id, hlc, derived, raw in rows:
            events.append(event_from_row(raw, id=event_id, hlc=hlc, derived=derived == 1))
    except _UNREADABLE as error:
        _check_sound(raw, event_id, error)
        raise
    return events


_UNREADABLE: Final = (ValueError, LookupError, TypeError, AttributeError, RecursionError)


def _check_sound(raw: Any, event_id: Any, error: Exception) -> None:
    """Raise :class:`UnsoundRow` unless these bytes would be let in: then the fault is not the row's."""
    if not _was_accepted(raw, event_id):
        raise UnsoundRow(f"event {event_id} is unreadable") from error


def _was_accepted(raw: Any, event_id: Any) -> bool:
    """Would these bytes be let in under this id? Then the fault is not the file's, and salvage would not mend it."""
    from colearner_ls.contracts.judging import Accepted, judge

    verdict = judge(raw) if isinstance(raw, bytes) else None
    return isinstance(verdict, Accepted) and verdict.event.id == event_id


def json_value(text: Any) -> Any:
    """The value of a JSON column. Raises :class:`UnsoundRow`."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnsoundRow("a stored value is not JSON") from error


def insert(
    db: sqlite3.Connection,
    event: Event,
    *,
    raw: bytes,
    content: bytes,
    applied: bool,
    source: str,
    where: Where = NOWHERE,
    replaced: bool = False,
) -> int:
    """Insert an accepted event and return its row number. Fold snapshots that it lands before are dropped."""
    cursor = db.execute(
        INSERT,
        (
            event.id,
            event.session_id,
            event.hlc,
            event.event_type,
            event.derived,
            applied,
            replaced,
            event.writer,
            event.seq,
            source,
            *where,
            content,
            raw,
        ),
    )
    drop_snapshots(db, event.session_id, event.position)
    row = cursor.lastrowid
    assert row is not None
    return row


def drop_snapshots(db: sqlite3.Connection, session_id: str, position: Position) -> None:
    """Forget the snapshots of the fold that an event at ``position`` would be missing in."""
    db.execute("DELETE FROM snapshot WHERE session = ? AND (hlc, id) >= (?, ?)", (session_id, *position))


def check_order(places: Iterable[Any]) -> None:
    """Look whether reading on gets anywhere: pages of a damaged file can lead back to themselves, for ever.

    ``places``: the place that was read from, and those of the rows that came. Raises :class:`UnsoundRow`.
    """
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise UnsoundRow("its rows are in no order")


def marks(values: Iterable[object]) -> str:
    """As many comma-separated question marks as there are values, for an SQL list."""
    return ",".join("?" for _ in values)
