"""Text as the Language Server Protocol counts it: line ends, and positions in three encodings.

A line ends with ``\\n``, ``\\r\\n`` or ``\\r`` and with nothing else (LSP 3.17, *Text Documents*): form feed, vertical
tab, U+0085, U+2028 and U+2029 are ordinary characters, unlike in :meth:`str.splitlines`. An *offset* counts Unicode
code points from the start of the text, as Python indexes strings. A :class:`Position` counts lines from 0 and
characters in the code units of the negotiated encoding.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from colearner_ls.contracts.frozen import frozen

Encoding = Literal["utf-8", "utf-16", "utf-32"]
"""Names of the LSP's ``PositionEncodingKind``: what one *character* of a position counts."""

_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_ASTRAL: Final = re.compile("[\U00010000-\U0010ffff]")
_IS_CONTINUATION: Final = 0x80
_CONTINUATION_MASK: Final = 0xC0


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a document: 0-based ``line``, and ``character`` in code units of the encoding it was made for."""

    line: int
    character: int


@frozen
class TextRange:
    """From ``start`` up to, not including, ``end``."""

    start: Position
    end: Position


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """From offset ``start`` up to, not including, offset ``end``, in code points; ``0 <= start <= end``."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a span: {self.start}..{self.end}")


def split_lines(text: str) -> list[str]:
    """The lines of ``text`` without their ends; a final line end is followed by one more, empty line."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.split("\n")


class TextIndex:
    """Line starts of one text, found once, and the ways between offsets and positions.

    Building costs one pass. Positions outside the text are clamped as the LSP says: a character past the end of its
    line means the line's end (before its line end characters), a line past the last means the end of the text. A
    position inside a surrogate pair or a UTF-8 sequence means the start of that character.
    """

    __slots__ = ("_ascii", "_ends", "_starts", "lines", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines = split_lines(text)
        """The lines without their ends."""
        self._ascii = text.isascii()
        if "\r" in text:
            ends = list(_LINE_END.finditer(text))
            self._starts = [0, *(end.end() for end in ends)]
            self._ends = [*(end.start() for end in ends), len(text)]
        else:
            self._starts = list(accumulate((len(line) + 1 for line in self.lines[:-1]), initial=0))
            self._ends = [start + len(line) for start, line in zip(self._starts, self.lines, strict=True)]

    @property
    def line_count(self) -> int:
        """Number of lines, at least 1; the empty piece after a final line end is one."""
        return len(self.lines)

    def line_start(self, line: int) -> int:
        """Offset of the first character of 0-based ``line``; past the last line, the end of the text."""
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def line_end(self, line: int) -> int:
        """Offset of the end of 0-based ``line``, before its line end characters; past the last line, the text's end."""
        return self._ends[line] if line < len(self._ends) else len(self.text)

    def line_at(self, offset: int) -> int:
        """0-based line that ``offset`` lies on; line end characters belong to the line that they end."""
        return bisect_right(self._starts, max(offset, 0)) - 1

    def offset(self, line: int, character: int, encoding: Encoding) -> int:
        """Offset of a position, clamped as described for the class."""
        if line < 0 or character < 0:
            return self.line_start(max(line, 0))
        if line >= len(self.lines):
            return len(self.text)
        start = self._starts[line]
        if self._ascii or encoding == "utf-32":
            return min(start + character, self._ends[line])
        return start + _code_points(self.lines[line], character, encoding)

    def position(self, offset: int, encoding: Encoding) -> Position:
        """Position of an offset, which is clamped to the text; within ``\\r\\n`` it is the end of the line."""
        line = self.line_at(offset)
        within = min(max(offset, 0), self._ends[line]) - self._starts[line]
        if self._ascii or encoding == "utf-32":
            return Position(line, within)
        return Position(line, code_units(self.lines[line][:within], encoding))

    def range(self, span: Span, encoding: Encoding) -> TextRange:
        """The range of a span."""
        return TextRange(self.position(span.start, encoding), self.position(span.end, encoding))

    def span(self, text_range: TextRange, encoding: Encoding) -> Span:
        """The span of a range; an inverted range is taken the right way round."""
        first, last = sorted(
            self.offset(place.line, place.character, encoding) for place in (text_range.start, text_range.end)
        )
        return Span(first, last)

    def lines_span(self, start_line: int, end_line: int) -> Span:
        """The span of whole lines, 0-based and inclusive, without the last one's line end; clamped to the text."""
        start = self.line_start(start_line)
        return Span(start, max(start, self.line_end(end_line)))


def code_units(text: str, encoding: Encoding) -> int:
    """Length of ``text`` in code units. A lone surrogate counts as one code point (3 bytes, 1 unit)."""
    if encoding == "utf-32" or text.isascii():
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _code_points(line: str, units: int, encoding: Encoding) -> int:
    """How many code points of ``line`` fit wholly into its first ``units`` code units."""
    if line.isascii():
        return min(units, len(line))
    if encoding == "utf-8":
        data = line.encode("utf-8", "surrogatepass")
        cut = min(units, len(data))
        while 0 < cut < len(data) and data[cut] & _CONTINUATION_MASK == _IS_CONTINUATION:
            cut -= 1
        return len(data[:cut].decode("utf-8", "surrogatepass"))
    pairs = 0
    for match in _ASTRAL.finditer(line):
        first_unit = match.start() + pairs
        if first_unit >= units:
            break
        if first_unit + 1 == units:
            return match.start()
        pairs += 1
    return min(units - pairs, len(line))
