"""A file lock that queues: for everything that may change the journal, in any process or thread of this machine.

SQLite before 3.51.3 can corrupt a database in WAL mode when one connection finishes a checkpoint while another commits
and resets the log (https://sqlite.org/wal.html#walresetbug). So write transactions, checkpoints and closes take turns
under this lock. It also makes waiting fair: SQLite's own busy handler sleeps and retries, and lets the lucky overtake.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from colearner_ls.journal.errors import LockTimeout

LOCK_WAIT_S: Final = 5.0
"""Longest wait for the lock, in seconds, before the holder is named instead (architecture.md, *The journal*)."""

_MOST_WAITERS: Final = 16
_POLL_S: Final = 0.02
"""While a holder hangs, everyone who gave up still has a thread in the queue; beyond so many one polls instead."""

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)


class FileLock:
    """An exclusive advisory lock (``flock``) on the file ``path``, which is created where needed and never deleted.

    Every hold opens the file anew: ``flock`` belongs to an open file, so the threads of one process exclude each other
    just as processes do. The kernel releases the lock when its holder dies. Not reentrant.
    """

    def __init__(self, path: Path, *, wait_s: float = LOCK_WAIT_S) -> None:
        self.path = path
        self._wait_s = wait_s

    @contextmanager
    def held(self, wait_s: float | None = None) -> Iterator[None]:
        """Hold the lock. Raises :class:`LockTimeout` after ``wait_s`` seconds, `OSError` without the file."""
        fd = self._acquire(self._wait_s if wait_s is None else wait_s)
        try:
            _sign(fd)
            yield
        finally:
            os.close(fd)

    def _acquire(self, wait_s: float) -> int:
        deadline = time.monotonic() + wait_s
        while True:
            fd = os.open(self.path, _FLAGS, 0o644)
            if not _lock(fd, deadline):
                raise self._timeout(wait_s)
            if self._is_current(fd):
                return fd
            os.close(fd)  # deleted or replaced while we waited: whoever comes next locks the new file

    def _is_current(self, fd: int) -> bool:
        try:
            there = self.path.lstat()
        except FileNotFoundError:
            return False
        return os.path.samestat(there, os.fstat(fd))

    def _timeout(self, waited: float) -> LockTimeout:
        pid, thread, program = _read_sign(self.path)
        if pid is None:
            holder = "another process"
        elif pid == os.getpid():
            holder = f"another thread of this process ({thread}, process {pid})"
        else:
            holder = f"process {pid} ({program})"
        return LockTimeout(self.path, pid=pid, holder=holder, waited=waited)


def _lock(fd: int, deadline: float) -> bool:
    """Lock ``fd`` and return true, or return false at the deadline; ``fd`` is then no longer the caller's."""
    locked = False
    waiter: _Waiter | None = None
    try:
        locked = _try(fd)
        if not locked and _Waiter.alive < _MOST_WAITERS and time.monotonic() < deadline:
            waiter = _Waiter(fd)
        while not locked and waiter is None and time.monotonic() < deadline:
            time.sleep(_POLL_S)
            locked = _try(fd)
    finally:
        if not locked and waiter is None:
            os.close(fd)
    return locked if waiter is None else waiter.wait(deadline)


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Waiter:
    """Waits in the kernel's queue, in a thread of its own: a blocking ``flock`` is fair but knows no deadline.

    When the caller has given up, the thread releases the lock as soon as it gets it.
    """

    alive: ClassVar[int] = 0
    """Threads that wait in the queue, those whose callers have given up included."""
    _count = threading.Lock()

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self._abandoned = False
        self._error: OSError | None = None
        with self._count:
            _Waiter.alive += 1
        threading.Thread(target=self._run, name="colearner-lock-wait", daemon=True).start()

    def wait(self, deadline: float) -> bool:
        """Wait for the lock; true when the caller has it. Otherwise the thread owns the descriptor and closes it."""
        try:
            self._over.wait(max(0.0, deadline - time.monotonic()))
        except BaseException:
            self._give_up()
            raise
        with self._mutex:
            if self._error is not None:
                raise self._error
            self._abandoned = not self._over.is_set()
            return not self._abandoned

    def _give_up(self) -> None:
        with self._mutex:
            if self._over.is_set() and self._error is None:
                os.close(self._fd)
            self._abandoned = True

    def _run(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        except OSError as error:
            self._error = error
        with self._mutex:
            if self._abandoned or self._error is not None:
                os.close(self._fd)
            self._over.set()
        with self._count:
            _Waiter.alive -= 1


def _sign(fd: int) -> None:
    """Write who holds the lock. A full disk is no reason to fail: the name only serves a message."""
    program = Path(sys.argv[0] or "python").name if sys.argv else "python"
    text = f"{os.getpid()}\t{threading.current_thread().name}\t{program}\n".encode("utf-8", "replace")
    with contextlib.suppress(OSError):
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))


def _read_sign(path: Path) -> tuple[int | None, str, str]:
    try:
        pid, thread, program = path.read_text(encoding="utf-8").split("\t")
        return int(pid), thread, program.strip()
    except (OSError, ValueError):
        return None, "", ""
