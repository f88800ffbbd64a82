"""The command line: what a start of it costs, beside what a start of Python costs."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rigs.bench.figures import Figure, Promise, at_most_ratio
from rigs.bench.registry import PROGRAMS, Bench, measurement
from rigs.bench.workspaces import LINES_PER_PLACE, long_file, pair

FILE = "graph.py"
LATE_S = 120.0

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
    with subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=subprocess.DEVNULL) as process:
        # A wait with a timeout looks now and then, up to 50 ms apart: this one wakes when the process ends.
        late = threading.Timer(LATE_S, process.kill)
        late.start()
        code = process.wait()
        taken = (time.perf_counter() - began) * 1000
        late.cancel()
    if code != 0:
        raise subprocess.CalledProcessError(code, command)
    return taken


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
