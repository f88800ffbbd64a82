"""Putting a salvaged journal in the place of the damaged one, in steps that may be cut short anywhere."""

from __future__ import annotations

import os
from pathlib import Path

_BESIDE = ("-wal", "-shm")


def new_file(path: Path) -> Path:
    """Where the new journal is built. One that is found there was never finished."""
    return path.with_name(path.name + ".new")


def _ready_file(path: Path) -> Path:
    """Where the new journal waits, whole, for its place. One that is found there is to be put in place."""
    return path.with_name(path.name + ".ready")


def aside(path: Path, stamp: str) -> Path:
    """A free name for the damaged file."""
    for number in range(1, 1000):
        name = f"{path.name}.malformed-{stamp}" + (f"-{number}" if number > 1 else "")
        if not path.with_name(name).exists():
            return path.with_name(name)
    return path.with_name(f"{path.name}.malformed-{stamp}-{os.getpid()}")


def put_in_place(path: Path, kept: Path) -> None:
    """Rename the damaged file to ``kept`` and the new one to ``path``. The caller holds the write lock."""
    new_file(path).rename(_ready_file(path))
    path.rename(kept)
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(kept.with_name(kept.name + suffix))
    finish(path)


def finish(path: Path) -> bool:
    """Put a new journal that is ready in its place, if the damaged one has left it; whether there is a journal now.

    The caller holds the write lock.
    """
    ready = _ready_file(path)
    if not path.exists() and ready.exists():
        for suffix in _BESIDE:  # of the damaged file, if the crash came between the renames: not for the new one
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(aside(path, "rest").with_name(aside(path, "rest").name + suffix))
        ready.rename(path)
        _sync_folder(path.parent)
    return path.exists()


def is_pending(path: Path) -> bool:
    """Tell whether a salvage was cut short between its last steps."""
    return not path.exists() and _ready_file(path).exists()


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
