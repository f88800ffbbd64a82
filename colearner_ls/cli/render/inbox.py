"""``inbox`` for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from colearner_ls.cli.render.layout import Cell, Row, Style, table
from colearner_ls.cli.render.plain import plain
from colearner_ls.cli.render.status import COLORS
from colearner_ls.cli.render.words import ago, lines_of, short
from colearner_ls.domain.inbox import Waiting

_KIND_COLORS: Final = {"stuck": ("red",), "submission": ("blue",), "feedback": ("yellow",), "request": ("yellow",)}
_ANSWERS: Final = {
    "stuck": "colearner hint --stuck ID TEXT · colearner resolve ID",
    "submission": "colearner feedback EXERCISE --grade pass|revise",
    "evidence": "colearner show ID",
    "request": "colearner evidence PATH --request ID",
    "feedback": "colearner show ID · colearner ack ID",
    "hint": "colearner show ID · colearner ack ID",
    "exercise": "colearner show ID · colearner ack ID · colearner submit ID",
}


def inbox_lines(items: Sequence[Waiting], now_us: int, style: Style, *, several: bool = False) -> list[str]:
    """A table of what waits, and what answers it. ``several``: name the student of each."""
    if not items:
        return ["Nothing waits for you."]
    lines = table([_row(item, now_us, several=several) for item in items], style, indent="")
    kinds = dict.fromkeys(item.kind for item in items)
    answers = [[Cell(kind, ("dim",)), Cell(_ANSWERS[kind], ("dim",))] for kind in kinds]
    return [*lines, "", *table(answers, style)]


def _row(item: Waiting, now_us: int, *, several: bool) -> Row:
    where = plain(item.path) + lines_of(item.line, None) if item.path else ""
    text = plain(item.text)
    if item.exercise_id and item.kind != "exercise":
        text = f"{text} · exercise {short(item.exercise_id)}"
    if item.due:
        text = f"{text} · due {plain(item.due)}"
    row: list[str | Cell] = [
        short(item.id),
        Cell(item.kind, _KIND_COLORS.get(item.kind, ())),
        Cell(plain(item.status), COLORS.get(item.status, ())),
        Cell(ago((now_us - item.since) / 1e6), ("dim",)),
    ]
    if several:
        row.append(plain(item.student_id or ""))
    return [*row, where, text]
