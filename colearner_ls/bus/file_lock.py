"""One advisory lock per embedded bus, around every write transaction, checkpoint and close.

SQLite before 3.51.3 can corrupt a WAL database when one process finishes a checkpoint while another commits (WAL-reset
bug); with this lock only one of them is ever inside. ``flock`` also queues, where SQLite's busy handler sleeps and is
unfair.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class FileLock:
    """An exclusive ``flock`` on a file of its own. Raises :class:`OSError` where the file cannot be made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Wait for the lock, in the kernel's queue and without limit: call it where nobody's patience depends on it."""
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        try:
            os.pwrite(self._fd, f"{os.getpid():<20}".encode(), 0)
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    @property
    def in_place(self) -> bool:
        """Whether the file at the path is still the one that is locked here."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        return os.path.samestat(there, os.fstat(self._fd))

    @property
    def last_holder(self) -> int | None:
        """Process id of whoever took the lock last: the one in the way, as long as somebody is."""
        try:
            return int(os.pread(self._fd, 20, 0))
        except (OSError, ValueError):
            return None

    def close(self) -> None:
        """Let go of the file; a lock that is still held goes with it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
