"""The user data folder, and which workspace folders are live here (trust.md, *A repository is not a person*)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal

from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.errors import JournalError
from colearner_ls.journal.files import keep_aside, replace_file
from colearner_ls.journal.lock import FileLock

REGISTRY_FILE: Final = "workspaces.json"
How = Literal["init", "join", "session", "editor"]
"""What recorded a folder: a verb, an explicit ``--session``, or an editor setting."""


def user_data_folder(env: Mapping[str, str] | None = None) -> Path:
    """The user data folder: ``COLEARNER_HOME``, else where the platform keeps such things. It need not exist yet."""
    home = (os.environ if env is None else env).get("COLEARNER_HOME")
    if home:
        return Path(home).expanduser().absolute()
    import platformdirs  # only where the variable is not set: it costs a few ms

    return Path(platformdirs.user_data_dir("colearner", appauthor=False))


@frozen
class LiveFolder:
    """A workspace folder that was set up on this machine. ``bus`` is a bus key; ``at`` in µs since the Unix epoch."""

    path: str
    bus: str
    session: str | None
    how: How
    at: int


class RegistryError(JournalError):
    """The list of live folders cannot be written."""


class Registry:
    """The list of live folders, one small JSON file in the user data folder ``home``, shared by all processes."""

    def __init__(self, home: Path) -> None:
        self._file = home / REGISTRY_FILE
        self._lock = FileLock(home / (REGISTRY_FILE + ".lock"))

    def get(self, root: Path) -> LiveFolder | None:
        """What was recorded for ``root``, or ``None``."""
        return self._read().get(_key(root))

    def folders(self) -> tuple[LiveFolder, ...]:
        """All recorded folders, by path."""
        return tuple(entry for _, entry in sorted(self._read().items()))

    def record(self, root: Path, *, bus: str, session: str | None, how: How) -> LiveFolder:
        """Record ``root`` as live with that bus and session, in place of what was recorded before.

        Raises :class:`RegistryError` where the user data folder cannot be written.
        """
        entry = LiveFolder(_key(root), bus, session, how, time.time_ns() // 1000)
        with self._changing() as folders:
            folders[entry.path] = entry
        return entry

    def forget(self, root: Path) -> bool:
        """Take ``root`` off the list; tell whether it stood there."""
        with self._changing() as folders:
            return folders.pop(_key(root), None) is not None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, LiveFolder]]:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock.held():
                folders = self._read(on_damage=keep_aside)
                yield folders
                shape = {"version": 1, "folders": {path: asdict(entry) for path, entry in sorted(folders.items())}}
                replace_file(self._file, json.dumps(shape, indent=1).encode("ascii") + b"\n", durable=True)
        except OSError as error:
            raise RegistryError(
                f"{self._file} cannot be written: {error.strerror}.",
                "Make the user data folder writable, or point COLEARNER_HOME at one that is.",
            ) from error

    def _read(self, on_damage: Callable[[Path], object] | None = None) -> dict[str, LiveFolder]:
        """The entries. A damaged file counts as empty (folders are asked for again); writing keeps it aside first."""
        try:
            found = json.loads(self._file.read_bytes())
            return {path: _entry(path, fields) for path, fields in found["folders"].items()}
        except FileNotFoundError:
            return {}
        except OSError:
            if on_damage is not None:
                raise
            return {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            if on_damage is not None:
                on_damage(self._file)
            return {}


def _entry(path: str, fields: Mapping[str, Any]) -> LiveFolder:
    return LiveFolder(path, str(fields["bus"]), fields["session"], fields["how"], int(fields["at"]))


def _key(root: Path) -> str:
    """The folder's real path, so that a symbolic link to it is the same folder."""
    return os.path.realpath(root)
