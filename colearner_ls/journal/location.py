"""Where a workspace's journal lives: in its ``.colearner`` folder, or, on a disk that is shared or synced, at home.

SQLite in WAL mode needs shared memory and working locks, which network filesystems lack (https://sqlite.org/wal.html),
and a sync client that copies the file in mid-write damages it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import uuid
from pathlib import Path
from typing import Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.errors import WalRefused
from colearner_ls.journal.faults import os_faults
from colearner_ls.journal.files import read_plain, replace_file
from colearner_ls.journal.journal import JOURNAL_FILE, Journal, make_folder
from colearner_ls.journal.trust import Trust

ID_FILE: Final = "workspace-id"
"""In ``.colearner``: names the workspace where its journal lives elsewhere."""

_PATH_NOTE: Final = "workspace-path"
"""In the user data folder, beside such a journal: the real path of the workspace it belongs to."""

_NETWORK: Final = frozenset(
    (
        "9p",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "drvfs",
        "fuse",
        "gfs2",
        "glusterfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "prl_fs",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
        "fuse.ceph",
        "fuse.davfs2",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.gvfsd-fuse",
        "fuse.juicefs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "fuse.vmhgfs-fuse",
    )
)
"""Types in ``/proc/self/mountinfo`` whose files other machines (or a host system) may write too."""

_SYNCED: Final = frozenset(
    (
        "box",
        "box sync",
        "cloudstorage",  # macOS: ~/Library/CloudStorage holds them all
        "dropbox",
        "google drive",
        "googledrive",
        "icloud drive",
        "mega",
        "megasync",
        "mobile documents",  # macOS: where iCloud Drive really is
        "my drive",
        "nextcloud",
        "owncloud",
        "pcloud drive",
        "pclouddrive",
        "proton drive",
        "seafile",
        "synologydrive",
        "tresorit",
    )
)
_SYNCED_BEGINNINGS: Final = ("dropbox (", "onedrive", "onedrive -", "googledrive-")
_SYNCED_MARKS: Final = (".stfolder", ".dropbox", ".nextcloudsync.log", ".owncloudsync.log")
"""What Syncthing, Dropbox, Nextcloud and ownCloud leave in the root of a folder that they sync."""


@frozen
class Location:
    """Where the journal of a workspace lives. ``reason`` says why it is not in the workspace; empty where it is."""

    path: Path
    reason: str = ""


def locate(folder: Path, home: Path) -> Location:
    """The journal's place for the workspace whose ``.colearner`` is ``folder``; ``home`` is the user data folder.

    A journal that exists already stays where it is: a folder does not become another by what is mounted around it.
    Where the place is in the user data folder, ``folder`` gets a workspace id (it must be writable).
    """
    inside = folder / JOURNAL_FILE
    if inside.exists():
        return Location(inside)
    reason = unfit(folder)
    if not reason:
        return Location(inside)
    return Location(_outside(folder, home), reason)


def open_journal(folder: Path, home: Path, *, create: bool = True, readonly: bool = False) -> tuple[Journal, Location]:
    """Open the journal of a workspace where it lives, and say where that is.

    Raises :class:`~colearner_ls.journal.errors.JournalMissing` where there is none and ``create`` is false.
    """
    place = locate(folder, home) if create and not readonly else find(folder, home)
    trust = Trust(home)
    if create and not readonly:
        make_folder(folder)
    try:
        return Journal.open(place.path, folder=folder, create=create, readonly=readonly, trust=trust), place
    except WalRefused as refused:
        if place.reason:
            raise
        with contextlib.suppress(OSError):  # empty: SQLite refused before anything was stored
            if place.path.stat().st_size == 0:
                place.path.unlink()
        outside = Location(_outside(folder, home), refused.message)
        return Journal.open(outside.path, folder=folder, create=create, readonly=readonly, trust=trust), outside


def find(folder: Path, home: Path) -> Location:
    """Where the journal is, without making anything; inside ``folder`` where there is none yet."""
    inside = folder / JOURNAL_FILE
    known = _read_id(folder)
    if not inside.exists() and known is not None:
        outside = _place(home, known)
        if outside.exists():
            return Location(outside, unfit(folder) or "The filesystem could not hold it when it was made.")
    return Location(inside)


def unfit(folder: Path) -> str:
    """Why a journal must not live in ``folder``, in words; empty where it may."""
    kind = filesystem(folder)
    if kind in _NETWORK:
        return f"{folder} is on a network or shared filesystem ({kind})."
    synced = _synced_by(folder)
    return f"{folder} is synced to other machines ({synced})." if synced else ""


def filesystem(path: Path) -> str | None:
    """The type of the filesystem that ``path`` is on (``ext4``, ``nfs4`` …); ``None`` where the system does not say."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        table = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    return _type_in(table, os.path.realpath(path))


def _type_in(table: str, path: str) -> str | None:
    """The type of the innermost mount over ``path``; of mounts at one place the last one is on top (proc(5))."""
    best, kind = -1, None
    for line in table.splitlines():
        fields = line.split(" ")
        try:
            point, of_type = _unescape(fields[4]), fields[fields.index("-") + 1]
        except (IndexError, ValueError):
            continue
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= best:
            best, kind = len(point), of_type
    return kind


def _unescape(field: str) -> str:
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, char)
    return field


def _synced_by(folder: Path) -> str:
    real = Path(os.path.realpath(folder))
    for level in (real, *real.parents):
        name = level.name.lower()
        if name in _SYNCED or name.startswith(_SYNCED_BEGINNINGS):
            return level.name
        for mark in _SYNCED_MARKS:
            if (level / mark).exists() and level != Path.home():
                return f"{level.name}/{mark}"
    return ""


def _outside(folder: Path, home: Path) -> Path:
    """The journal's place in the user data folder, with the workspace id made or mended.

    A copy of a workspace brings the id of its original, whose journal it must not share: where the path that is noted
    beside the journal still is a workspace with that id, this one gets an id of its own.
    """
    real = os.path.realpath(folder)
    known = _read_id(folder)
    if known is not None and _is_anothers(_place(home, known), real, known):
        known = None
    with os_faults(folder / ID_FILE):
        if known is None:
            known = str(uuid.uuid4())
            make_folder(folder)
            replace_file(folder / ID_FILE, known.encode("ascii") + b"\n")
        place = _place(home, known)
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(place.parent / _PATH_NOTE, os.fsencode(real))
    return place


def _is_anothers(place: Path, real: str, known: str) -> bool:
    noted = read_plain(place.parent / _PATH_NOTE, 65536) if place.parent.is_dir() else None
    if noted is None or os.fsdecode(noted) == real:
        return False
    return _read_id(Path(os.fsdecode(noted))) == known


def _place(home: Path, workspace_id: str) -> Path:
    return home / "journals" / workspace_id / JOURNAL_FILE


def _read_id(folder: Path) -> str | None:
    """The workspace id in a ``.colearner`` folder; what is not a UUID counts as none (it may be hostile)."""
    try:
        text = read_plain(folder / ID_FILE, 64)
        return None if text is None else str(uuid.UUID(text.decode("ascii").strip()))
    except (OSError, ValueError):
        return None


__all__ = ["ID_FILE", "Location", "filesystem", "find", "locate", "open_journal", "unfit"]
