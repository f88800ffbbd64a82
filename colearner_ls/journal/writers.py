"""The names that this journal has written under, kept beside it too: a damaged file cannot tell what was its own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from colearner_ls.journal.faults import UnsoundRow, os_faults
from colearner_ls.journal.files import read_plain
from colearner_ls.journal.rows import now_us

_LIMIT = 1 << 20


def knows(db: sqlite3.Connection, journal: Path, machine: str, inode: int) -> bool:
    """Tell whether the newest writer is this machine's, in this very file, beside the very note it was written to."""
    newest = db.execute("SELECT machine, inode, mark FROM writer ORDER BY n DESC LIMIT 1").fetchone()
    return newest is not None and newest == (machine, inode, _mark(journal))


def start(db: sqlite3.Connection, journal: Path, machine: str, inode: int, cause: str) -> str:
    """Begin to write under a new name; the caller holds the write lock."""
    import uuid  # 3 ms: only a new journal needs it

    writer = str(uuid.uuid4())
    with os_faults(journal):
        size = _note(journal, writer)  # before the database: a name too many does no harm, one too few loses events
    try:
        db.execute(
            "INSERT INTO writer(id, machine, inode, mark, started, cause) VALUES(?,?,?,?,?,?)",
            (writer, machine, inode, _mark(journal), now_us(), cause),
        )
    except sqlite3.Error:
        with contextlib.suppress(OSError):  # nothing was written under it: by the note a journal was here
            os.truncate(_note_path(journal), size)
        raise
    return writer


def _mark(journal: Path) -> str:
    """Inode and change time of the note. A copy that was put back may get the journal's old inode number again, but
    nobody can set a change time, and the note changes only with a new writer."""
    try:
        there = _note_path(journal).lstat()
    except FileNotFoundError:
        return ""
    return f"{there.st_ino} {there.st_ctime_ns}"


def current(db: sqlite3.Connection) -> str:
    """The name that events are written under now."""
    found = db.execute("SELECT id FROM writer ORDER BY n DESC LIMIT 1").fetchone()
    if found is None or not isinstance(found[0], str):
        raise UnsoundRow("it does not say under which name it writes")
    return found[0]


def all_of(db: sqlite3.Connection | None, journal: Path) -> frozenset[str]:
    """Every name this journal has ever written under, as the database and the note beside it know them."""
    known: set[str] = set()
    if db is not None:
        known.update(writer for (writer,) in db.execute("SELECT id FROM writer"))
    noted = read_plain(_note_path(journal), _LIMIT) or b""
    return frozenset(known.union(noted.decode("ascii", "replace").split()))


def _note(journal: Path, writer: str) -> int:
    """Add a name to the note; the size of the note before, in bytes."""
    # Without waiting: a pipe in its place would keep whoever opens the journal for ever.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with os.fdopen(os.open(_note_path(journal), flags, 0o644), "ab") as file:
        size = os.fstat(file.fileno()).st_size
        file.write(writer.encode("ascii") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return size


def _note_path(journal: Path) -> Path:
    return journal.with_suffix(".writers")
