"""The doorbell: after each commit the writer wakes everyone who tails the same journal, by a datagram.

Watching the ``-wal`` file instead is a trap: it changes before the commit is visible. A bell may be missed (another
runtime folder, a full queue), so whoever listens polls as well.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import stat
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

_PATH_LIMIT: Final = 103
"""Longest socket path in bytes that every system takes: ``sun_path`` has 104 (macOS) or 108 (Linux), with a NUL."""

_FOLDER: Final = "colearner"
_AVAILABLE: Final = hasattr(socket, "AF_UNIX")


class Bell:
    """A listener's socket in the runtime folder. ``fileno`` may be waited on; where none can be made it is ``None``."""

    def __init__(self, journal: Path) -> None:
        self._path: Path | None = None
        self._socket: socket.socket | None = None
        for folder in _folders():
            if self._bind(folder / _name(journal)):
                return

    def _bind(self, folder: Path) -> bool:
        path = folder / f"{os.getpid()}-{os.urandom(3).hex()}"
        if not _AVAILABLE or len(os.fsencode(path)) > _PATH_LIMIT or not _make_private(folder):
            return False
        bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            bell.setblocking(False)
            bell.bind(os.fspath(path))
        except OSError:
            bell.close()
            return False
        self._path, self._socket = path, bell
        return True

    def fileno(self) -> int | None:
        """The descriptor that becomes readable when someone rings."""
        return None if self._socket is None else self._socket.fileno()

    def quiet(self) -> None:
        """Take back all rings so far."""
        if self._socket is not None:
            with contextlib.suppress(BlockingIOError):
                while self._socket.recv(16):
                    pass

    def wake(self) -> None:
        """Ring this one bell: its own thread is to look up."""
        if self._path is not None:
            _send(self._path)

    def close(self) -> None:
        """Stop listening and take the socket away."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._path = None


def ring(journal: Path) -> None:
    """Wake every listener of that journal. Never waits and never fails; sockets of dead processes are cleared away."""
    if not _AVAILABLE:
        return
    name = _name(journal)
    for folder in _folders():
        try:
            with os.scandir(os.path.join(folder, name)) as entries:  # noqa: PTH118 - after every commit: a tenth of the time
                paths = [entry.path for entry in entries]
        except OSError:
            continue
        for path in paths:
            _send(Path(path))


def _send(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ringer:
        ringer.setblocking(False)
        try:
            ringer.sendto(b"\x01", os.fspath(path))
        except ConnectionRefusedError:
            with contextlib.suppress(OSError):
                path.unlink()
        except OSError:  # its queue is full, so it will wake anyway; or it is gone
            pass


@lru_cache(maxsize=16)
def _name(journal: Path) -> str:
    return hashlib.sha256(os.fsencode(os.path.realpath(journal))).hexdigest()[:16]


def _folders() -> Iterator[Path]:
    """Runtime folders in order of preference. Ringing goes to all: another process may see other variables."""
    given = os.environ.get("XDG_RUNTIME_DIR", "")
    user = f"/run/user/{os.getuid()}"
    for base in dict.fromkeys((given, user)):
        if base and os.path.isabs(base) and os.path.isdir(base):  # noqa: PTH117, PTH112 - see ring
            yield Path(base) / _FOLDER
    import tempfile  # it brings in much, and there mostly is a runtime folder

    yield Path(tempfile.gettempdir()) / f"{_FOLDER}-{os.getuid()}"


def _make_private(folder: Path) -> bool:
    """Make ``folder`` with its parent, both ours alone; false where someone else got there first."""
    try:
        for level in (folder.parent, folder):
            level.mkdir(mode=0o700, exist_ok=True)
            found = level.lstat()
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
                return False
    except OSError:
        return False
    return True
