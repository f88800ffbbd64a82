"""Whether a file may leave the machine at all, decided at the moment it is opened (trust.md).

It must lie inside the workspace after symbolic links are resolved, be an ordinary file, belong neither to git's nor to
colearner's own data, and not be ignored by git.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.paths import UnsafePath, safe_path
from colearner_ls.evidence.git import NoGit, ignored

_OWN_FOLDERS: Final = frozenset({".git", ".colearner"})
"""Compared without regard to case: on macOS and Windows ``.GIT`` is the same folder."""


@frozen
class OutOfScope:
    """The file may not leave; ``reason`` completes "it is not shared: …"."""

    reason: str


@frozen
class InScope:
    """The file may leave. ``path`` is the wire form, ``real`` where it is on the disk, which may not exist."""

    path: str
    real: Path


def in_scope(root: Path, path: str) -> InScope | OutOfScope:
    """Judge ``path`` (from the wire or a person, relative to the workspace ``root``). Runs git once; reads no content."""
    try:
        wire = safe_path(path)
    except UnsafePath as unsafe:
        return OutOfScope(unsafe.message)
    home = root.resolve()
    try:
        real = (home / wire).resolve()
    except (OSError, RuntimeError):  # RuntimeError: a loop of symbolic links, before Python 3.13
        return OutOfScope("its symbolic links lead nowhere")
    if not real.is_relative_to(home) or real == home:
        return OutOfScope("it leads out of the workspace")
    inner = real.relative_to(home).as_posix()
    for shape in {wire, inner}:
        if any(part.casefold() in _OWN_FOLDERS for part in PurePosixPath(shape).parts):
            return OutOfScope("it belongs to git's or colearner's own data")
    reason = _ignored(home, {inner} if _through_link(home, wire) else {wire, inner})
    return OutOfScope(reason) if reason else InScope(wire, real)


def _through_link(home: Path, wire: str) -> bool:
    """Whether a folder of the path is a symbolic link: git does not judge names beyond one, only the real name."""
    above = PurePosixPath(wire).parents
    return any((home / part).is_symlink() for part in above if part != PurePosixPath("."))


def _ignored(home: Path, paths: set[str]) -> str | None:
    answer = ignored(home, sorted(paths))
    if isinstance(answer, NoGit):
        return f"it cannot be told whether git ignores it ({answer.reason})" if answer.repository else None
    return "git ignores it" if answer else None


def open_in_scope(root: Path, scope: InScope) -> BinaryIO | OutOfScope:
    """Open the file for reading and make sure that it still is what was judged.

    Raises :class:`FileNotFoundError` if it is gone, and other :class:`OSError` if it cannot be read.
    """
    # Neither a link put in its place meanwhile is followed, nor a named pipe waited for.
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        stream = os.fdopen(os.open(scope.real, flags), "rb")
    except IsADirectoryError:
        return OutOfScope("it is a folder")
    try:
        found = os.fstat(stream.fileno())
        if not stat.S_ISREG(found.st_mode):
            stream.close()
            return OutOfScope("it is a folder" if stat.S_ISDIR(found.st_mode) else "it is not an ordinary file")
        now = scope.real.resolve()
        if not now.is_relative_to(root.resolve()) or not os.path.samestat(now.stat(), found):
            stream.close()
            return OutOfScope("it was replaced while it was read")
    except OSError:
        stream.close()
        raise
    return stream
