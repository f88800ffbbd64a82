"""The table that ``make bench`` prints."""

from __future__ import annotations

from collections.abc import Sequence

from rigs.bench.figures import Figure, Spread

HEAD = ("figure", "ours", "floor", "ratio (quartiles)", "limit", "runs", "")


def number(value: float) -> str:
    """Three digits that count, thousands apart."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def rows(figure: Figure) -> list[tuple[str, ...]]:
    """The figure's row, and one for each that is measured beside it."""
    unit = figure.promise.unit
    ratio = figure.ratio
    first = (
        figure.promise.name,
        spread(figure.ours, unit),
        spread(figure.floor, unit) if figure.floor else "",
        f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})" if ratio else "",
        str(figure.promise.limit or ""),
        str(figure.ours.count),
        verdict(figure),
    )
    beside = [
        (f"  {name}", spread(each, unit), "", "", "", str(each.count), "") for name, each in figure.beside.items()
    ]
    return [first, *beside]


def spread(found: Spread, unit: str) -> str:
    """The median, and the quartiles where there was more than one run."""
    middle = f"{number(found.median)} {unit}".rstrip()
    return middle if found.count == 1 else f"{middle} ({number(found.low)} to {number(found.high)})"


def verdict(figure: Figure) -> str:
    """Whether the limit is kept, in a word; none where there is no limit."""
    return {True: "met", False: "missed", None: ""}[figure.met]


def table(figures: Sequence[Figure]) -> str:
    """All figures, columns aligned; notes and what each figure is stand below."""
    lines = [HEAD, *(row for figure in figures for row in rows(figure))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    drawn.insert(1, "  ".join("─" * width for width in widths))
    said = []
    for figure in figures:
        floor = f"; floor: {figure.promise.floor}" if figure.promise.floor else ""
        said.append(f"{figure.promise.name}: {figure.promise.what}{floor}")
        if figure.note:
            said.append(f"    {figure.note}")
    return "\n".join([*drawn, "", *said])
