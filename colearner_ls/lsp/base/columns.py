"""Columns: from code units of the negotiated encoding to code points of one line, and back.

A position inside a code point's units (half of a surrogate pair) goes to the start of that code point. A column past
the end of the line is the end of the line, without its line terminator (LSP 3.17, *Position*).
"""

from __future__ import annotations

from typing import Final, Literal

Encoding = Literal["utf-8", "utf-16", "utf-32"]

ENCODINGS: Final[tuple[Encoding, ...]] = ("utf-8", "utf-16", "utf-32")


def encoding_of(name: object) -> Encoding:
    """The encoding of an LSP ``PositionEncodingKind`` or its text; UTF-16, LSP's default, for anything else."""
    text = str(getattr(name, "value", name))
    for known in ENCODINGS:
        if text == known:
            return known
    return "utf-16"


def content_length(line: str) -> int:
    """Length of the line in code points without ``\\r\\n``, ``\\n`` or ``\\r`` at its end."""
    if line.endswith("\r\n"):
        return len(line) - 2
    if line.endswith(("\n", "\r")):
        return len(line) - 1
    return len(line)


def to_code_points(line: str, units: int, encoding: Encoding) -> int:
    """Column in code points of a column in code units."""
    limit = content_length(line)
    if encoding == "utf-32" or line.isascii():
        return max(0, min(units, limit))
    seen = 0
    for index in range(limit):
        width = _width(line[index], encoding)
        if seen + width > units:
            return index
        seen += width
    return limit


def to_units(line: str, column: int, encoding: Encoding) -> int:
    """Column in code units of a column in code points."""
    part = line[: min(column, content_length(line))]
    if encoding == "utf-32" or part.isascii():
        return len(part)
    return sum(_width(char, encoding) for char in part)


def _width(char: str, encoding: Encoding) -> int:
    code = ord(char)
    if encoding == "utf-16":
        return 2 if code > 0xFFFF else 1
    if code < 0x80:
        return 1
    if code < 0x800:
        return 2
    return 3 if code < 0x10000 else 4
