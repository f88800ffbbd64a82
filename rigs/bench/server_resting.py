"""What the server takes while nobody types: memory and processor time, connected to a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psutil

from rigs.bench.figures import Figure, Promise, at_most, at_most_ratio
from rigs.bench.lsp_client import LspClient, capabilities
from rigs.bench.registry import PROGRAMS, Bench, CannotMeasureError, measurement
from rigs.bench.server import FILE, SHORT_LINES, minimal_command, minimal_environment
from rigs.bench.workspaces import Pair, long_file, pair
from rigs.kafka import KafkaBroker, RigError

SETTLED_S = 60.0
IDLE_S = 60.0
AT_ONCE = 3
"""Servers of each kind that are looked at in the same minute."""

MEMORY = Promise(
    "server-memory",
    "resident memory 60 s after the start, connected to Kafka, one file open, an exercise received",
    "MB",
    at_most_ratio(2.0),
    "the minimal pygls server, 60 s after its start with the same file open",
)
IDLE = Promise(
    "server-idle", "processor time while nothing happens, over a minute, connected to Kafka", "%", at_most(1.0)
)


@dataclass
class Resident:
    """A server that was started, and what it was found to take."""

    client: LspClient
    began: float

    def memory_mb(self) -> float:
        """Resident set in units of 10⁶ bytes, its children included (there are none in what is measured here)."""
        process = psutil.Process(self.client.pid)
        return sum(each.memory_info().rss for each in [process, *process.children(recursive=True)]) / 1e6

    def processor_s(self) -> float:
        """User and system time so far, in seconds."""
        times = psutil.Process(self.client.pid).cpu_times()
        return float(times.user + times.system)


@measurement(MEMORY, IDLE)
def resting(bench: Bench) -> Iterator[Figure]:
    """Some of each kind side by side through the same two minutes."""
    settled, idle = (3.0, 3.0) if bench.quick else (SETTLED_S, IDLE_S)
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(KafkaBroker.start())
        except RigError as problem:
            raise CannotMeasureError(f"no Kafka: {problem}") from problem
        residents: dict[str, list[Resident]] = {"ours": [], "floor": []}
        for number in range(1 if bench.quick else AT_ONCE):
            folder = pair(bench, f"resting-{number}", {FILE: long_file(SHORT_LINES)}, bus=f"kafka://{broker.bootstrap}")
            residents["ours"].append(_ours(stack, bench, folder))
            minimal = (minimal_command(bench), folder.student, minimal_environment(bench), bench.folder / "minimal.log")
            residents["floor"].append(_opened(stack, LspClient(*minimal)))
        every = [each for side in residents.values() for each in side]
        _listen_until(every, max(each.began for each in every) + settled)
        memory = {name: [each.memory_mb() for each in side] for name, side in residents.items()}
        before = {name: [each.processor_s() for each in side] for name, side in residents.items()}
        _listen_until(every, time.monotonic() + idle)
        shares = {
            name: [100 * (each.processor_s() - was) / idle for each, was in zip(side, before[name], strict=True)]
            for name, side in residents.items()
        }
        for each in residents["ours"]:
            _connected(each.client)
    yield MEMORY.paired(memory["ours"], memory["floor"])
    yield IDLE.alone(shares["ours"], beside={"minimal server": shares["floor"]})


def _ours(stack: ExitStack, bench: Bench, folder: Pair) -> Resident:
    """Our server, connected, after an exercise came to it over Kafka."""
    log = bench.folder / "ours.log"
    ours = _opened(stack, LspClient([str(PROGRAMS / "colearner-ls")], folder.student, folder.environment, log))
    folder.assign(f"{FILE}:1")
    uri = (folder.student / FILE).as_uri()
    ours.client.wait(lambda: ours.client.inlay_hints(uri, SHORT_LINES), "hint over Kafka")
    _connected(ours.client)
    return ours


def _opened(stack: ExitStack, client: LspClient) -> Resident:
    stack.callback(client.stop)
    began = time.monotonic()
    client.initialize(capabilities("vscode"))
    client.notify("initialized", {})
    client.open(client.folder / FILE)
    return Resident(client, began)


def _connected(client: LspClient) -> None:
    """Raises ``ServerFailedError`` where the server is not connected to the bus."""
    asked: Callable[[], object] = lambda: client.request("colearner/state", {})["sync"]["connected"]  # noqa: E731
    client.wait(asked, "connection to Kafka")


def _listen_until(every: list[Resident], deadline: float) -> None:
    while (left := deadline - time.monotonic()) > 0:
        for each in every:
            each.client.listen(min(left, 0.2))
