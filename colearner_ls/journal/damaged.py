"""Reading what can be read of a damaged journal file, without ever changing it."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Any, Final

from colearner_ls.contracts.frozen import frozen, mutable
from colearner_ls.journal.connecting import connect
from colearner_ls.journal.database import prepare_layout
from colearner_ls.journal.schema import PAGE_SIZE

_STEP: Final = 256

_MOST_ROWS: Final = 2_000_000
"""More rows than any journal has: a damaged tree can go round for ever."""

UNREADABLE: Final = (sqlite3.Error, UnicodeDecodeError)
"""What reading damaged pages raises; the second where SQLite's message quotes them."""

_SIZE_IN_PAGES: Final = slice(28, 32)
"""Where the header of a database has its size (https://sqlite.org/fileformat2.html, 1.3)."""


@frozen
class EventRow:
    """A row of the table ``event`` as the damaged file has it; whether it is sound is for others to judge."""

    row: int
    id: str
    source: str
    topic: str | None
    partition: int | None
    offset: int | None
    content: bytes
    raw: bytes


@frozen
class Name:
    """What the indexes tell of an event."""

    id: str
    session: str
    writer: str | None


@mutable
class Damaged:
    """A damaged journal. ``unreadable`` names the tables of which something could not be read."""

    db: sqlite3.Connection
    unreadable: set[str] = field(default_factory=set)
    bad_rows: list[int] = field(default_factory=list)

    def table(self, name: str, columns: str) -> list[tuple[Any, ...]]:
        """The readable rows of a small table: from its beginning and, past the damage, from its end."""
        key = columns.split(",")[0]
        rows, whole = self._both_ways(f"SELECT {columns} FROM {name} ORDER BY {key}")  # noqa: S608 - our own names
        if not whole:
            self.unreadable.add(name)
        return list(dict.fromkeys(rows))

    def events(self) -> Iterator[EventRow]:
        """The readable events in journal order; numbers of those that cannot be read gather in ``bad_rows``.

        A damaged number can end the look at a range early and without an error, so what did not come is asked for
        one by one.
        """
        last = self._last_row()
        seen: set[int] = set()
        for first in range(1, last + 1, _STEP):
            for row in self._between(first, first + _STEP - 1):
                seen.add(row.row)
                yield row
        for number in sorted(set(range(1, last + 1)) - seen - set(self.bad_rows)):
            yield from self._between(number, number)

    def named(self) -> tuple[dict[int, Name], bool]:
        """Row → name as far as the indexes still tell, for rows that the table does not give; and whether that is all."""
        order, whole = self._both_ways(
            "SELECT row, id, session FROM event INDEXED BY event_order ORDER BY session, hlc, id"
        )
        numbers, _ = self._both_ways(
            "SELECT row, writer FROM event INDEXED BY event_writer WHERE writer IS NOT NULL ORDER BY session, writer, seq"
        )
        by_row = dict(numbers)
        return {row: Name(event_id, session, by_row.get(row)) for row, event_id, session in order}, whole

    def _both_ways(self, query: str) -> tuple[list[tuple[Any, ...]], bool]:
        forward, whole = _until_fault(self.db, query)
        if whole:
            return forward, True
        head, order = query.split(" ORDER BY ")
        backward, _ = _until_fault(self.db, f"{head} ORDER BY {order.replace(',', ' DESC,')} DESC")
        return [*forward, *reversed(backward)], False

    def _between(self, first: int, last: int) -> Iterator[EventRow]:
        query = """SELECT row, id, source, topic, partition, "offset", content, raw FROM event
            WHERE row BETWEEN ? AND ? ORDER BY row"""
        try:
            rows = self.db.execute(query, (first, last)).fetchmany(last - first + 2)
            goes_round = len(rows) > last - first + 1  # a damaged tree leads to the same page again and again
        except UNREADABLE:
            rows, goes_round = [], True
        if goes_round and first == last and not rows:
            self.bad_rows.append(first)
            return
        if goes_round and first < last:
            middle = (first + last) // 2
            yield from self._between(first, middle)
            yield from self._between(middle + 1, last)
            return
        for row in rows[: last - first + 1]:
            if isinstance(row[6], bytes) and isinstance(row[7], bytes):
                yield EventRow(*row)
            else:
                self.bad_rows.append(row[0])

    def _last_row(self) -> int:
        """The newest row number by any of the ways that may still work; too large does no harm."""
        queries = (
            "SELECT max(row) FROM event",
            "SELECT seq FROM sqlite_sequence WHERE name = 'event'",
            "SELECT max(row) FROM event INDEXED BY event_order",
            "SELECT max(row) FROM outbox",
        )
        known: list[int] = []
        for query in queries:
            with contextlib.suppress(*UNREADABLE):
                row = self.db.execute(query).fetchone()
                if row and isinstance(row[0], int):
                    known.append(row[0])
        if not known:
            self.unreadable.add("event")
            return 0
        return min(max(known), 100_000 + self._size // 64)

    @property
    def _size(self) -> int:
        """Bytes of the file: no journal has more rows than a number that is far too large for it."""
        with contextlib.suppress(*UNREADABLE):
            return int(self.db.execute("PRAGMA page_count").fetchone()[0]) * PAGE_SIZE
        return 0


@contextlib.contextmanager
def open_damaged(path: Path) -> Iterator[Damaged | None]:
    """Open the damaged file for reading; ``None`` where not even its list of tables can be read.

    A destroyed first page is replaced, in a copy, by the first page of a fresh journal: tables lie at the same places
    in every journal of one layout.
    """
    with tempfile.TemporaryDirectory(prefix="colearner-salvage-", dir=path.parent) as folder:
        db = _try(path) or _try(_with_fresh_head(path, Path(folder)))
        try:
            yield None if db is None else Damaged(db)
        finally:
            if db is not None:
                db.close()


def _try(path: Path) -> sqlite3.Connection | None:
    db = connect(path, "ro")
    db.text_factory = lambda text: text.decode("utf-8", "replace")
    try:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except UNREADABLE:
        names = set()
    if {"event", "writer"} <= names:
        return db
    db.close()
    return None


def _with_fresh_head(path: Path, folder: Path) -> Path:
    copy, fresh = folder / "copy.db", folder / "fresh.db"
    db = connect(fresh, "rwc")
    prepare_layout(db, fresh)
    db.close()
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, copy.with_name(copy.name + suffix))
    head = bytearray(fresh.read_bytes()[:PAGE_SIZE])
    head[_SIZE_IN_PAGES] = (copy.stat().st_size // PAGE_SIZE).to_bytes(4, "big")
    with copy.open("r+b") as body:
        body.write(head)
    return copy


def _until_fault(db: sqlite3.Connection, query: str) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows of a query up to the first one that cannot be read, and whether that was all of them."""
    rows: list[tuple[Any, ...]] = []
    try:
        for row in db.execute(query):
            rows.append(row)
            if len(rows) > _MOST_ROWS:  # pages that lead back to themselves
                return rows, False
    except UNREADABLE:
        return rows, False
    return rows, True
