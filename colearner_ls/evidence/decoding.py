"""From the bytes of a file to text, or to the finding that it is none."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from colearner_ls.contracts.errors import BadInput

MAX_TEXT_BYTES: Final = 1024 * 1024
"""Larger files are hashed but never read as text (issue 3, part 7)."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with the one of UTF-16 LE, so it is looked for first
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

_TEXT_CONTROLS: Final = frozenset(b"\t\n\v\f\r\x1b")
"""Control characters found in text files: white space, and ESC in recorded terminal output."""

_CONTROLS: Final = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS) + b"\x7f"


class NotText(BadInput):
    """The bytes are not text in an encoding that we know, or too many."""


def decode(data: bytes) -> str:
    """The text in ``data``, line ends as they are, without a byte order mark.

    By byte order mark UTF-8, UTF-16 or UTF-32; else UTF-8; else Latin-1, which fits any bytes and is therefore taken
    only where there are no control characters (C0 or C1) in it. Raises :class:`NotText` for everything else.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                text = data[len(bom) :].decode(encoding)
            except UnicodeDecodeError as error:
                raise _not_text(f"it begins like {encoding.upper()}, but is not") from error
            if "\0" in text:
                raise _not_text("it contains NUL characters")
            return text
    if b"\0" in data:
        raise _not_text("it contains NUL bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _latin_1(data)


def _latin_1(data: bytes) -> str:
    # C1 controls (0x80-0x9F) are letters and quotes in Windows-1252, which is what most "Latin-1" files really are
    # (WHATWG Encoding Standard, 4.2: the label latin1 means windows-1252).
    if data.translate(None, _CONTROLS) != data:
        raise _not_text("it contains control characters and is not UTF-8")
    try:
        return data.decode("windows-1252")
    except UnicodeDecodeError as error:
        raise _not_text("it is neither UTF-8 nor Latin-1") from error


def read_text_file(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """The text of a file of at most ``max_bytes`` bytes. Raises :class:`OSError` as ``open`` does, and NotText."""
    with path.open("rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise _not_text(f"it has more than {max_bytes} bytes")
    return decode(data)


def _not_text(why: str) -> NotText:
    return NotText(f"This is not a text file: {why}.", "Only text in UTF-8, UTF-16 or Latin-1 can be shown.")
