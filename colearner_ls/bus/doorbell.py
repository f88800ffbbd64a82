"""Waking the readers of an embedded bus: a Unix datagram to each, sent after the commit.

Watching the ``-wal`` file instead would be a trap: it changes before the commit can be seen. A bell may get lost (a
full socket, a folder that cannot be made); readers poll behind it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import socket
import stat
import tempfile
from pathlib import Path

_numbers = itertools.count()
_LONGEST_NAME = 24
"""Bytes of ``/<pid>-<number>``, with room to spare."""
_MAX_SOCKET_PATH = 107
"""Longest path of a Unix socket on Linux, in bytes without the closing NUL (unix(7); 103 on macOS)."""


def bell_folder(database: Path) -> Path | None:
    """Where the readers of this file keep their sockets, made if need be; ``None`` where there is no safe place.

    In the runtime folder under a hash, since the path of a socket has a narrow limit.
    """
    name = hashlib.sha256(os.fsencode(os.path.realpath(database))).hexdigest()[:16]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    bases = [Path(runtime) / "colearner"] if runtime else []
    bases.append(Path(tempfile.gettempdir()) / f"colearner-{os.getuid()}")
    return next((folder for base in bases if _is_safe(base, folder := base / f"bus-{name}")), None)


def _is_safe(base: Path, folder: Path) -> bool:
    """Whether ``folder`` is there, ours alone, and short enough for a socket in it; makes both if need be."""
    if len(os.fsencode(folder)) + _LONGEST_NAME > _MAX_SOCKET_PATH:
        return False
    try:
        for part in (base, folder):
            part.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = part.lstat()
            # Somebody else's folder under /tmp could name sockets of other programs.
            if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid() or facts.st_mode & 0o022:
                return False
    except OSError:
        return False
    return True


class Doorbell:
    """One reader's bell. ``fileno`` becomes readable when somebody rings; :meth:`drain` makes it quiet again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{os.getpid()}-{next(_numbers)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            with contextlib.suppress(FileNotFoundError):
                self._path.unlink()  # of an earlier process with our pid
            self._socket.bind(str(self._path))
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        """The descriptor to wait for."""
        return self._socket.fileno()

    def drain(self) -> None:
        """Take all that was rung so far."""
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(16):
                pass

    def close(self) -> None:
        """Take the bell away."""
        self._socket.close()
        with contextlib.suppress(OSError):
            self._path.unlink()


def ring(folder: Path) -> None:
    """Ring every bell there; those of dead processes are swept away. Never waits and never fails."""
    try:
        bells = list(folder.iterdir())
    except OSError:
        return
    if not bells:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for bell in bells:
            try:
                sender.sendto(b"!", str(bell))
            except OSError as error:
                if error.errno == errno.ECONNREFUSED:
                    with contextlib.suppress(OSError):
                        bell.unlink()
