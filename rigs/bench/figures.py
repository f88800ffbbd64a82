"""The arithmetic: spreads, ratios of interleaved pairs, limits."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Of = Literal["ratio", "value"]
Direction = Literal["at most", "at least"]


@dataclass(frozen=True)
class Spread:
    """What a handful of runs came to. All in one unit; ``low`` and ``high`` are the quartiles."""

    median: float
    low: float
    high: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Raises ``ValueError`` for no values. Quartiles by linear interpolation between the values themselves."""
        if not values:
            raise ValueError("a spread needs one value at least")
        if len(values) == 1:
            low = high = values[0]
        else:
            low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(statistics.median(values), low, high, min(values), max(values), len(values))

    def as_json(self) -> dict[str, float]:
        """Names and numbers."""
        return {name: round(value, 6) for name, value in vars(self).items()}


@dataclass(frozen=True)
class Limit:
    """What a figure is held against: the ratio to its floor, or its own value."""

    of: Of
    direction: Direction
    value: float

    def met(self, figure: Spread) -> bool:
        """Whether the median keeps to the limit."""
        return figure.median <= self.value if self.direction == "at most" else figure.median >= self.value

    def __str__(self) -> str:
        sign = "≤" if self.direction == "at most" else "≥"
        return f"{sign} {self.value:g}{' ×' if self.of == 'ratio' else ''}"


def at_most_ratio(value: float) -> Limit:
    """At most so many times the floor."""
    return Limit("ratio", "at most", value)


def at_most(value: float) -> Limit:
    """At most so much, in the figure's unit."""
    return Limit("value", "at most", value)


def at_least(value: float) -> Limit:
    """At least so much, in the figure's unit."""
    return Limit("value", "at least", value)


def ratios(ours: Sequence[float], floor: Sequence[float]) -> list[float]:
    """The ratio of each pair of neighbours in time. Raises ``ValueError`` where the sides do not pair up.

    The median of these, not the ratio of two medians: a machine that gets busy slows both halves of a pair.
    """
    if len(ours) != len(floor):
        raise ValueError(f"{len(ours)} runs of ours do not pair up with {len(floor)} of the floor")
    return [mine / theirs for mine, theirs in zip(ours, floor, strict=True)]


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    promise: Promise
    ours: Spread
    floor: Spread | None = None
    ratio: Spread | None = None
    beside: Mapping[str, Spread] = field(default_factory=dict)
    """Others measured in the same run, by name, for comparison only."""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the limit is kept; ``None`` where there is none."""
        limit = self.promise.limit
        if limit is None:
            return None
        held = self.ratio if limit.of == "ratio" else self.ours
        return limit.met(held) if held is not None else None

    def as_json(self) -> dict[str, Any]:
        """The figure for a machine."""
        limit = self.promise.limit
        return {
            "name": self.promise.name,
            "what": self.promise.what,
            "unit": self.promise.unit,
            "ours": self.ours.as_json(),
            "floor": {"what": self.promise.floor, **self.floor.as_json()} if self.floor else None,
            "ratio": self.ratio.as_json() if self.ratio else None,
            "beside": {name: spread.as_json() for name, spread in self.beside.items()},
            "limit": str(limit) if limit else None,
            "met": self.met,
            "note": self.note,
        }


@dataclass(frozen=True)
class Promise:
    """What a figure is, before it is measured.

    ``name`` is what the command line and docs/performance.md call it; ``floor`` says in words what it is held against.
    """

    name: str
    what: str
    unit: str
    limit: Limit | None = None
    floor: str = ""

    def paired(
        self,
        ours: Sequence[float],
        floor: Sequence[float],
        *,
        beside: Mapping[str, Sequence[float]] | None = None,
        note: str = "",
    ) -> Figure:
        """The figure of interleaved pairs: the nth of ours ran beside the nth of the floor."""
        others = {name: Spread.of(values) for name, values in (beside or {}).items() if values}
        ratio = Spread.of(ratios(ours, floor))
        return Figure(self, Spread.of(ours), Spread.of(floor), ratio, others, note)

    def alone(
        self, ours: Sequence[float], *, beside: Mapping[str, Sequence[float]] | None = None, note: str = ""
    ) -> Figure:
        """The figure of something that has no floor (a count, a share)."""
        others = {name: Spread.of(values) for name, values in (beside or {}).items() if values}
        return Figure(self, Spread.of(ours), beside=others, note=note)
