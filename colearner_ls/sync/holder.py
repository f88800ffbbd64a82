"""One process per workspace runs sync: who holds this lock, and who takes over from one that hangs.

The lock is a ``flock``, which the kernel frees when its holder dies, however it dies. A holder that is only stopped keeps
it, so it also shows that it lives: it touches the file every :data:`BEAT_S`. Whoever sees no touch for :data:`HANG_S` puts
a lock file of its own in that place. The one that hung finds another file there when it goes on, and steps down; what it
does before it looks is harmless (docs/decisions/0017).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from colearner_ls.contracts.frozen import frozen

LOCK_FILE: Final = "sync.lock"

BEAT_S: Final = 0.5
"""How often, in s, the holder touches the lock file."""

HANG_S: Final = 6.0
"""A holder that has not touched the file for so long, in s, hangs. More than the longest wait for the write lock (5 s),
and a dozen missed beats, so that a busy machine is not taken for a stopped process."""

LONG_GONE_S: Final = 60.0
SHORT_LOOK_S: Final = 1.5
"""For commands that run for moments only: a touch that is more than a minute away from now by the wall clock, and that is
seen to stay away for so many s, is enough. A clock that was set can look like it, hence the second look."""

_LOOK_GAP_S: Final = 3.0
"""Looks farther apart than this, in s, say nothing: the one who looks was stopped itself, perhaps with the holder."""

_FLAGS: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


@frozen
class _Sight:
    """The lock file of another as it was first and last seen unchanged (``since``, ``last``: monotonic, in s)."""

    inode: int
    touched_ns: int
    since: float
    last: float


class SyncHolder:
    """The sync lock of one ``.colearner`` folder. ``clock`` (monotonic) and ``wall`` are in s."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self._path = folder / LOCK_FILE
        self._fd: int | None = None
        self._clock = clock
        self._wall = wall
        self._sight: _Sight | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock and the file at the path is still the one it locked."""
        if self._fd is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._fd), self._path.lstat())
        except FileNotFoundError:
            return False

    def beat(self) -> bool:
        """Show that the holder lives; call it every :data:`BEAT_S`. Tells whether the lock is still held."""
        if self._fd is None or not self.held:
            return False
        with contextlib.suppress(OSError):  # not to be written for a while: others may take over, which does no harm
            os.utime(self._fd)
        return True

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it, or if who has it hangs; never waits. Call it again and again to find that out.

        Raises `OSError` where the file cannot be made.
        """
        if self.held:
            return True
        self.release()
        fd = os.open(self._path, _FLAGS, 0o644)
        if not _lock(fd):
            os.close(fd)
            return self.hung() and self._take_over()
        self._keep(fd)
        return self.held

    def hung(self) -> bool:
        """Look at the lock file: has whoever holds it not touched it for too long? ``False`` where it is held here."""
        now = self._clock()
        there = None if self.held else self._look()
        if there is None:
            self._sight = None
            return False
        seen = self._sight
        if (
            seen is None
            or (seen.inode, seen.touched_ns) != (there.st_ino, there.st_mtime_ns)
            or now - seen.last > _LOOK_GAP_S
        ):
            self._sight = _Sight(there.st_ino, there.st_mtime_ns, now, now)
            return False
        self._sight = _Sight(seen.inode, seen.touched_ns, seen.since, now)
        for_s = now - seen.since
        long_gone = abs(self._wall() - there.st_mtime) > LONG_GONE_S
        return for_s >= HANG_S or (long_gone and for_s >= SHORT_LOOK_S)

    def lively(self) -> bool:
        """Whether whoever holds it touched the file just now, so that what it has noted of the bus is still true."""
        there = self._look()
        if there is None:
            return False
        seen = self._sight
        gone_on = seen is not None and (seen.inode, seen.touched_ns) != (there.st_ino, there.st_mtime_ns)
        return gone_on or abs(self._wall() - there.st_mtime) < HANG_S

    def _look(self) -> os.stat_result | None:
        try:
            return self._path.lstat()
        except OSError:
            return None

    def _take_over(self) -> bool:
        """Put a lock file of one's own in the place of the one that hangs."""
        seen, self._sight = self._sight, None
        with _alone(self.folder) as alone:
            there = self._look()
            if not alone or seen is None or there is None:
                return False
            if (there.st_ino, there.st_mtime_ns) != (seen.inode, seen.touched_ns):
                return False  # it went on, or another was quicker
            new = self._path.with_name(LOCK_FILE + ".next")
            fd = os.open(new, _FLAGS, 0o644)
            if not _lock(fd):
                os.close(fd)
                return False
            self._keep(fd)
            try:
                new.rename(self._path)
            except OSError:
                self.release()
                raise
        return self.held

    def _keep(self, fd: int) -> None:
        self._fd = fd
        self._sight = None
        with contextlib.suppress(OSError):  # a full disk is no reason to fail: the pid only serves a message
            text = f"{os.getpid()}\n".encode()
            os.pwrite(fd, text, 0)
            os.ftruncate(fd, len(text))

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _lock(fd: int) -> bool:
    """Lock ``fd`` without waiting; it is closed where that raises."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except BaseException:
        os.close(fd)
        raise
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else is just taking over here: for a moment the folder itself is locked."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(fd)


def silent_s(folder: Path) -> float | None:
    """For how long, in s by the wall clock, the holder has not touched its lock; ``None`` where there is no such file."""
    try:
        return max(time.time() - (folder / LOCK_FILE).lstat().st_mtime, 0.0)
    except OSError:
        return None


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
