"""Which measurements there are, and what each is given."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from rigs.bench.figures import Figure, Promise

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
"""Where ``colearner`` and ``colearner-ls`` of this environment are."""

QUICK_ROUNDS = 3

Measure = Callable[["Bench"], Iterable[Figure]]


class CannotMeasureError(Exception):
    """Something that a measurement needs is missing on this machine; the message says what. It stands in the table."""


@dataclass
class Bench:
    """One run of ``make bench``: its folder, its pace, and how programs are started."""

    folder: Path
    """Scratch space; gone after the run."""
    quick: bool = False
    say: Callable[[str], None] = field(default=lambda _: None)
    """Tells whoever watches what is going on."""

    def rounds(self, wanted: int) -> int:
        """``wanted``, or a few where ``--quick`` was given."""
        return min(wanted, QUICK_ROUNDS) if self.quick else wanted

    def scratch(self, prefix: str) -> Path:
        """A new folder of one's own."""
        return Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=self.folder))

    def environment(self, **more: str) -> dict[str, str]:
        """The environment for programs that are measured: ours and the floor's alike.

        No setting of colearner's; and .pyc files are read and written, in a folder of this run's own, whatever the
        machine says (``PYTHONDONTWRITEBYTECODE``): a user's second start is what is measured. Whoever measures a start
        runs each program once first (:meth:`interleaved` does).
        """
        dropped = ("COLEARNER_", "AAFW_", "PYTHON")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        return {
            **kept,
            "PYTHONPYCACHEPREFIX": str(self.folder / "pyc"),
            "COLEARNER_HOME": str(self.folder / "data"),
            **more,
        }

    def interleaved(
        self, sides: Mapping[str, Callable[[], float]], rounds: int, *, warm_up: int = 1
    ) -> dict[str, list[float]]:
        """Run every side once per round, in turn, and collect what each returns, round by round.

        ``warm_up`` rounds come first and do not count. The order of the sides turns around every other round, so that
        none always runs in the wake of the same other.
        """
        for _ in range(warm_up):
            for measure in sides.values():
                measure()
        taken: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(self.rounds(rounds)):
            order = list(sides) if number % 2 == 0 else list(reversed(list(sides)))
            for name in order:
                taken[name].append(sides[name]())
        return taken


@dataclass(frozen=True)
class Measurement:
    """A function and the promises whose figures it yields."""

    promises: tuple[Promise, ...]
    measure: Measure


_MEASUREMENTS: list[Measurement] = []


def measurement(*promises: Promise) -> Callable[[Measure], Measure]:
    """Register a function that yields one figure for each of ``promises``. Raises ``ValueError`` for a name taken."""

    def register(measure: Measure) -> Measure:
        taken = {promise.name for each in _MEASUREMENTS for promise in each.promises}
        for promise in promises:
            if promise.name in taken:
                raise ValueError(f"two measurements are called {promise.name!r}")
        _MEASUREMENTS.append(Measurement(promises, measure))
        return measure

    return register


def measurements() -> tuple[Measurement, ...]:
    """All measurements, by module and then as they stand there."""
    package = importlib.import_module(__package__ or "rigs.bench")
    for module in sorted(module.name for module in pkgutil.iter_modules(package.__path__)):
        if module != "__main__":
            importlib.import_module(f"{package.__name__}.{module}")
    return tuple(sorted(_MEASUREMENTS, key=lambda each: each.measure.__module__))


def chosen(names: Sequence[str]) -> tuple[Measurement, ...]:
    """The measurements with a promise of one of these names, ``server-*`` and the like included; all for none.

    Raises ``LookupError`` for a name that fits nothing.
    """
    every = measurements()
    for name in names:
        if not any(_fits(each, name) for each in every):
            known = ", ".join(promise.name for each in every for promise in each.promises)
            raise LookupError(f"there is no measurement {name!r}; there are: {known}")
    return tuple(each for each in every if not names or any(_fits(each, name) for name in names))


def _fits(measurement: Measurement, name: str) -> bool:
    return any(fnmatchcase(promise.name, name) for promise in measurement.promises)
