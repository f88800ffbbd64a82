"""The table of docs/performance.md: rows of what was measured, put in the place of older ones (``--page``)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rigs.bench.figures import Figure, Promise
from rigs.bench.registry import ROOT, measurements
from rigs.bench.table import spread, verdict

PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: made by make bench PAGE=1 -->", "<!-- end of the figures -->"
HEAD = ("figure", "what", "ours", "floor", "ratio", "limit", "", "beside it", "runs", "load", "commit, day")
MISSING = "not measured yet"


def named(text: str) -> list[str]:
    """The figures that the page's table names, in order. Raises ``ValueError`` for a page without the table."""
    return list(_rows(text))


def row(figure: Figure, load: float, commit: str, day: str) -> str:
    """One row of the table."""
    promise, unit, ratio = figure.promise, figure.promise.unit, figure.ratio
    floor = f"{promise.floor}: {spread(figure.floor, unit)}" if figure.floor else promise.floor
    beside = "; ".join(f"{name} {spread(each, unit)}" for name, each in figure.beside.items())
    measured = (
        spread(figure.ours, unit),
        floor,
        f"**{ratio.median:.2f}** ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else "",
        str(promise.limit or ""),
        verdict(figure),
        "; ".join(filter(None, (beside, figure.note))),
        str(figure.ours.count),
        f"{load:.1f}",
        f"{commit}, {day}",
    )
    return _line((f"`{promise.name}`", promise.what, *measured))


def updated(text: str, new: Mapping[str, str]) -> str:
    """The page with these rows (name → row) in the place of theirs; one row for every promise there is, in order."""
    old = _rows(text)
    promises = [promise for each in measurements() for promise in each.promises]
    lines = [_line(HEAD), _line(["---"] * len(HEAD))]
    lines += [new.get(each.name) or old.get(each.name) or _unmeasured(each) for each in promises]
    head, tail = text[: text.index(BEGIN)], text[text.index(END) :]
    return f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{tail}"


def _unmeasured(promise: Promise) -> str:
    cells = [f"`{promise.name}`", promise.what, MISSING, promise.floor, "", str(promise.limit or "")]
    return _line([*cells, *[""] * (len(HEAD) - len(cells))])


def write(figures: Sequence[tuple[Figure, float]], where: Mapping[str, object], path: Path = PAGE) -> None:
    """Put the figures (each with the load after it) into the page. Raises ``ValueError`` for a page without the table."""
    commit, day = str(where["commit"]).removesuffix("-dirty"), str(where["at"])[:10]
    rows = {figure.promise.name: row(figure, load, commit, day) for figure, load in figures}
    path.write_text(updated(path.read_text(encoding="utf-8"), rows), encoding="utf-8")


def _rows(text: str) -> dict[str, str]:
    begin, end = text.find(BEGIN), text.find(END)
    if not 0 <= begin < end:
        raise ValueError(f"the page has no table between {BEGIN!r} and {END!r}")
    found = re.findall(r"(?m)^(\| `([^`]+)` \|.*)$", text[begin:end])
    return {name: line for line, name in found}


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":  # rows for new promises, none for those that went; no figure is touched
    write([], {"commit": "", "at": ""})
