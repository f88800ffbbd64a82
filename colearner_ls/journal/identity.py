"""Who this machine is, and which journal is which: for `writer` ids that are never given out twice."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_MACHINE_ID_FILES: Final = ("/etc/machine-id", "/var/lib/dbus/machine-id")
"""systemd's machine-id(5) and where D-Bus keeps the same on systems without systemd."""


@cache
def machine_id() -> str:
    """32 hex digits that name this machine, the same for every user and every start.

    It is a hash: machine-id(5) asks not to hand the id itself to others, and the first digits end up in default author
    names. Without an id file the hardware address serves (macOS), which may change when network cards do.
    """
    digest: str = _sha256()(b"colearner machine " + _raw_machine_id().encode()).hexdigest()
    return digest[:32]


def _sha256() -> Callable[[bytes], Any]:
    """Python's own SHA-256, by either of the names it had: every start needs one short hash, and hashlib loads OpenSSL
    (4 ms) for it. Builds of Python without it have hashlib only."""
    for name in ("_sha2", "_sha256"):
        try:
            found: Callable[[bytes], Any] = import_module(name).sha256
        except ImportError:
            continue
        return found
    import hashlib

    return hashlib.sha256


def _raw_machine_id() -> str:
    if sys.platform != "win32":
        for name in _MACHINE_ID_FILES:
            try:
                text = Path(name).read_text(encoding="ascii").strip()
            except (OSError, UnicodeDecodeError):
                continue
            if text and text != "uninitialized":
                return text
    import uuid

    return f"{uuid.getnode():012x}"


def default_author() -> str:
    """``<login>@<8 hex of machine id>`` (contracts.md, *Envelope*); names a person for people, identifies nobody."""
    login = next((told for name in _LOGIN if (told := os.environ.get(name))), "") or _login_name()
    return f"{login}@{machine_id()[:8]}"


_LOGIN: Final = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""What `getpass.getuser` asks first. The rest of what it does does not change and takes 40 µs, with every event."""


@cache
def _login_name() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in the password database (containers)
        return "someone"
