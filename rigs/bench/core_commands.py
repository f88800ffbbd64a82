"""The command line: what a start of it costs, beside what a start of Python costs."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rigs.bench.figures import Figure, Promise, at_most_ratio
from rigs.bench.registry import PROGRAMS, Bench, measurement
from rigs.bench.workspaces import LINES_PER_PLACE, long_file, pair

FILE = "graph.py"

STATUS = Promise(
    "status",
    "colearner status --json, the whole process, three exercises",
    "ms",
    at_most_ratio(1.0),
    'python -c "import pydantic, typer"',
)
VERSION = Promise("version", "colearner --version, the whole process", "ms", at_most_ratio(2.0), "python -c pass")


def whole(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Milliseconds from the spawn of a process to its end. Raises ``CalledProcessError``."""
    began = time.perf_counter()
    subprocess.run(command, cwd=folder, env=dict(environment), stdout=subprocess.DEVNULL, timeout=120, check=True)
    return (time.perf_counter() - began) * 1000


@measurement(STATUS, VERSION)
def commands(bench: Bench) -> Iterator[Figure]:
    """Each beside its floor, started from the same folder with the same environment."""
    made = pair(bench, "commands", {FILE: long_file(3 * LINES_PER_PLACE)})
    made.assign_many(FILE, (1, 1 + LINES_PER_PLACE, 1 + 2 * LINES_PER_PLACE))
    made.fetch()
    python, colearner = str(PROGRAMS / "python"), str(PROGRAMS / "colearner")

    def run(*command: str) -> float:
        return whole(command, made.student, made.environment)

    taken = bench.interleaved(
        {
            "status": lambda: run(colearner, "status", "--json"),
            "libraries": lambda: run(python, "-c", "import pydantic, typer"),
            "version": lambda: run(colearner, "--version"),
            "pass": lambda: run(python, "-c", "pass"),
        },
        30,
    )
    yield STATUS.paired(taken["status"], taken["libraries"], beside={"python -c pass": taken["pass"]})
    yield VERSION.paired(taken["version"], taken["pass"])
