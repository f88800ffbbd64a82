"""From SQLite's and the operating system's error codes to the journal's typed errors."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from colearner_ls.journal.errors import (
    JournalBusy,
    JournalError,
    JournalMalformed,
    JournalMissing,
    ReadOnly,
    StorageFailed,
    StorageFull,
)

_MALFORMED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_PERMISSION: Final = (errno.EROFS, errno.EACCES, errno.EPERM)


class UnsoundRow(Exception):  # noqa: N818 - never leaves this room: it becomes JournalMalformed
    """A row that SQLite gives without complaint, but that no journal has written: its bytes are damaged."""


@contextmanager
def sqlite_faults(path: Path) -> Iterator[None]:
    """Turn SQLite's errors about the file ``path`` into ours. Mistakes in our own SQL pass through."""
    try:
        yield
    except UnsoundRow as error:
        raise JournalMalformed(path, str(error)) from error
    except UnicodeDecodeError as error:  # out of the module sqlite3, for a message that quotes damaged bytes
        raise JournalMalformed(path, "a text in it is none") from error
    except sqlite3.Error as error:
        typed = of_sqlite(error, path)
        if typed is None:
            raise
        raise typed from error


@contextmanager
def os_faults(path: Path) -> Iterator[None]:
    """Turn the operating system's errors about files beside ``path`` into ours."""
    try:
        yield
    except OSError as error:
        raise of_os(error, path) from error


def of_sqlite(error: sqlite3.Error, path: Path) -> JournalError | None:
    """The typed error for a fault of the file or the disk; ``None`` for anything else."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # not SQLite's: Python's, of which only this one is about what is in the file
        return JournalMalformed(path, "a text in it is none") if "Could not decode to UTF-8" in str(error) else None
    primary = code & 0xFF
    if primary in _MALFORMED:
        return JournalMalformed(path, str(error))
    if primary == sqlite3.SQLITE_FULL or (
        primary in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path)
    ):
        return StorageFull(path)
    if primary in _BUSY:
        return JournalBusy(
            f"Another program holds {path}.", "Close it (an SQLite shell, a backup, a sync client) and try again."
        )
    if primary == sqlite3.SQLITE_READONLY:
        # A writable file that SQLite will not write: the format version in its header is not one that it knows.
        return JournalMalformed(path, str(error)) if _is_writable(path) else ReadOnly(path)
    if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR) and (obstacle := in_the_way(path)) is not None:
        return obstacle
    if primary == sqlite3.SQLITE_CANTOPEN:
        return _cannot_open(error, path)
    if primary == sqlite3.SQLITE_IOERR:
        return StorageFailed(
            f"The disk reported an error at {path} ({getattr(error, 'sqlite_errorname', error)}).",
            "Check the disk. What was acknowledged before is in the file as far as the disk kept it.",
        )
    return None


def of_os(error: OSError, path: Path) -> JournalError:
    """The typed error for what the operating system said about a file beside ``path``."""
    if error.errno in _NO_SPACE:
        return StorageFull(path)
    if error.errno in _NO_PERMISSION:
        return ReadOnly(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return missing(path)
    return StorageFailed(f"{error.filename or path}: {error.strerror}.", "Check the disk and the folder's permissions.")


def missing(path: Path) -> JournalMissing:
    """There is no journal at ``path``."""
    return JournalMissing(
        f"There is no journal at {path}.", "Set the folder up with “colearner init” or “colearner join”."
    )


def in_the_way(path: Path) -> StorageFailed | None:
    """What stands in the place of the journal or of a file that SQLite keeps beside it, and is no file."""
    for suffix in ("", "-wal", "-shm"):
        place = path.with_name(path.name + suffix)
        try:
            mode = place.lstat().st_mode
            if stat.S_ISLNK(mode) and not suffix:
                mode = place.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            return StorageFailed(f"{place}: {error.strerror}.", "Move it away: what was there before is looked for.")
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "no file"
            return StorageFailed(
                f"{place} is {what}, so the journal cannot be opened.",
                "Move it away and try again; own events are then taken from what is left beside it, and from the bus.",
            )
    return None


def _cannot_open(error: sqlite3.Error, path: Path) -> JournalError:
    if not path.exists():
        return missing(path)
    if not _is_writable(path):
        return ReadOnly(path)
    return StorageFailed(f"{path} cannot be opened ({error}).", "Check the folder's permissions.")


def _is_writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _is_full(path: Path) -> bool:
    """SQLite reports a full disk as a plain I/O error where it grows the shared memory of the write-ahead log."""
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return False
    return room.f_bavail * room.f_frsize < 64 * 1024 or (room.f_files > 0 and room.f_favail == 0)
