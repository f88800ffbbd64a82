"""The rows of the fault matrix where there is no broker from the start, and where a process dies between send and note."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from rigs.kafka import KafkaBroker
from rigs.proxy import Proxy

from .matrix import Site, doubles, records, syncing, until
from .test_kill9 import set_up as set_up_field

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

Measured = Callable[[str], None]

WARM, EVENTS = 1_000, int(os.environ.get("COLEARNER_TEST_EDITS", "4000"))
"""Automatic events: eleven hours of saving every ten seconds."""

GROWTH_MB = 20 + EVENTS / 1000
"""What memory may grow by, in MiB, while they wait: the state of the session and SQLite's cache; 1 KiB an event at most."""


class Working:
    """The process of ``working.py``."""

    def __init__(self, root: Path, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.working", str(root)],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def say(self, howmany: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{howmany}\n")
        self.process.stdin.flush()
        self._answer()

    def _answer(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, "the process ended"
        json.loads(line)

    @property
    def memory(self) -> float:
        """Resident memory in MiB."""
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(30) == 0


@pytest.fixture
def site(tmp_path: Path, kafka_url: str, proxied_kafka_url: str, kafka_proxy: Proxy) -> Iterator[Site]:
    """The student's broker is not there."""
    kafka_proxy.refuse()
    made = Site(tmp_path, {"coach": kafka_url, "student": proxied_kafka_url})
    yield made
    made.close()


@pytest.mark.timeout(300)
def test_f07_broker_absent_from_the_start(
    site: Site, kafka_broker: KafkaBroker, kafka_proxy: Proxy, kafka_prefix: str, measured: Measured
) -> None:
    """Hours of work without a broker wait on the disk, not in memory, and go out in order when it appears."""
    working = Working(site.sides["student"].root, site.env)
    try:
        working.say(WARM)
        memory = [working.memory]
        for _ in range(4):
            working.say(EVENTS // 4)
            memory.append(working.memory)
        assert site.unsent("student") > EVENTS
        kafka_proxy.accept()
        with syncing(site.sides["coach"]):
            seconds = until(lambda: site.unsent("student") == 0, "all is sent", 120)
            drained = working.memory
            until(lambda: site.raws("student").keys() <= site.raws("coach").keys(), "the coach has all", 120)
    finally:
        working.process.stdin.close()  # type: ignore[union-attr]
        code = working.process.wait(30)
    assert code == 0
    site.begin()
    site.check()
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    numbers: dict[tuple[str, int], list[int]] = {}
    for record in found:
        event = record.event
        if event["actor"] == "student":
            numbers.setdefault((record.topic, record.partition), []).append(event["seq"])
    assert all(each == sorted(each) for each in numbers.values()), "out of order"
    assert sum(len(set(each)) for each in numbers.values()) >= WARM + EVENTS
    assert memory[-1] - memory[0] < GROWTH_MB
    assert drained - memory[-1] < GROWTH_MB
    measured(
        f"{WARM + EVENTS} events without a broker: memory {memory[0]:.0f} MiB after {WARM}, {memory[-1]:.0f} MiB after all; "
        f"sent within {seconds:.1f} s of its appearance ({drained:.0f} MiB), in order, 0 lost, {doubles(found)} sent twice"
    )


@pytest.mark.timeout(300)
def test_f02_killed_between_sending_and_noting(
    tmp_path: Path, kafka_broker: KafkaBroker, kafka_url: str, kafka_prefix: str, measured: Measured
) -> None:
    """What a process had sent when it was killed is sent again by the next, and counts once."""
    field = set_up_field(tmp_path, kafka_url)
    for side in ("coach", "student"):
        field.kill_one(side, place="acknowledge", after=0)
    assert field.kills["acknowledge"] == 2
    field.settle()
    field.check()
    (session,) = {each.event["session_id"] for each in records(kafka_broker.bootstrap, kafka_prefix, "")}
    found = records(kafka_broker.bootstrap, kafka_prefix, session)
    twice = doubles(found)
    assert twice >= 2, "the events were on the broker before the processes died, and again after"
    measured(f"2 kills after the broker had an event: {twice} sent twice, 0 lost, 0 doubled in the journals")
