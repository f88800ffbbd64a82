"""Small filesystems of one's own: the user of the tests is often root, whom file modes do not stop."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _mount(*words: str) -> None:
    result = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if result.returncode:
        pytest.skip(f"needs the right to mount a filesystem (root): {result.stderr.strip()}")


@contextmanager
def small_disk(at: Path, size: str = "1m") -> Iterator[Path]:
    """A filesystem of that size, mounted at a new folder ``at``."""
    at.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(at))
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make ``folder`` unwritable for everyone, with what is in it."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        with pytest.raises(OSError, match="Read-only"):  # the fault is in force
            (folder / "probe").write_text("x")
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room in the filesystem of ``folder``; delete the file that comes back to make some."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    with pytest.raises(OSError, match="No space"):  # the fault is in force
        (folder / "probe").write_bytes(b"x" * 4096)
    (folder / "probe").unlink(missing_ok=True)
    return ballast


@contextmanager
def few_inodes(at: Path, count: int = 40) -> Iterator[Path]:
    """A filesystem with room for data but for only so many files, mounted at a new folder ``at``."""
    at.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"size=8m,nr_inodes={count}", "tmpfs", str(at))
    try:
        yield at
    finally:
        subprocess.run(["umount", "-l", str(at)], check=True)
