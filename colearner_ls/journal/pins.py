"""Pinned keys: whose word counts as the coach's in a session, as this person agreed to (trust.md, *Who said it*).

They are in the user data folder, so they survive a malformed journal and a deleted workspace.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Literal, get_args

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.signing import PublicKey, parse_public_key
from colearner_ls.journal.errors import JournalError
from colearner_ls.journal.files import replace_file
from colearner_ls.journal.lock import FileLock

PINS_FILE: Final = "pins.json"
_VERSION: Final = 1

Role = Literal["coach", "service"]
"""Whose word a key stands for. A ``coach`` key also speaks for the session's services; a ``service`` key only so."""

How = Literal["init", "invite", "by hand"]
"""What pinned a key: setting up one's own session, joining by an invite, or ``keys trust``."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
_HOWS: Final[tuple[How, ...]] = get_args(How)


@frozen
class Pin:
    """A key that counts in a session from its beginning on. ``at``: when it was pinned, µs since the Unix epoch."""

    kid: str
    public_key: str
    role: Role
    how: How
    at: int

    @property
    def key(self) -> PublicKey:
        """The key itself."""
        return PublicKey(self.kid, self.public_key)


class PinsError(JournalError):
    """The list of pinned keys cannot be read or written; sessions stay as the journal last knew them."""


class Pins:
    """The pinned keys of all sessions, one small JSON file in the user data folder, shared by all processes.

    Reading costs one look at the file when it was read before.
    """

    def __init__(self, home: Path) -> None:
        self._file = home / PINS_FILE
        self._lock = FileLock(home / (PINS_FILE + ".lock"))
        self._read: tuple[tuple[int, ...], dict[str, tuple[Pin, ...]]] | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._file

    def of(self, session_id: str) -> tuple[Pin, ...]:
        """The keys pinned for a session, oldest first; none: the session is *unverified*. Raises :class:`PinsError`."""
        return self.known(session_id) or ()

    def known(self, session_id: str) -> tuple[Pin, ...] | None:
        """Like :meth:`of`; ``None`` where nothing was ever said about the session, ``()`` where all were unpinned."""
        return self._sessions().get(session_id)

    def sessions(self) -> tuple[str, ...]:
        """The sessions with a pinned key, by name."""
        return tuple(sorted(session for session, pins in self._sessions().items() if pins))

    def pin(self, session_id: str, key: PublicKey, role: Role = "coach", how: How = "by hand") -> bool:
        """Pin a key; false where it is pinned for that role already. The journal has to ``judge_again`` then.

        Raises :class:`~colearner_ls.contracts.errors.BadInput` for another role, :class:`PinsError` where the file
        cannot be written.
        """
        if role not in ROLES:
            raise BadInput(f"A key cannot be pinned for the role {role!r}.", f"Roles are {' and '.join(ROLES)}.")
        pin = Pin(key.kid, parse_public_key(key.text).text, role, how, time.time_ns() // 1000)
        with self._changing() as sessions:
            pins = sessions.get(session_id, ())
            if any((each.kid, each.role) == (pin.kid, pin.role) for each in pins):
                return False
            sessions[session_id] = (*(each for each in pins if each.kid != pin.kid), pin)
        return True

    def unpin(self, session_id: str, kid: str) -> bool:
        """Take a pin back; tell whether there was one. Without any the session is *unverified*."""
        with self._changing() as sessions:
            pins = sessions.get(session_id, ())
            left = tuple(each for each in pins if each.kid != kid)
            if len(left) < len(pins):
                sessions[session_id] = left
            return len(left) < len(pins)

    def restore(self, session_id: str, pins: Sequence[Pin]) -> None:
        """Put back what a journal remembers, where this file (deleted, another one) knows nothing of the session."""
        with self._changing() as sessions:
            sessions.setdefault(session_id, tuple(pins))

    def _sessions(self) -> dict[str, tuple[Pin, ...]]:
        try:
            there = self._file.stat()
            mark = (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns)
            read = self._read
            if read is None or read[0] != mark:
                read = (mark, _parsed(self._file.read_bytes()))
                self._read = read
        except (FileNotFoundError, NotADirectoryError):
            return {}
        except OSError as error:
            raise PinsError(f"{self._file} cannot be read: {error.strerror}.", "Make it readable.") from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, BadInput) as error:
            raise PinsError(
                f"{self._file} is damaged, so it is not known which keys you agreed to.",
                "Put it back from a backup; or move it away, and join again by the coach's invite.",
            ) from error
        return read[1]

    @contextmanager
    def _changing(self) -> Iterator[dict[str, tuple[Pin, ...]]]:
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._lock.held():
                sessions = dict(self._sessions())
                before = dict(sessions)
                yield sessions
                if sessions != before:
                    replace_file(self._file, _dumped(sessions), durable=True)
        except OSError as error:
            raise PinsError(
                f"{self._file} cannot be written: {error.strerror}.",
                "Make the user data folder writable, or point COLEARNER_HOME at one that is.",
            ) from error


def pin_of(fields: Mapping[str, Any]) -> Pin:
    """A pin from JSON. Raises ``ValueError`` and its kin for what is none."""
    key = parse_public_key(fields["public_key"])
    if key.kid != fields["kid"] or fields["role"] not in ROLES or fields["how"] not in _HOWS:
        raise ValueError("not a pin")
    return Pin(key.kid, key.text, fields["role"], fields["how"], int(fields["at"]))


def _parsed(raw: bytes) -> dict[str, tuple[Pin, ...]]:
    found = json.loads(raw)
    if found["version"] != _VERSION:
        raise ValueError(f"version {found['version']}")
    return {str(name): tuple(pin_of(fields) for fields in pins) for name, pins in found["sessions"].items()}


def _dumped(sessions: Mapping[str, Sequence[Pin]]) -> bytes:
    shape = {name: [asdict(pin) for pin in pins] for name, pins in sorted(sessions.items())}
    return json.dumps({"version": _VERSION, "sessions": shape}, indent=1).encode("ascii") + b"\n"


__all__ = ["PINS_FILE", "ROLES", "How", "Pin", "Pins", "PinsError", "Role", "pin_of"]
