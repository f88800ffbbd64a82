"""From a coach's commit to the diagnostic in the student's editor, over a real Kafka broker."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import IO

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from rigs.bench.core_append import Bare
from rigs.bench.figures import Figure, Promise, at_most_ratio
from rigs.bench.lsp_client import LspClient, Message, capabilities
from rigs.bench.registry import PROGRAMS, ROOT, Bench, CannotMeasureError, measurement
from rigs.bench.server import FILE, SHORT_LINES
from rigs.bench.workspaces import Pair, long_file, pair

SAMPLES = 200
FLOOR = "one aiokafka send → consume hop, and one commit of two rows that is on disk"

HALF = Promise(
    "kafka-p50",
    "commit returns in a coach's process that holds sync → diagnostic on the student's stdout, p50",
    "ms",
    at_most_ratio(4.0),
    FLOOR,
)
MOST = Promise("kafka-p99", "the same, p99", "ms", at_most_ratio(4.0), FLOOR)


@measurement(HALF, MOST)
def latency(bench: Bench) -> Iterator[Figure]:
    """Both sides warm, one event at a time, in turn with the floor."""
    from rigs.kafka import KafkaBroker, RigError

    try:
        broker = KafkaBroker.start()
    except RigError as problem:
        raise CannotMeasureError(str(problem)) from problem
    with broker:
        prefix = f"b{uuid.uuid4().hex[:8]}."
        made = pair(
            bench,
            "kafka",
            {FILE: long_file(SHORT_LINES)},
            bus=f"kafka://{broker.bootstrap}?prefix={prefix}&partitions=3",
        )
        made.assign(f"{FILE}:1")
        made.fetch()
        with _dialogue(bench, made) as ours, Hop(bench, broker.bootstrap) as floor:
            taken = bench.interleaved({"ours": ours, "floor": floor.measure}, SAMPLES, warm_up=10)
    yield HALF.paired(taken["ours"], taken["floor"])
    yield MOST.paired([_p99(taken["ours"])], [_p99(taken["floor"])], note=f"of {len(taken['ours'])} events each")


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


@contextmanager
def _dialogue(bench: Bench, made: Pair) -> Iterator[Callable[[], float]]:
    """A coach's process and a student's language server with the file open; one feedback for each call."""
    coach = subprocess.Popen(
        [sys.executable, "-m", "rigs.bench.coach_process"],
        cwd=made.coach,
        env={**made.environment, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    student = LspClient([str(PROGRAMS / "colearner-ls")], made.student, made.environment, bench.folder / "kafka.log")
    try:
        assert coach.stdin is not None
        assert coach.stdout is not None
        student.initialize(capabilities("neovim-0.11"))
        student.notify("initialized", {})
        uri = student.open(made.student / FILE)
        student.wait(lambda: student.inlay_hints(uri, SHORT_LINES), "the hint of the exercise")
        if coach.stdout.readline() != "holding\n":
            raise CannotMeasureError("the coach's process did not get hold of sync")
        yield partial(_one, coach.stdin, coach.stdout, student, itertools.count())
    finally:
        student.stop()
        coach.kill()
        coach.communicate()


def _one(say: IO[str], hear: IO[str], student: LspClient, numbers: Iterator[int]) -> float:
    text = f"mistake {next(numbers)}"
    student.heard.clear()
    say.write(text + "\n")
    say.flush()
    student.wait(lambda: any(_shows(each, text) for each in student.heard), f"diagnostic “{text}”")
    shown = time.monotonic_ns()
    return (shown - int(hear.readline())) / 1e6


def _shows(message: Message, text: str) -> bool:
    if message["method"] != "textDocument/publishDiagnostics":
        return False
    return any(text in each["message"] for each in message["params"]["diagnostics"])


class Hop:
    """The floor: a producer with our settings and a consumer, both warm, in one process; then a durable commit."""

    def __init__(self, bench: Bench, bootstrap: str) -> None:
        self._bare = Bare(bench.folder / "hop.db")
        self._topic = f"hop-{uuid.uuid4().hex[:8]}"
        self._bootstrap = bootstrap
        self._loop = asyncio.new_event_loop()

    def __enter__(self) -> Hop:
        self._loop.run_until_complete(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run_until_complete(self._producer.stop())
        self._loop.run_until_complete(self._consumer.stop())
        self._loop.close()

    async def _start(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        await admin.start()
        await admin.create_topics([NewTopic(self._topic, num_partitions=1, replication_factor=1)])
        await admin.close()
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True, linger_ms=0
        )
        self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, auto_offset_reset="earliest")
        await self._producer.start()
        await self._producer.send_and_wait(self._topic, b"first")
        await self._consumer.start()
        self._consumer.assign([TopicPartition(self._topic, 0)])
        await self._consumer.getone()

    def measure(self) -> float:
        """Milliseconds from the send to the record in the consumer's hands and a commit on disk."""
        began = time.monotonic_ns()
        self._loop.run_until_complete(self._hop())
        self._bare.insert(0)
        return (time.monotonic_ns() - began) / 1e6

    async def _hop(self) -> None:
        sent = asyncio.ensure_future(self._producer.send_and_wait(self._topic, b"x" * 700))
        await self._consumer.getone()
        await sent
