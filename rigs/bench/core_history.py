"""How fast a history becomes a state, and what a long one costs at a start."""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from colearner_ls.domain.fold import FOLD_VERSION
from colearner_ls.journal.journal import Journal
from colearner_ls.workspace.session_view import SessionView
from rigs.bench.core_commands import whole
from rigs.bench.figures import Figure, Promise, at_least, at_most_ratio
from rigs.bench.histories import receive
from rigs.bench.lsp_client import capabilities
from rigs.bench.registry import PROGRAMS, Bench, measurement
from rigs.bench.server import FILE, SHORT_LINES, first_hints
from rigs.bench.workspaces import Pair, long_file, pair

LONG, SHORT, QUICK = 100_000, 100, 4_000

FOLD = Promise(
    "fold",
    f"{LONG:,} events from the rows of a journal to a state: read in order, parsed, folded",
    "events/s",
    at_least(100_000),
)
HINTS = Promise(
    "start-hints-long",
    f"spawn of the server → first hints, with {LONG:,} events of history",
    "ms",
    at_most_ratio(1.2),
    f"the same with {SHORT} events",
)
STATUS = Promise(
    "start-status-long",
    f"colearner status, with {LONG:,} events of history",
    "ms",
    at_most_ratio(1.2),
    f"the same with {SHORT} events",
)
BUSY = Promise(
    "start-status-busy",
    f"colearner status, with {LONG:,} events of which every 50 are about another exercise",
    "ms",
    floor=f"the same with {SHORT} events",
)


def history(bench: Bench, name: str, events: int, *, each: int) -> Pair:
    """A student's folder with so many events of history, its fold stored as by any program that ran there before."""
    made = pair(bench, name, {FILE: long_file(SHORT_LINES)})
    made.assign(f"{FILE}:1")
    made.fetch()
    for key in json.loads(made.run(made.student, "keys", "--json"))["keys"]:
        made.run(made.student, "keys", "distrust", key["kid"])  # nobody signs a made history
    receive(made.student, name, events, each=each)
    made.run(made.student, "sync", "--wait", "30")  # whatever ran here before left the stored fold and the files
    return made


def folded(folder: Path, session_id: str) -> float:
    """Events per second of CPU time, of one fold with nothing stored to begin from."""
    with Journal.open(folder / ".colearner") as journal:
        journal.snapshots.drop(session_id)
        gc.collect()
        began = time.process_time()
        state = SessionView(journal, session_id).refresh()
        return state.events / (time.process_time() - began)


@measurement(FOLD, HINTS, STATUS, BUSY)
def histories(bench: Bench) -> Iterator[Figure]:
    """The fold in this process; the starts with the real programs."""
    events = QUICK if bench.quick else LONG
    bench.say(f"receiving {2 * events:,} events")
    long, short = history(bench, "long", events, each=1000), history(bench, "short", SHORT, each=50)
    busy = history(bench, "busy", events, each=50)
    log, said = bench.folder / "history.log", capabilities("vscode")

    def hints(made: Pair) -> float:
        server = [str(PROGRAMS / "colearner-ls")]
        return first_hints(server, made.student, made.environment, log, said)

    def status(made: Pair) -> float:
        return whole([str(PROGRAMS / "colearner"), "status"], made.student, made.environment)

    starts = bench.interleaved({"long": partial(hints, long), "short": partial(hints, short)}, 15)
    looks = bench.interleaved(
        {"long": partial(status, long), "short": partial(status, short), "busy": partial(status, busy)}, 20
    )
    kept = f"stored fold: {_stored(long)} kB (every 1,000 events one exercise), {_stored(busy)} kB (every 50)"
    rates = bench.interleaved(
        {"long": partial(folded, long.student, "long"), "busy": partial(folded, busy.student, "busy")}, 5
    )
    yield FOLD.alone(rates["long"], beside={"an exercise every 50 events": rates["busy"]}, note="by CPU time")
    yield HINTS.paired(starts["long"], starts["short"], note=kept)
    yield STATUS.paired(looks["long"], looks["short"])
    yield BUSY.paired(looks["busy"], looks["short"])


def _stored(made: Pair) -> int:
    with Journal.open(made.student / ".colearner") as journal:
        found = journal.snapshots.latest(made.student.parent.name.split("-")[0], version=str(FOLD_VERSION))
        return 0 if found is None else len(found.data) // 1000
