"""A malformed journal becomes a new one with all that can still be read (architecture.md, *The journal*).

The damaged file is kept under another name. The new journal is built beside it, complete before it takes its place, so
that a crash at any moment leaves either the damaged file or a whole new one.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from colearner_ls.contracts.frozen import mutable
from colearner_ls.contracts.ids import is_uuid
from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.journal import adopting, local_records, reading, writers
from colearner_ls.journal.carving import carve
from colearner_ls.journal.connecting import connect
from colearner_ls.journal.damaged import Damaged, EventRow, open_damaged
from colearner_ls.journal.database import prepare_layout
from colearner_ls.journal.faults import UnsoundRow, os_faults, sqlite_faults
from colearner_ls.journal.lifecycle_lines import event_in, lines
from colearner_ls.journal.records import SALVAGE_KIND, LocalRecord, Salvage
from colearner_ls.journal.rows import insert, json_value, now_us
from colearner_ls.journal.salvage_place import aside, new_file, put_in_place

_COPIED: Final = (
    ("writer", "n, id, machine, inode, mark, started, cause"),
    ("session", "id, bus, since"),
    ("local", "kind, key, session, value, at"),
    ("done", "key, at"),
    ("quarantine", 'n, once, bus, topic, partition, "offset", reason, detail, session, event_id, raw, at'),
)
"""Tables taken over row by row. Not the cursors: the bus is read again from the beginning, which brings back others'
events. Not the outbox: every own event counts as unsent until it is seen there."""

_VALUE: Final = 3
"""Where a row of ``local`` has its JSON."""

_NAMED_LIMIT: Final = 200
"""At most so many lost events are named one by one."""


@mutable
class _Tally:
    events: int = 0
    from_lifecycle: int = 0


def salvage(path: Path, *, lifecycle: Path, machine: str, cause: str) -> Salvage:
    """Replace the damaged journal ``path``. The caller holds the write lock and has closed all connections to it.

    Raises :class:`~colearner_ls.journal.errors.StorageFull` where there is no room for the new file: nothing has
    changed then.
    """
    at = now_us()
    kept = aside(path, datetime.fromtimestamp(at / 1e6, UTC).strftime("%Y%m%dT%H%M%SZ"))
    with os_faults(path), sqlite_faults(path):
        with _building(new_file(path)) as db, open_damaged(path) as damaged:
            report = _fill(db, damaged, path, lifecycle, Salvage(str(kept), at, cause, 0, 0))
            inode = new_file(path).stat().st_ino
            writers.start(db, path, machine, inode, "salvaged")
            local_records.put(db, LocalRecord(SALVAGE_KIND, kept.name, asdict(report)), at)
        put_in_place(path, kept)
    return report


@contextmanager
def _building(path: Path) -> Iterator[sqlite3.Connection]:
    """A new journal in one transaction, durable and in a single file when it is left."""
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    db = connect(path, "rwc")
    try:
        prepare_layout(db, path)
        db.execute("PRAGMA synchronous=FULL")
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.close()
        path.unlink(missing_ok=True)
        raise
    finally:
        db.close()


def _fill(db: sqlite3.Connection, damaged: Damaged | None, path: Path, lifecycle: Path, report: Salvage) -> Salvage:
    tally = _Tally()
    if damaged is not None:
        for table, columns in _COPIED:
            _copy(db, damaged, table, columns)
        _copy_projections(db, damaged)
    own = writers.all_of(db, path)
    if damaged is not None:
        for row in damaged.events():
            _take(db, row, own, damaged, tally, report.at)
    for row in carve(path):
        _take_carved(db, row, own, tally, report.at)
    for line in lines(lifecycle):
        accepted = event_in(line)
        if accepted is not None and accepted.event.writer in own:
            tally.from_lifecycle += adopting.adopt(db, accepted, report.at)
    lost = tuple(_lost(db, damaged, own))
    return Salvage(report.kept, report.at, report.cause, tally.events, tally.from_lifecycle, lost)


def _copy(db: sqlite3.Connection, damaged: Damaged, table: str, columns: str) -> None:
    query = f"INSERT OR IGNORE INTO {table}({columns}) VALUES({','.join('?' * len(columns.split(',')))})"
    for row in damaged.table(table, columns):
        try:
            if table == "local":
                json_value(row[_VALUE])
            db.execute(query, row)
        except (sqlite3.IntegrityError, UnsoundRow):  # a value that no journal writes: the row is damaged itself
            damaged.unreadable.add(table)


def _copy_projections(db: sqlite3.Connection, damaged: Damaged) -> None:
    """What we last wrote to ``learning.json`` stays known; ``lifecycle.jsonl`` is compared line by line anyway."""
    rows = [row for row in damaged.table("projection", "name, value") if row[0] == "learning"]
    db.executemany("INSERT OR IGNORE INTO projection(name, value) VALUES(?,?)", rows)


def _take_carved(db: sqlite3.Connection, row: EventRow, own: frozenset[str], tally: _Tally, now: int) -> None:
    """Take an own event from a page that nothing led to. Those of others come from the bus again."""
    if row.source not in ("local", "salvaged") or db.execute("SELECT 1 FROM event WHERE id = ?", (row.id,)).fetchone():
        return
    verdict = judge(row.raw)
    if isinstance(verdict, Accepted) and verdict.content == row.content and verdict.event.id == row.id:
        tally.events += verdict.event.writer in own and adopting.adopt(db, verdict, now)


def _take(
    db: sqlite3.Connection, row: EventRow, own: frozenset[str], damaged: Damaged, tally: _Tally, now: int
) -> None:
    """Take over one event, if its bytes are the ones that were stored: SQLite does not see a flipped bit in them."""
    verdict = judge(row.raw)
    if not isinstance(verdict, Accepted) or verdict.content != row.content or verdict.event.id != row.id:
        damaged.bad_rows.append(row.row)
        _keep_wrong(db, row, now)
        return
    event = verdict.event
    if db.execute("SELECT 1 FROM event WHERE id = ?", (event.id,)).fetchone():
        return  # a damaged tree can lead to one row twice
    ours = row.source in ("local", "salvaged")
    number = insert(
        db,
        event,
        raw=row.raw,
        content=verdict.content,
        applied=verdict.applied,
        source="salvaged" if ours else row.source,
        where=(row.topic, row.partition, row.offset),
    )
    adopting.know_session(db, event.session_id, now)
    if ours and event.writer is not None and event.writer in own:
        adopting.send(db, verdict, number, now)
    tally.events += 1


def _keep_wrong(db: sqlite3.Connection, row: EventRow, now: int) -> None:
    db.execute(
        """INSERT OR IGNORE INTO quarantine(once, bus, topic, partition, "offset", reason, detail, session, event_id,
        raw, at) VALUES(?,NULL,?,?,?,'damaged','The bytes are not the ones that were stored.',NULL,?,?,?)""",
        (f"damaged|{row.row}|{row.id}", row.topic, row.partition, row.offset, row.id, row.raw, now),
    )


def _lost(db: sqlite3.Connection, damaged: Damaged | None, own: frozenset[str]) -> Iterable[str]:
    """What could not be saved, one sentence each. Events of others are not lost: the bus is read again."""
    if damaged is None:
        yield "The damaged file has no tables any more; own events were taken from loose pages and from lifecycle.jsonl."
        return
    for table in sorted(damaged.unreadable & {"event", "local", "done", "quarantine", "session", "writer"}):
        yield f"Some rows of the table “{table}” could not be read."
    named, unnamed = _lost_events(db, damaged, own)
    for event_id, session in named[:_NAMED_LIMIT]:
        yield f"Event {event_id} of session “{session}” could not be read."
    if len(named) > _NAMED_LIMIT:
        yield f"{len(named) - _NAMED_LIMIT} more own events could not be read."
    if unnamed:
        yield f"Up to {unnamed} events whose names are damaged too could not be read."
    yield from _unaccounted(db, own, len(named))


def _lost_events(db: sqlite3.Connection, damaged: Damaged, own: frozenset[str]) -> tuple[list[tuple[str, str]], int]:
    """(id, session) of own events that are in no place any more, and how many more there may be without a name."""
    names, complete = damaged.named()
    here = {event_id for (event_id,) in db.execute("SELECT id FROM event")}
    named = {what.id: what.session for _, what in sorted(names.items()) if what.writer in own}
    for event_id, session in damaged.table("outbox", "id, session"):
        if isinstance(event_id, str) and is_uuid(event_id):
            named[event_id] = str(session)
    unnamed = 0 if complete else len(set(damaged.bad_rows) - set(names))
    return [(event_id, session) for event_id, session in named.items() if event_id not in here], unnamed


def _unaccounted(db: sqlite3.Connection, own: frozenset[str], named: int) -> Iterable[str]:
    """Own numbers are given out without gaps: what is missing among them, and was not named by its id, is lost too."""
    gaps = [hole for hole in reading.holes(db) if hole.writer in own]
    if sum(hole.last - hole.first + 1 for hole in gaps) <= named:
        return
    for hole in gaps[:_NAMED_LIMIT]:
        numbers = str(hole.first) if hole.first == hole.last else f"{hole.first} to {hole.last}"
        yield f"Of session “{hole.session_id}” the own events with the numbers {numbers} (writer {hole.writer}) are gone."
