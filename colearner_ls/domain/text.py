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
from itertools import accumulate, count, repeat
from operator import add
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
    """The ways between offsets and positions in one text.

    Positions outside the text are clamped as the LSP says: a character past the end of its line means the line's end
    (before its line end characters), a line past the last means the end of the text. A position inside a surrogate pair
    or a UTF-8 sequence means the start of that character.

    Line starts are found in one pass when somebody asks for a line that no offset led to. Until then lines are counted
    from the nearest place that is known: after a keystroke in a long file a few places are asked for, and counting line
    ends costs a hundredth of a list of all lines.
    """

    __slots__ = ("_ascii", "_ends", "_known", "_line_starts", "_lines", "_starts", "_unix", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._ascii = text.isascii()
        self._unix = "\r" not in text
        self._lines: list[str] | None = None
        self._starts: list[int] | None = None
        self._ends: list[int] = []
        self._known = [(0, 0)]
        """(Offset, line) of places that were asked for, sorted."""
        self._line_starts: dict[int, int] = {0: 0}
        """Line → its start, for lines that were asked for."""

    @property
    def lines(self) -> list[str]:
        """The lines without their ends."""
        if self._lines is None:
            self._lines = split_lines(self.text)
        return self._lines

    def _found(self) -> list[int]:
        """The starts of all lines; :attr:`_ends` goes with them."""
        if self._starts is None:
            if self._unix:
                # No Python per line. Before the end of line n stand n line ends and the lengths of n + 1 lines.
                self._ends = list(map(add, accumulate(map(len, self.lines)), count()))
                self._starts = [0, *map(add, self._ends[:-1], repeat(1))]
            else:
                ends = list(_LINE_END.finditer(self.text))
                self._ends = [*(end.start() for end in ends), len(self.text)]
                self._starts = [0, *(end.end() for end in ends)]
        return self._starts

    def _counted(self, offset: int) -> tuple[int, int]:
        """Line of an offset and the line's start, where ``\\n`` is the only line end and not all lines are known."""
        nearest = bisect_right(self._known, (offset, len(self.text)))
        known, line = self._known[nearest - 1]
        line += self.text.count("\n", known, offset)
        if known != offset:
            self._known.insert(nearest, (offset, line))
        start = self._line_starts.get(line)
        if start is None:
            start = self._line_starts[line] = self.text.rfind("\n", 0, offset) + 1
        return line, start

    def _line_of(self, offset: int) -> tuple[int, int, int]:
        """Line of an offset inside the text, and the line's start and end."""
        if self._unix and self._starts is None:
            line, start = self._counted(offset)
            end = self.text.find("\n", offset)
            return line, start, end if end >= 0 else len(self.text)
        starts = self._found()
        line = bisect_right(starts, offset) - 1
        return line, starts[line], self._ends[line]

    @property
    def line_count(self) -> int:
        """Number of lines, at least 1; the empty piece after a final line end is one."""
        return len(self.lines)

    def line_start(self, line: int) -> int:
        """Offset of the first character of 0-based ``line``; past the last line, the end of the text."""
        if self._starts is None and line in self._line_starts:
            return self._line_starts[line]
        starts = self._found()
        return starts[line] if line < len(starts) else len(self.text)

    def line_end(self, line: int) -> int:
        """Offset of the end of 0-based ``line``, before its line end characters; past the last line, the text's end."""
        if self._unix and self._starts is None and line in self._line_starts:
            end = self.text.find("\n", self._line_starts[line])
            return end if end >= 0 else len(self.text)
        self._found()
        return self._ends[line] if line < len(self._ends) else len(self.text)

    def line_at(self, offset: int) -> int:
        """0-based line that ``offset`` lies on; line end characters belong to the line that they end."""
        return self._line_of(min(max(offset, 0), len(self.text)))[0]

    def offset(self, line: int, character: int, encoding: Encoding) -> int:
        """Offset of a position, clamped as described for the class."""
        if line < 0 or character < 0:
            return self.line_start(max(line, 0))
        if line >= len(self.lines):
            return len(self.text)
        start = self._found()[line]
        if self._ascii or encoding == "utf-32":
            return min(start + character, self._ends[line])
        return start + _code_points(self.lines[line], character, encoding)

    def position(self, offset: int, encoding: Encoding) -> Position:
        """Position of an offset, which is clamped to the text; within ``\\r\\n`` it is the end of the line."""
        offset = min(max(offset, 0), len(self.text))
        line, start, end = self._line_of(offset)
        within = min(offset, end)
        if self._ascii or encoding == "utf-32":
            return Position(line, within - start)
        return Position(line, code_units(self.text[start:within], encoding))

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
