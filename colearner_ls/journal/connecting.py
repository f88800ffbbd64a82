"""Opening an SQLite file: with the settings that all our connections have, and where nothing can be written."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final
from urllib.parse import quote_from_bytes

from colearner_ls.journal.errors import StorageFailed
from colearner_ls.journal.faults import missing

_BUSY_MS: Final = 5000
"""How long SQLite itself waits for a program that does not know our lock, in ms."""


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open ``path`` in SQLite's ``mode``: ``ro``, ``rw`` or ``rwc``. Nothing is read yet."""
    name = f"file:{quote_from_bytes(os.fsencode(path))}?mode={mode}"
    db = sqlite3.connect(name, uri=True, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
    db.execute("PRAGMA trusted_schema=OFF")
    return db


class ReadOnlySource:
    """Reads a journal whose folder cannot be written.

    SQLite reads a WAL database there only if its shared-memory file exists already; else a private copy is read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._copy: Path | None = None

    def connect(self) -> sqlite3.Connection:
        if self._copy is None:
            if not self._path.exists():
                raise missing(self._path)
            try:
                return self._open(self._path)
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in (
                    sqlite3.SQLITE_CANTOPEN,
                    sqlite3.SQLITE_READONLY,
                ):
                    raise
            self._copy = self._make_copy()
        return self._open(self._copy)

    def _open(self, path: Path) -> sqlite3.Connection:
        db = connect(path, "ro")
        try:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()  # only now the file is really opened
        except BaseException:
            db.close()
            raise
        return db

    def _make_copy(self) -> Path:
        import shutil
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="colearner-read-"))
        try:
            for suffix in ("", "-wal"):
                source = self._path.with_name(self._path.name + suffix)
                if source.exists():
                    shutil.copyfile(source, folder / source.name)
            db = connect(folder / self._path.name, "rw")  # recovers the copied write-ahead log, if any
            try:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                db.close()
        except OSError as error:
            raise StorageFailed(f"{self._path} cannot be copied for reading: {error.strerror}.", "") from error
        return folder / self._path.name

    def close(self) -> None:
        if self._copy is not None:
            import shutil

            shutil.rmtree(self._copy.parent, ignore_errors=True)
            self._copy = None
