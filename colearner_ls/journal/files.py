"""Small files beside the journal: replaced atomically, never overwritten silently, never written through a link."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

_NOFOLLOW: Final = getattr(os, "O_NOFOLLOW", 0)


def replace_file(path: Path, data: bytes, *, durable: bool = False, before: Callable[[], object] | None = None) -> None:
    """Put ``data`` in the place of the file ``path``: readers see the old or the new bytes, never a mixture.

    A symbolic link at ``path`` is replaced, its target is not touched. ``durable`` waits until the disk has it.
    """
    with replacing(path, durable=durable, before=before) as file:
        file.write(data)


@contextmanager
def replacing(path: Path, *, durable: bool = False, before: Callable[[], object] | None = None) -> Iterator[BinaryIO]:
    """Like :func:`replace_file`, for what is written piece by piece; an error leaves the old file.

    ``before`` is called when the new file is whole, just before it takes its place: on a full disk it is not.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o644)
        with os.fdopen(fd, "wb") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        if before is not None:
            before()
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace is the same call with one more object
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def create_once(path: Path, data: bytes) -> bool:
    """Write a file that is not there yet; tell whether it was written. Whatever stands there is left alone."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    return True


def open_plain(path: Path) -> BinaryIO | None:
    """Open a regular file for reading; ``None`` for anything else, so that a link, folder or pipe does no harm."""
    try:
        fd = os.open(path, os.O_RDONLY | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        if path.is_symlink():
            return None
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        return None
    return os.fdopen(fd, "rb")


def read_plain(path: Path, limit: int) -> bytes | None:
    """The bytes of a regular file, at most ``limit`` + 1 of them; ``None`` where there is none."""
    file = open_plain(path)
    if file is None:
        return None
    with file:
        return file.read(limit + 1)


def keep_aside(path: Path) -> Path:
    """Rename a file that we did not write to ``<name>.bak-<8 hex of its SHA-256>`` and return where it is now."""
    import hashlib  # loads OpenSSL

    digest = hashlib.sha256()
    if path.is_file() and not path.is_symlink():
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    kept = path.with_name(f"{path.name}.bak-{digest.hexdigest()[:8]}")
    path.replace(kept)
    return kept
