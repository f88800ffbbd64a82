"""Paths from the wire. They are hostile until proven otherwise (trust.md): this is the proof by text alone.

What a path leads to on a disk (symlinks, ignored files) is decided where files are read, in ``evidence/``.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from colearner_ls.contracts.errors import BadInput

MAX_PATH_BYTES: Final = 1024
"""Longest path taken, in bytes of UTF-8: PATH_MAX of macOS; Linux has 4096 (both ``limits.h``)."""

MAX_NAME_BYTES: Final = 255
"""Longest name of one folder or file, in bytes of UTF-8 (NAME_MAX of ext4, APFS and NTFS)."""

_DRIVE: Final = re.compile(r"[A-Za-z]:")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Categories that change how a path is shown, or cannot be encoded: controls, bidirectional marks, lone surrogates."""

_JOINERS: Final = frozenset("\u200c\u200d")
"""Zero-width joiners are in category Cf, but are part of file names in several scripts and in emoji."""


class UnsafePath(BadInput):
    """A path that is not a plain relative path inside the workspace; the message says what is wrong with it."""


def safe_path(text: str) -> str:
    """``text`` as a normalised relative path with ``/``: no empty and no ``.`` parts, no trailing slash.

    Raises :class:`UnsafePath` for anything that could lead out of the workspace or mean different things on two
    systems: absolute paths, ``..``, drive letters, backslashes, names of nothing but dots and spaces (Windows drops
    those), control and invisible characters, and paths or names that are too long.
    """
    parts = [part for part in text.split("/") if part not in {"", "."}]
    fault = _fault_of_characters(text) or _fault_of_shape(text) or _fault_of_parts(parts)
    if fault:
        raise _unsafe(text, fault)
    return "/".join(parts)


def _fault_of_characters(text: str) -> str | None:
    if not text.strip():
        return "it is empty"
    for character in text:
        if unicodedata.category(character) in _UNSEEN and character not in _JOINERS:
            return f"it contains the character U+{ord(character):04X}"
    if "\\" in text:
        return "it contains a backslash"
    return None


def _fault_of_shape(text: str) -> str | None:
    if len(text.encode()) > MAX_PATH_BYTES:
        return f"it is longer than {MAX_PATH_BYTES} bytes"
    if text.startswith("/"):
        return "it is absolute"
    if text == "~" or text.startswith("~/"):
        return "it starts at a home folder"
    return None


def _fault_of_parts(parts: list[str]) -> str | None:
    if not parts:
        return "it names no file"
    for part in parts:
        if part == "..":
            return "it goes up with '..'"
        if not part.strip(" ."):
            return "a name in it is only dots and spaces"
        if _DRIVE.match(part):
            return "it names a drive"
        if len(part.encode()) > MAX_NAME_BYTES:
            return f"a name in it is longer than {MAX_NAME_BYTES} bytes"
    return None


def _unsafe(text: str, why: str) -> UnsafePath:
    shown = repr(text if len(text) <= 80 else text[:79] + "…")
    return UnsafePath(
        f"The path {shown} cannot be used: {why}.", "Give a path relative to the workspace, such as src/app.py."
    )
