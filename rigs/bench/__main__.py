"""``python -m rigs.bench [NAME …] [--json FILE] [--page] [--quick] [--list]``.

Exit code 0 when everything that was asked for was measured, also where a limit was missed: a busy machine is no fault.
1 where a measurement failed or something it needs is missing; 2 for a name that there is none of.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rigs.bench import page
from rigs.bench.figures import Figure
from rigs.bench.machine import load, machine
from rigs.bench.registry import Bench, CannotMeasureError, Measurement, chosen
from rigs.bench.table import table


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m rigs.bench", description="What colearner costs on this machine.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these (--list names them; * may stand for any)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--page", action="store_true", help="put the figures into the table of docs/performance.md")
    parser.add_argument("--quick", action="store_true", help="a few runs of each: whether it works, not what it costs")
    parser.add_argument("--list", action="store_true", help="name the figures and measure nothing")
    options = parser.parse_args(argv)
    try:
        wanted = chosen(options.names)
    except LookupError as problem:
        print(f"bench: {problem.args[0]}", file=sys.stderr)
        return 2
    if options.list:
        for promise in (promise for each in wanted for promise in each.promises):
            print(f"{promise.name:<28} {promise.limit or ''!s:<10} {promise.what}")
        return 0
    return _run(wanted, quick=options.quick, to=options.json, to_page=options.page and not options.quick)


def _run(wanted: Sequence[Measurement], *, quick: bool, to: Path | None, to_page: bool) -> int:
    where = machine()
    print(", ".join(f"{name} {value}" for name, value in where.items()), flush=True)
    if quick:
        print("--quick: too few runs to mean anything", flush=True)
    figures: list[tuple[Figure, float]] = []
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="colearner-bench-") as name:
        bench = Bench(Path(name).resolve(), quick, say=lambda text: print(f"  {text}", file=sys.stderr, flush=True))
        for each in wanted:
            _measure(each, bench, figures, failed)
    if figures:
        print(f"\n{table([figure for figure, _ in figures])}")
    for promise, reason in failed.items():
        print(f"not measured: {promise}: {reason}")
    if to is not None:
        _write(to, where, quick, figures, failed)
    if to_page:
        page.write(figures, where)
    return 1 if failed else 0


def _measure(each: Measurement, bench: Bench, figures: list[tuple[Figure, float]], failed: dict[str, str]) -> None:
    """One measurement; one that fails does not take the others with it."""
    names = [promise.name for promise in each.promises]
    bench.say(f"{', '.join(names)} …")
    found: list[str] = []
    reason = "the measurement yielded no figure for it"
    try:
        for figure in each.measure(bench):
            figures.append((figure, load()))
            found.append(figure.promise.name)
    except CannotMeasureError as problem:
        reason = str(problem)
    except Exception as problem:  # noqa: BLE001  # said below, and the exit code tells
        traceback.print_exc()
        reason = f"{type(problem).__name__}: {problem}"
    failed.update({name: reason for name in names if name not in found})


def _write(
    to: Path, where: dict[str, Any], quick: bool, figures: Sequence[tuple[Figure, float]], failed: dict[str, str]
) -> None:
    document = {
        "machine": where,
        "quick": quick,
        "figures": [{**figure.as_json(), "load": after} for figure, after in figures],
        "not_measured": failed,
    }
    to.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
