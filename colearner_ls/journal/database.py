"""One SQLite file, several threads and processes: who may write when, and that it is still the same file."""

from __future__ import annotations

import atexit
import contextlib
import os
import sqlite3
import stat
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from colearner_ls.journal import schema
from colearner_ls.journal.connecting import ReadOnlySource, connect
from colearner_ls.journal.errors import (
    JournalClosed,
    JournalMalformed,
    JournalMissing,
    LockTimeout,
    ReadOnly,
    WalRefused,
)
from colearner_ls.journal.faults import in_the_way, missing, of_os, os_faults, sqlite_faults
from colearner_ls.journal.lock import FileLock

T = TypeVar("T")

_WAL_LIMIT: Final = 64 * 1024 * 1024
"""The write-ahead log is cut back to this many bytes after a checkpoint."""

_IDLE_READERS: Final = 4

_OPEN: Final[weakref.WeakSet[Database]] = weakref.WeakSet()
_LEFT_OPEN: Final[list[sqlite3.Connection]] = []
"""Connections that could not be closed under the lock in time: closing them without it is what must not happen."""


class Database:
    """The connections to one journal file: one that writes, guarded by the file lock, and a few that read.

    Never open the database file by other means in a process that has it open: closing any descriptor of a file drops
    all POSIX locks that SQLite holds on it (https://sqlite.org/howtocorrupt.html, 2.2).
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool,
        readonly: bool = False,
        prepare: Callable[[sqlite3.Connection, os.stat_result], None] | None = None,
        repair: Callable[[JournalMalformed], None] | None = None,
        resume: Callable[[], bool] | None = None,
        committed: Callable[[], None] | None = None,
    ) -> None:
        """``prepare`` runs under the lock on every new writing connection; ``repair`` salvages a malformed file
        (without it the error goes to the caller); ``resume`` finishes a salvage that was cut short, if there is one, and
        tells whether the file is there now; ``committed`` runs after every commit that changed something."""
        self.path = path
        self.lock = FileLock(path.with_suffix(".lock"))
        self.readonly = readonly
        self.generation = 0
        """Grows when the file at the path is another one than before (salvaged by this or another process)."""
        self._create = create
        self._prepare = prepare
        self._repair = repair
        self._resume = resume
        self._committed = committed
        self._mutex = threading.Lock()  # guards the fields below; never held while SQLite works
        self._writing = threading.Lock()  # guards the writing connection, should the lock file have been deleted
        self._file: os.stat_result | None = None
        self._writer: sqlite3.Connection | None = None
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._retired: list[sqlite3.Connection] = []
        self._closed = False
        self._source = None if not readonly else ReadOnlySource(path)
        _OPEN.add(self)

    # -- reading

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run ``work`` on one consistent view of the journal; never waits for a writer."""
        try:
            return self._read_once(work)
        except JournalMissing:
            # For a moment of another process's salvage there is no file at the path.
            if self._resume is None or not self._resume():
                raise
        except JournalMalformed as error:
            if self._repair is None:
                raise
            self._repair(error)
        return self._read_once(work)

    def _read_once(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with sqlite_faults(self.path):
            generation, db = self._borrow()
            try:
                db.execute("BEGIN")
                return work(db)
            finally:
                _leave(db)
                self._give_back(generation, db)

    def _borrow(self) -> tuple[int, sqlite3.Connection]:
        with self._mutex:
            self._check_open()
            self._check_file()
            if self._idle:
                return self._idle.pop()
            generation = self.generation
        return generation, self.reader()

    def _give_back(self, generation: int, db: sqlite3.Connection) -> None:
        with self._mutex:
            if generation == self.generation and not self._closed and len(self._idle) < _IDLE_READERS:
                self._idle.append((generation, db))
                return
            self._retired.append(db)
            closed = self._closed
        if closed:
            self.close()

    def reader(self) -> sqlite3.Connection:
        """A reading connection of one's own; give it to :meth:`retire` in the end."""
        with sqlite_faults(self.path):
            if self._source is not None:
                return self._source.connect()
            if not self.path.exists():
                raise missing(self.path)
            db = connect(self.path, "rw")
            db.execute("PRAGMA query_only=ON")
            return db

    def retire(self, db: sqlite3.Connection) -> None:
        """Take back a connection from :meth:`reader`; it is closed when the lock is held anyway."""
        with self._mutex:
            self._retired.append(db)
            closed = self._closed
        if closed:
            self.close()

    # -- writing

    def write(self, work: Callable[[sqlite3.Connection], T], *, durable: bool, quiet: bool = False) -> T:
        """Run ``work`` in one write transaction, kept wholly or not at all.

        ``durable``: when this returns, the disk has it (``synchronous=FULL``, one fsync); otherwise a power cut, but no
        end of a process, may take it back. ``quiet``: nobody needs to hear of it at once.
        """
        if self.readonly:
            raise ReadOnly(self.path)
        try:
            return self._write_once(work, durable, quiet)
        except JournalMalformed as error:
            if self._repair is None:
                raise
            self._repair(error)
        return self._write_once(work, durable, quiet)

    def _write_once(self, work: Callable[[sqlite3.Connection], T], durable: bool, quiet: bool) -> T:
        with self.locked(), self._writing:
            db = self._writing_connection()
            before = db.total_changes
            with sqlite_faults(self.path):
                result = self._transact(db, work, durable)
            changed = db.total_changes != before
            self._close_retired()
        if changed and not quiet and self._committed is not None:
            self._committed()
        return result

    def _transact(self, db: sqlite3.Connection, work: Callable[[sqlite3.Connection], T], durable: bool) -> T:
        try:
            db.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            db.execute("BEGIN IMMEDIATE")
            result = work(db)
            db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            _leave(db)
            if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_IOERR:
                # After a failed fsync nobody knows what the disk has; a new connection reads what is there.
                with self._mutex:
                    self._writer = None
                    self._retired.append(db)
            raise
        except BaseException:
            _leave(db)
            raise
        return result

    @contextmanager
    def locked(self, wait_s: float | None = None) -> Iterator[None]:
        """Hold the write lock of the journal, with the operating system's errors made ours."""
        with contextlib.ExitStack() as stack:
            with os_faults(self.path):
                stack.enter_context(self.lock.held(wait_s))
            yield

    def _writing_connection(self) -> sqlite3.Connection:
        with self._mutex:
            self._check_open()
            self._check_file()
            db = self._writer
        if db is None:
            with sqlite_faults(self.path):
                db = self._open_writer()
            with self._mutex:
                self._writer = db
        return db

    def _open_writer(self) -> sqlite3.Connection:
        db = connect(self.path, "rwc" if self._create else "rw")
        try:
            prepare_layout(db, self.path)
            self._file = os.stat(self.path)  # noqa: PTH116 - keeps device and inode for samestat
            self._create = False
            if self._prepare is not None:
                self._prepare(db, self._file)
        except BaseException:
            db.close()
            raise
        return db

    # -- the same file?

    def current_generation(self) -> int:
        """The generation after looking whether the file at the path is still the same."""
        with self._mutex:
            self._check_open()
            self._check_file()
            return self.generation

    def _check_open(self) -> None:
        if self._closed:
            raise JournalClosed(self.path)

    def _check_file(self) -> None:
        """Before every use: is the file we have open still the one at the path? If not, leave it for the new one."""
        if self._source is not None:
            return
        try:
            there = os.stat(self.path)  # noqa: PTH116
        except FileNotFoundError:
            if self._file is None and self._create:
                return
            raise missing(self.path) from None
        except OSError as error:
            raise of_os(error, self.path) from error
        if not stat.S_ISREG(there.st_mode):
            raise in_the_way(self.path) or missing(self.path)
        if self._file is None:
            self._file = there
        elif not os.path.samestat(there, self._file):
            self._forget_connections()
            self._file = there

    def _forget_connections(self) -> None:
        self.generation += 1
        self._retired.extend(db for _, db in self._idle)
        self._idle.clear()
        if self._writer is not None:
            self._retired.append(self._writer)
            self._writer = None

    def abandon(self) -> None:
        """Close everything because the file is to be replaced. The caller holds the write lock."""
        with self._mutex:
            self._forget_connections()
            self._file = None
        self._close_retired()

    def is_current(self) -> bool:
        """Tell whether the file at the path is the one we have open (true when none is open yet)."""
        with self._mutex:
            if self._file is None:
                return True
            try:
                return os.path.samestat(os.stat(self.path), self._file)  # noqa: PTH116
            except FileNotFoundError:
                return False

    # -- the end

    def checkpoint(self) -> None:
        """Copy the write-ahead log into the database file, under the write lock."""
        if self.readonly:
            return
        with self.locked(), self._writing, sqlite_faults(self.path):
            self._writing_connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close all connections, under the write lock. Harmless when called again."""
        with self._mutex:
            self._closed = True
            self._forget_connections()
            if not self._retired:
                return
        try:
            with contextlib.nullcontext() if self.readonly else self.lock.held():
                self._close_retired()
        except LockTimeout:
            with self._mutex:
                _LEFT_OPEN.extend(self._retired)
                self._retired.clear()
        except OSError:  # the folder is gone or became read-only: nothing can be checkpointed any more
            self._close_retired()
        if self._source is not None:
            self._source.close()

    def _close_retired(self) -> None:
        with self._mutex:
            retired, self._retired = self._retired, []
        for db in retired:
            with contextlib.suppress(sqlite3.Error):
                db.close()

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            self.close()


@atexit.register
def _close_all() -> None:
    for database in list(_OPEN):
        database.close()


def prepare_layout(db: sqlite3.Connection, path: Path) -> None:
    """Make an empty database a journal, or an older journal a new one. The caller holds the write lock.

    Raises :class:`WalRefused` where the filesystem cannot hold one.
    """
    if schema.layout(db, path) == 0:
        db.execute(f"PRAGMA page_size={schema.PAGE_SIZE}")
    (mode,) = db.execute("PRAGMA journal_mode=WAL").fetchone()
    if mode != "wal":
        raise WalRefused(
            f"{path.parent} is on a filesystem that cannot hold a journal (SQLite got “{mode}” instead of “wal”).",
            "Keep the workspace on a local disk.",
        )
    db.execute("PRAGMA foreign_keys=ON")
    db.execute(f"PRAGMA journal_size_limit={_WAL_LIMIT}")
    schema.migrate(db, path)


def _leave(db: sqlite3.Connection) -> None:
    """End whatever transaction is open. SQLite has often rolled back by itself after an error."""
    if db.in_transaction:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
