"""One process per workspace runs sync: who holds this lock (architecture.md, *Sync*)."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Final

LOCK_FILE: Final = "sync.lock"


class SyncHolder:
    """The sync lock of one ``.colearner`` folder. The kernel frees it when its holder dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        self._fd: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock and the file at the path is still the one it locked."""
        if self._fd is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._fd), self._path.lstat())
        except FileNotFoundError:
            return False

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it; never waits. Raises `OSError` where the file cannot be made."""
        if self.held:
            return True
        self.release()
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        with contextlib.suppress(OSError):  # a full disk is no reason to fail: the pid only serves a message
            text = f"{os.getpid()}\n".encode()
            os.pwrite(fd, text, 0)
            os.ftruncate(fd, len(text))
        return self.held

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def holder_pid(folder: Path) -> int | None:
    """The process that holds sync in this folder now, ``None`` where nobody does."""
    try:
        fd = os.open(folder / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        try:
            return int(os.pread(fd, 32, 0).decode("ascii", "replace"))
        except ValueError:
            return None
    else:
        return None
    finally:
        os.close(fd)
