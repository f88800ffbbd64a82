"""The screen that Neovim draws for its user, kept from its ``redraw`` notifications (``:help ui-linegrid``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.text import Text

_LINES = ("underline", "undercurl", "underdouble", "underdotted", "underdashed")


@dataclass(frozen=True)
class Cell:
    """One cell: the character there (empty: the right half of a wide one) and the number of its highlight."""

    text: str
    highlight: int


class Screen:
    """The global grid as last drawn. Only ``grid 1`` exists, as no multigrid extension is asked for."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._rows = self._blank(columns, lines)
        self._highlights: dict[int, dict[str, Any]] = {}
        self._foreground, self._background, self._special = 0xD0D0D0, 0x14161B, 0xFF5555

    @staticmethod
    def _blank(columns: int, lines: int) -> list[list[Cell]]:
        return [[Cell(" ", 0)] * columns for _ in range(lines)]

    def redraw(self, batch: Sequence[Sequence[Any]]) -> None:
        """Apply one ``redraw`` notification."""
        for name, *calls in batch:
            handler = getattr(self, f"_on_{name}", None)
            if handler is not None:
                for arguments in calls:
                    handler(*arguments)

    def _on_default_colors_set(self, foreground: int, background: int, special: int, *_: Any) -> None:
        if foreground >= 0:
            self._foreground = foreground
        if background >= 0:
            self._background = background
        if special >= 0:
            self._special = special

    def _on_hl_attr_define(self, number: int, attributes: dict[str, Any], *_: Any) -> None:
        self._highlights[number] = attributes

    def _on_grid_resize(self, _grid: int, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        self._rows = self._blank(columns, lines)

    def _on_grid_clear(self, _grid: int) -> None:
        self._rows = self._blank(self.columns, self.lines)

    def _on_grid_line(self, _grid: int, row: int, column: int, cells: Sequence[Sequence[Any]], *_: Any) -> None:
        highlight = 0
        for text, *more in cells:
            if more:
                highlight = more[0]
            for _repeat in range(more[1] if len(more) > 1 else 1):
                self._rows[row][column] = Cell(text, highlight)
                column += 1

    def _on_grid_scroll(
        self, _grid: int, top: int, bottom: int, left: int, right: int, rows: int, _columns: int
    ) -> None:
        before = [list(row) for row in self._rows]
        for row in range(top, bottom):
            if top <= row + rows < bottom:
                self._rows[row][left:right] = before[row + rows][left:right]

    def text(self) -> str:
        """What is on the screen, a line each, without trailing blanks."""
        return "\n".join("".join(cell.text for cell in row).rstrip() for row in self._rows)

    def highlights_at(self, row: int, column: int) -> dict[str, Any]:
        """Colours (24-bit numbers) and attributes of one cell, as Neovim names them."""
        return self._highlights.get(self._rows[row][column].highlight, {})

    def underlined(self, row: int, words: str) -> bool:
        """Whether all of ``words`` on this row (from 0) is underlined, straight or curly."""
        cells = self._rows[row]
        start = "".join(cell.text or " " for cell in cells).index(words)
        return all(
            any(self.highlights_at(row, column).get(name) for name in _LINES)
            for column in range(start, start + len(words))
        )

    def _style(self, number: int) -> Style:
        attributes = self._highlights.get(number, {})
        foreground = attributes.get("foreground", self._foreground)
        background = attributes.get("background", self._background)
        if attributes.get("reverse"):
            foreground, background = background, foreground
        underlined = any(attributes.get(name) for name in _LINES)
        if underlined and "special" in attributes:
            foreground = attributes["special"]
        return Style(
            color=f"#{foreground:06x}",
            bgcolor=f"#{background:06x}",
            bold=bool(attributes.get("bold")),
            italic=bool(attributes.get("italic")),
            underline=underlined,
        )

    def save(self, file: Path, title: str) -> None:
        """Keep the screen as ``file`` (SVG) and beside it as plain text (``.txt``)."""
        with Path("/dev/null").open("w", encoding="utf-8") as nowhere:
            console = Console(
                record=True, width=self.columns, file=nowhere, force_terminal=True, color_system="truecolor"
            )
            for row in self._rows:
                line = Text()
                for highlight, cells in groupby(row, key=lambda cell: cell.highlight):
                    line.append("".join(cell.text for cell in cells), self._style(highlight))
                console.print(line, no_wrap=True, overflow="crop")
            console.save_svg(str(file), title=title)
        file.with_suffix(".txt").write_text(self.text() + "\n", encoding="utf-8")
