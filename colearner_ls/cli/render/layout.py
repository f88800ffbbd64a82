"""Small tables and colour for a terminal; the same words without either anywhere else."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from colearner_ls.contracts.frozen import frozen

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}
_GAP: Final = "  "
_MIN_LAST: Final = 12
"""Columns the last cell of a row keeps at least, however narrow the terminal."""


@frozen
class Style:
    """How lines are made: with ``color`` or without, and cut at ``width`` columns (``None``: never)."""

    color: bool = False
    width: int | None = None

    def paint(self, text: str, *names: str) -> str:
        """``text`` in the named colours where colour is on."""
        if not self.color or not text or not names:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}\x1b[0m"

    def heading(self, text: str) -> str:
        """A heading."""
        return self.paint(text, "bold")

    def faint(self, text: str) -> str:
        """What matters less."""
        return self.paint(text, "dim")


PLAIN: Final = Style()


@frozen
class Cell:
    """One cell of a table, with its colours."""

    text: str
    colors: tuple[str, ...] = ()


Row = Sequence[str | Cell]


def columns_of(text: str) -> int:
    """Columns that ``text`` takes on a terminal: wide characters two, combining marks none (Unicode TR 11)."""
    if text.isascii():
        return len(text)
    return sum(_width(character) for character in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def cut(text: str, columns: int) -> str:
    """``text`` in at most ``columns`` columns; an ellipsis stands for what was cut."""
    if columns_of(text) <= columns:
        return text
    room, kept = columns - 1, []
    for character in text:
        room -= _width(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + "…"


def table(rows: Iterable[Row], style: Style, *, indent: str = _GAP) -> list[str]:
    """Lines of a table without rules: columns as wide as their widest cell, the last one takes what is left."""
    cells = [[cell if isinstance(cell, Cell) else Cell(cell) for cell in row] for row in rows]
    count = max((len(row) for row in cells), default=0)
    widths = [max(columns_of(row[n].text) for row in cells if n < len(row)) for n in range(max(count - 1, 0))]
    return [_line(row, widths, style, indent) for row in cells]


def _line(row: Sequence[Cell], widths: Sequence[int], style: Style, indent: str) -> str:
    pieces, used = [indent], columns_of(indent)
    for number, cell in enumerate(row):
        last = number == len(row) - 1
        text = cell.text
        if last and style.width is not None:
            text = cut(text, max(style.width - used, _MIN_LAST))
        pieces.append(style.paint(text, *cell.colors))
        if not last:
            blanks = " " * (widths[number] - columns_of(text)) + _GAP
            pieces.append(blanks)
            used += widths[number] + len(_GAP)
    return "".join(pieces).rstrip()


def indented(lines: Iterable[str], indent: str = _GAP) -> list[str]:
    """Each line moved right."""
    return [f"{indent}{line}" if line else "" for line in lines]
