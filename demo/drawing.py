"""Draws a file as an editor would: lenses above lines, hints behind them, squiggles under them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.syntax import Syntax
from rich.text import Text

from demo.editor import View

_SEVERITY = {1: ("error", "red"), 2: ("warning", "yellow"), 3: ("info", "blue"), 4: ("hint", "cyan")}
_HINT = 4
_AROUND = 3
_THEME = "ansi_dark"
_INLAY = "italic grey82 on grey27"


def draw(view: View, title: str, width: int) -> Panel:
    """The marked parts of the file with a few lines around them, ``width`` columns wide.

    As in an editor's window, code is cut off at the right edge, and messages are wrapped.
    """
    inner = width - 4
    coloured = _coloured(view)
    wanted = _wanted(view)
    gutter = len(str(len(view.lines)))
    drawn: list[Text] = []
    previous = None
    for number in wanted:
        if previous is not None and number != previous + 1:
            drawn.append(Text(" " * gutter + " ⋮", style="dim"))
        previous = number
        drawn += _line(view, number, coloured[number], gutter, inner)
    for row in drawn:
        row.truncate(inner, overflow="ellipsis")
    return Panel(Group(*drawn), title=title, title_align="left", box=box.ROUNDED, border_style="dim", width=width)


def marked_lines(view: View) -> set[int]:
    """Lines (from 0) at which the server wants something drawn."""
    return (
        {hint["position"]["line"] for hint in view.hints}
        | {lens["range"]["start"]["line"] for lens in view.lenses}
        | {each["range"]["start"]["line"] for each in view.diagnostics}
    )


def _wanted(view: View) -> list[int]:
    last = len(view.lines) - 1
    marked = marked_lines(view) or {0}
    near = {line + step for line in marked for step in range(-_AROUND, _AROUND + 1)}
    return sorted(line for line in near if 0 <= line <= last)


def _coloured(view: View) -> list[Text]:
    code = "\n".join(view.lines)
    lexer = Syntax.guess_lexer(view.path, code)
    lines = list(Syntax(code, lexer, theme=_THEME, tab_size=4).highlight(code).split("\n", allow_blank=True))
    # Highlighting drops blank lines at the end of the text.
    return lines + [Text()] * (len(view.lines) - len(lines))


def _line(view: View, number: int, coloured: Text, gutter: int, width: int) -> list[Text]:
    text = view.lines[number]
    indent = " " * (len(text) - len(text.lstrip()))
    rows: list[Text] = []
    lenses = [lens for lens in view.lenses if lens["range"]["start"]["line"] == number]
    titles = [lens["command"]["title"] for lens in lenses if lens.get("command")]
    if titles:
        rows.append(_margin(gutter).append(indent + " · ".join(titles), style="dim underline"))
    row = Text().append(f"{number + 1:>{gutter}} │ ", style="dim")
    row.append_text(_with_hints(coloured, text, [hint for hint in view.hints if hint["position"]["line"] == number]))
    rows.append(row)
    for each in view.diagnostics:
        if each["range"]["start"]["line"] == number:
            rows += _squiggle(text, each, gutter, width)
    return rows


def _margin(gutter: int) -> Text:
    return Text(" " * gutter).append(" │ ", style="dim")


def _with_hints(coloured: Text, text: str, hints: Sequence[dict[str, Any]]) -> Text:
    row, drawn = Text(), 0
    for hint in sorted(hints, key=lambda hint: int(hint["position"]["character"])):
        at = _column(text, hint["position"]["character"])
        label = hint["label"]
        words = label if isinstance(label, str) else "".join(part["value"] for part in label)
        row.append_text(coloured[drawn:at])
        left, right = " " if hint.get("paddingLeft") else "", " " if hint.get("paddingRight") else ""
        row.append(left).append(words, style=_INLAY).append(right)
        drawn = at
    return row.append_text(coloured[drawn:])


def _squiggle(text: str, diagnostic: dict[str, Any], gutter: int, width: int) -> list[Text]:
    severity = diagnostic.get("severity", 1)
    word, colour = _SEVERITY[severity]
    start, end = diagnostic["range"]["start"], diagnostic["range"]["end"]
    first = max(_column(text, start["character"]), len(text) - len(text.lstrip()))
    last = _column(text, end["character"]) if end["line"] == start["line"] else len(text.rstrip())
    # An editor marks hint severity with three dots at the beginning, everything else along the whole range.
    mark = "···" if severity == _HINT else "~" * max(last - first, 1)
    rows = [_margin(gutter).append(" " * first).append(mark, style=f"bold {colour}")]
    source = "/".join(str(part) for part in (diagnostic.get("source"), diagnostic.get("code")) if part)
    said = Text(f"{word}: {diagnostic['message']}", style=colour).append(f"  [{source}]", style="dim default")
    room = max(width - gutter - 3 - first - 2, 20)
    for index, each in enumerate(said.wrap(Console(width=width), room)):
        each.rstrip()
        corner = "╰ " if index == 0 else "  "
        rows.append(_margin(gutter).append(" " * first).append(corner, style=colour).append_text(each))
    return rows


def _column(text: str, units: int) -> int:
    """Code points before a column in UTF-16 units."""
    return len(text.encode("utf-16-le")[: units * 2].decode("utf-16-le", errors="ignore"))
