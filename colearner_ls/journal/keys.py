"""One's own private keys: files in the user data folder that nobody else can read (trust.md, *Who said it*)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import Any, Final

from colearner_ls.contracts.errors import BadInput, RefusedByPolicy
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.signing import PublicKey, SigningKey
from colearner_ls.journal.errors import JournalError
from colearner_ls.journal.files import open_plain
from colearner_ls.journal.lock import FileLock

KEYS_FOLDER: Final = "keys"
_VERSION: Final = 1
_MAX_BYTES: Final = 4096
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+")


class KeyFileError(JournalError, RefusedByPolicy):
    """A private key is there and cannot be used: others can read it, it is damaged, or its folder cannot be written.

    ``path`` is the file. Nothing is signed, and nothing is written unsigned in its place.
    """

    def __init__(self, path: Path, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.path = path


@frozen
class OwnKey:
    """A key that this person signs with, as ``author``."""

    author: str
    path: Path
    key: SigningKey

    @property
    def public(self) -> PublicKey:
        """What may be shown to anyone."""
        return self.key.public

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        return self.key.sign(message)


class KeyFolder:
    """The private keys in the user data folder ``home``, one file for each author. Safe between threads, processes."""

    def __init__(self, home: Path) -> None:
        self._folder = home / KEYS_FOLDER
        self._mutex = threading.Lock()
        self._known: dict[str, tuple[tuple[int, ...], OwnKey]] = {}

    def path(self, author: str) -> Path:
        """Where the key of that author is, or would be."""
        plain = _NOT_PLAIN.sub("-", author)[:40].strip("-.") or "key"
        return self._folder / f"{plain}-{hashlib.sha256(author.encode('utf-8', 'replace')).hexdigest()[:8]}.json"

    def own(self, author: str) -> OwnKey | None:
        """The key of that author, ``None`` where there is none. Costs one look at the file when it was read before.

        Raises :class:`KeyFileError` for a file that group or others can read, and for a damaged one.
        """
        path = self.path(author)
        try:
            there = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _unreadable(path, error) from error
        _check_private(path, there)
        mark = (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns)
        with self._mutex:
            known = self._known.get(author)
        if known is not None and known[0] == mark:
            return known[1]
        key = _read(path, author)
        with self._mutex:
            self._known[author] = (mark, key)
        return key

    def make(self, author: str) -> OwnKey:
        """The key of that author, made now where there is none.

        Raises :class:`KeyFileError` as :meth:`own` does, and where the folder cannot be written or cannot keep a file
        to one's own eyes. A key that is there is never replaced.
        """
        known = self.own(author)
        if known is not None:
            return known
        path = self.path(author)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self._folder / ".lock").held():
                if not path.exists():
                    _write(path, author, SigningKey.generate())
        except OSError as error:
            raise KeyFileError(
                path,
                f"No key can be made: {path} cannot be written ({error.strerror}).",
                "Make the user data folder writable, or point COLEARNER_HOME at one that is.",
            ) from error
        made = self.own(author)
        if made is None:
            raise KeyFileError(path, f"The key {path} was just made and is gone again.", "Try again.")
        return made


def _check_private(path: Path, there: os.stat_result) -> None:
    if not stat.S_ISREG(there.st_mode):
        raise KeyFileError(
            path, f"The private key {path} is not a plain file.", "Put the file itself there, not a link or a folder."
        )
    if os.name == "posix" and there.st_mode & 0o077:
        raise KeyFileError(
            path,
            f"The private key {path} can be read by others (mode {stat.S_IMODE(there.st_mode):04o}), so it is not used.",
            f"If nobody else has seen it: chmod 600 {path}. Otherwise make a new one and revoke this one.",
        )


def _read(path: Path, author: str) -> OwnKey:
    try:
        file = open_plain(path)
        if file is None:
            raise _damaged(path, "it is not there any more")
        with file:
            _check_private(path, os.fstat(file.fileno()))
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        fields = json.loads(raw)
        key = SigningKey(_seed(fields))
        named = fields["author"], fields["kid"]
    except (ValueError, KeyError, TypeError, RecursionError, BadInput, binascii.Error) as error:
        raise _damaged(path, "it cannot be read as a key") from error
    if named != (author, key.public.kid):
        raise _damaged(path, "its parts do not belong together")
    return OwnKey(author, path, key)


def _seed(fields: Any) -> bytes:
    if fields["version"] != _VERSION:
        raise ValueError(f"version {fields['version']}")
    text = fields["private_key"]
    seed = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    if _text(seed) != text:  # the last character has two bits to spare, which nobody set when it was written
        raise ValueError("it is not spelled as it was written")
    return seed


def _text(seed: bytes) -> str:
    return base64.urlsafe_b64encode(seed).decode("ascii").rstrip("=")


def _write(path: Path, author: str, key: SigningKey) -> None:
    """Write the file whole or not at all, readable by its owner alone from the first byte on."""
    fields = {
        "version": _VERSION,
        "author": author,
        "kid": key.public.kid,
        "public_key": key.public.text,
        "private_key": _text(key.seed),
    }
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(json.dumps(fields, indent=1).encode("ascii") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - Path.replace is the same call with one more object
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _damaged(path: Path, what: str) -> KeyFileError:
    return KeyFileError(
        path,
        f"The private key {path} is damaged: {what}.",
        "Put it back from a backup; without one move it away, make a new key, and have the old one revoked.",
    )


def _unreadable(path: Path, error: OSError) -> KeyFileError:
    return KeyFileError(
        path,
        f"The private key {path} cannot be read: {error.strerror}.",
        f"Make it yours and readable: chmod 600 {path}.",
    )
