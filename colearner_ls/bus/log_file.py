"""The file of the embedded bus, ``bus.db``: topics of one partition each, records by gapless offset. Synchronous.

All methods of one :class:`LogFile` are called from one thread. Nobody but SQLite ever opens the database file itself:
closing any descriptor of it would drop the POSIX locks of every connection in this process
(sqlite.org/howtocorrupt.html §2.2); only ``stat`` is used.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from .errors import BusError, BusRefused, BusStorageFull, BusUnreachable, CursorOutOfRange
from .file_lock import FileLock
from .records import MAX_RECORD_BYTES, Ack, IncomingRecord, KeyedPage, Outcome, OutgoingRecord, PartitionKey, Refused

APPLICATION_ID: Final = 0x434C4231
"""``CLB1`` in the header of the file: a colearner bus."""
SCHEMA_VERSION: Final = 1
PARTITION: Final = 0

READ_RECORDS: Final = 500
READ_BYTES: Final = 1024 * 1024
"""Most records and bytes of values that one read takes from one topic (one record at least, whatever its size)."""

_SCHEMA: Final = f"""
CREATE TABLE bus (uuid TEXT NOT NULL, created_ms INTEGER NOT NULL);
CREATE TABLE topic (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next_offset INTEGER NOT NULL DEFAULT 0);
CREATE TABLE record (
    id INTEGER PRIMARY KEY,
    topic INTEGER NOT NULL REFERENCES topic (id),
    offset INTEGER NOT NULL,
    key BLOB NOT NULL,
    value BLOB NOT NULL,
    timestamp_ms INTEGER NOT NULL,
    UNIQUE (topic, offset)
);
CREATE INDEX record_key ON record (key, topic, offset);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class CommitUncertain(Exception):  # noqa: N818
    """A commit failed in a way that does not say whether the records are stored."""


class LogFile:
    """Appends and reads. After a :class:`~.errors.BusUnreachable` it opens again with :meth:`open`."""

    def __init__(self, path: Path, topics: Sequence[str]) -> None:
        self.path = path
        self._topics = tuple(topics)
        self._topic_ids: dict[str, int] = {}
        self._db: sqlite3.Connection | None = None
        self._lock: FileLock | None = None
        self._inode: tuple[int, int] | None = None
        self._uuid = ""

    @property
    def lock_holder(self) -> int | None:
        """Process id of whoever took the write lock last; safe from any thread."""
        lock = self._lock
        return lock.last_holder if lock else None

    def open(self) -> str:
        """Open or make the file (never its folder) and return the UUID inside it."""
        with self._translated():
            self._lock = self._lock_in_place()
            if self._db is not None:
                if self._inode == self._inode_at_path():
                    return self._uuid
                self._abandon()
            with self._lock.held():
                self._db = self._connect()
                try:
                    self._uuid = self._prepare(self._db)
                    self._inode = self._inode_at_path()
                except BaseException:
                    self._db.close()
                    self._db = None
                    raise
        return self._uuid

    def append(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Store all that can be stored, in one transaction with one fsync.

        Raises :class:`CommitUncertain`, or an error of the bus where nothing was stored.
        """
        outcomes: list[Outcome] = []
        with self._translated():
            db = self._opened()
            lock = self._lock
            assert lock is not None
            with lock.held():
                # Somebody may have moved the folder while we waited for the lock.
                self._check_in_place()
                db.execute("BEGIN IMMEDIATE")
                try:
                    outcomes.extend(self._insert(db, record) for record in records)
                except BaseException:
                    _roll_back(db)
                    raise
                self._commit(db)
        return outcomes

    def read(self, cursors: Mapping[PartitionKey, int]) -> list[IncomingRecord]:
        """What lies from these offsets on, up to the limits; see :meth:`colearner_ls.bus.protocol.Bus.read`."""
        found: list[IncomingRecord] = []
        with self._reading() as db:
            ends = self._ends(db)
            for place, offset in sorted(cursors.items()):
                end = ends.get(place, 0)
                if not 0 <= offset <= end:
                    raise CursorOutOfRange(place, offset, begin=0, end=end)
                if offset < end:
                    found.extend(self._slice(db, place[0], offset))
        return found

    def read_keys(
        self,
        keys: Collection[bytes],
        start: Mapping[PartitionKey, int],
        until: Mapping[PartitionKey, int],
        limit: int,
    ) -> KeyedPage:
        """Records by key, through the index; see :meth:`colearner_ls.bus.protocol.IndexedBus.read_keys`."""
        found: list[IncomingRecord] = []
        following = {place: start.get(place, 0) for place in until}
        with self._reading() as db:
            for place, stop in sorted(until.items()):
                room = limit - len(found)
                records = list(self._by_key(db, place[0], keys, following[place], stop, room))
                found.extend(records)
                full = len(records) == room
                following[place] = records[-1].offset + 1 if full else stop
                if full:
                    return KeyedPage(tuple(found), following, done=False)
        return KeyedPage(tuple(found), following, done=True)

    def ends(self) -> dict[PartitionKey, int]:
        """The next offset of every topic."""
        with self._reading() as db:
            return self._ends(db)

    def close(self) -> None:
        """Close under the write lock, since closing may write the WAL back."""
        if self._db is not None and self._lock is not None:
            with self._lock.held():
                if self._inode == self._inode_at_path():
                    self._db.close()
                    self._db = None
        if self._db is not None:
            self._abandon()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _connect(self) -> sqlite3.Connection:
        uri = f"file:{quote(str(self.path))}?mode=rwc"
        db = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=5)
        try:
            (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if not tables:
                self.path.chmod(0o600)  # before there is a WAL, which takes over the mode
            # Where WAL is refused (some network file systems) the default journal does; the lock covers both.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute("PRAGMA journal_size_limit = 67108864")
        except BaseException:
            db.close()
            raise
        return db

    def _prepare(self, db: sqlite3.Connection) -> str:
        """Make the tables where there are none; the caller holds the lock."""
        (application,) = db.execute("PRAGMA application_id").fetchone()
        (version,) = db.execute("PRAGMA user_version").fetchone()
        (tables,) = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if tables and application != APPLICATION_ID:
            raise BusRefused(
                f"{self.path} is a database, but not a colearner bus",
                "Name another file in the bus URL, or move this one away.",
            )
        if version > SCHEMA_VERSION:
            raise BusRefused(f"{self.path} was made by a newer colearner (format {version})", "Update colearner.")
        db.execute("BEGIN IMMEDIATE")
        try:
            if not tables:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    db.execute(statement)
                db.execute("INSERT INTO bus VALUES (?, ?)", (str(uuid.uuid4()), _now_ms()))
            db.executemany("INSERT OR IGNORE INTO topic (name) VALUES (?)", [(name,) for name in self._topics])
            (identity,) = db.execute("SELECT uuid FROM bus").fetchone()
            self._topic_ids = dict(db.execute("SELECT name, id FROM topic").fetchall())
        except BaseException:
            _roll_back(db)
            raise
        db.execute("COMMIT")
        return str(identity)

    def _lock_in_place(self) -> FileLock:
        if self._lock is not None:
            if self._lock.in_place:
                return self._lock
            self._lock.close()
            self._lock = None
        if not self.path.parent.is_dir():
            raise BusUnreachable(str(self.path), "its folder is not there")
        return FileLock(self.path.with_name(self.path.name + ".lock"))

    def _inode_at_path(self) -> tuple[int, int] | None:
        try:
            facts = self.path.stat()
        except OSError:
            return None
        return (facts.st_dev, facts.st_ino)

    def _check_in_place(self) -> None:
        there = self._inode_at_path()
        if there is None:
            raise BusUnreachable(str(self.path), "it is not there any more")
        if there != self._inode or not (self._lock and self._lock.in_place):
            raise BusUnreachable(str(self.path), "another file stands in its place")

    def _opened(self) -> sqlite3.Connection:
        if self._db is None:
            raise BusUnreachable(str(self.path), "it is not connected")
        self._check_in_place()
        return self._db

    def _abandon(self) -> None:
        """Let go of a database whose file was moved away.

        No lock is needed, and the WAL of what stands in its place is safe: SQLite sees that the file was moved and writes
        nothing back (``databaseIsUnmoved()`` in pager.c).
        """
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """A snapshot of the database; reading takes no lock of ours."""
        with self._translated():
            db = self._opened()
            db.execute("BEGIN")
            try:
                yield db
            finally:
                _roll_back(db)

    def _insert(self, db: sqlite3.Connection, record: OutgoingRecord) -> Outcome:
        topic = self._topic_ids.get(record.topic)
        if topic is None:
            return Refused(f"there is no topic {record.topic}")
        size = record.size
        if size > MAX_RECORD_BYTES:
            return Refused(f"the record has {size} bytes; the bus takes {MAX_RECORD_BYTES} at most")
        (offset,) = db.execute(
            "UPDATE topic SET next_offset = next_offset + 1 WHERE id = ? RETURNING next_offset - 1", (topic,)
        ).fetchone()
        db.execute(
            "INSERT INTO record (topic, offset, key, value, timestamp_ms) VALUES (?, ?, ?, ?, ?)",
            (topic, offset, record.key, record.value, _now_ms()),
        )
        return Ack(PARTITION, offset)

    def _commit(self, db: sqlite3.Connection) -> None:
        try:
            db.execute("COMMIT")
        except sqlite3.Error as error:
            full = _primary_code(error) == sqlite3.SQLITE_FULL
            _roll_back(db)
            if full:
                raise
            # After a failed fsync the state of the file is anybody's guess: look again through a new connection.
            self._abandon()
            raise CommitUncertain(str(error)) from error

    def _ends(self, db: sqlite3.Connection) -> dict[PartitionKey, int]:
        rows = dict(db.execute("SELECT name, next_offset FROM topic").fetchall())
        return {(name, PARTITION): rows[name] for name in self._topics}

    def _slice(self, db: sqlite3.Connection, topic: str, offset: int) -> Iterator[IncomingRecord]:
        rows = db.execute(
            "SELECT offset, key, value, timestamp_ms FROM record "
            "WHERE topic = ? AND offset >= ? ORDER BY offset LIMIT ?",
            (self._topic_ids[topic], offset, READ_RECORDS),
        )
        taken = 0
        for number, key, value, timestamp in rows:
            yield IncomingRecord(topic, PARTITION, number, key, value, timestamp)
            taken += len(value)
            if taken >= READ_BYTES:
                return

    def _by_key(
        self, db: sqlite3.Connection, topic: str, keys: Collection[bytes], start: int, stop: int, room: int
    ) -> Iterator[IncomingRecord]:
        marks = ",".join("?" * len(keys))
        rows = db.execute(
            "SELECT offset, key, value, timestamp_ms FROM record "  # noqa: S608 - only question marks are put in
            f"WHERE key IN ({marks}) AND topic = ? AND offset >= ? AND offset < ? ORDER BY offset LIMIT ?",
            (*keys, self._topic_ids[topic], start, stop, room),
        )
        for number, key, value, timestamp in rows:
            yield IncomingRecord(topic, PARTITION, number, key, value, timestamp)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Errors of SQLite and the system in the words of the bus."""
        try:
            yield
        except sqlite3.Error as error:
            raise _bus_error(self.path, error) from error
        except OSError as error:
            kind = BusStorageFull if error.errno in (errno.ENOSPC, errno.EDQUOT) else BusUnreachable
            raise kind(str(self.path), os.strerror(error.errno or 0)) from error


def _bus_error(path: Path, error: sqlite3.Error) -> BusError:
    match _primary_code(error):
        case sqlite3.SQLITE_FULL:
            return BusStorageFull(str(path), "the disk is full")
        case sqlite3.SQLITE_IOERR | sqlite3.SQLITE_CANTOPEN if _is_full(path):
            return BusStorageFull(str(path), "the disk is full")
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return BusRefused(
                f"{path} is damaged or is not a database ({error})",
                "Move it away: a new one is made, and each journal sends its own events to it again.",
            )
    return BusUnreachable(str(path), str(error))


def _is_full(path: Path) -> bool:
    """SQLite calls it an I/O error where there is no room for the shared memory of its log, or for the log itself."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < 64 * 1024 or (room.f_files > 0 and room.f_favail == 0)


def _primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without the extension in its upper bits (sqlite.org/rescode.html)."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:
        db.execute("ROLLBACK")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
