"""What a Kafka bus leaves behind: nothing, however often it connects and closes, and whatever the other side does."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from colearner_ls.bus.errors import BusUnreachable
from colearner_ls.bus.kafka import KafkaBus, Timing
from colearner_ls.bus.records import Ack, OutgoingRecord
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import EVENTS, TOPICS
from rigs.mock_broker import MockBroker
from rigs.proxy import Proxy

pytestmark = pytest.mark.xdist_group("kafka-mock")

CYCLES = 100
HANGING_CYCLES = 12
QUICK = Timing(request=0.3, publish=0.3, close=0.4, probe=0.5, retry=0.05, poll=0.02)
PATIENT = Timing(request=20.0, publish=20.0, retry=0.05, poll=0.02)


@pytest.fixture(scope="module")
def mock() -> Iterator[MockBroker]:
    with MockBroker() as mock:
        for topic in TOPICS:
            mock.create_topic(topic, 1)
        yield mock


@pytest.fixture
def proxy(mock: MockBroker) -> Iterator[Proxy]:
    host, _, port = mock.bootstrap.rpartition(":")
    with Proxy(host, int(port)) as proxy:
        mock.advertise(proxy.port)
        yield proxy
    mock.advertise(int(port))


def _bus(address: str, timing: Timing) -> KafkaBus:
    return KafkaBus(BusUrl.parse(f"kafka://{address}"), client_id="x", timing=timing)


def _record(size: int = 10) -> OutgoingRecord:
    return OutgoingRecord(EVENTS, b"k", os.urandom(size))


class Household:
    """Open files, threads and tasks, as they were."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self.tasks = asyncio.all_tasks()
        self.files = self._process.num_fds()
        self.threads = self._process.num_threads()

    async def is_as_before(self, *, within: float = 20.0, spare: int = 2) -> None:
        """Wait for what takes a round of the loop to be let go of; ``spare`` files are nobody's fault."""
        deadline = time.monotonic() + within
        while True:
            gc.collect()
            tasks = asyncio.all_tasks() - self.tasks
            files = self._process.num_fds() - self.files
            if not tasks and files <= spare:
                break
            assert time.monotonic() < deadline, f"left behind: {files} files, {tasks}"
            await asyncio.sleep(0.1)
        # asyncio's own pool, which looks names up, has at most min(32, cores + 4) threads.
        assert self._process.num_threads() - self.threads <= min(32, (os.cpu_count() or 1) + 4)


async def test_a_hundred_connections_to_a_broker_that_is_up(mock: MockBroker) -> None:
    warm = _bus(mock.bootstrap, PATIENT)
    await warm.connect()
    await warm.close()
    household = Household()
    for cycle in range(CYCLES):
        bus = _bus(mock.bootstrap, PATIENT)
        await bus.connect()
        if cycle % 10 == 0:
            assert isinstance((await bus.publish([_record()]))[0], Ack)
            await bus.read({(EVENTS, 0): 0}, max_wait=5.0)
        await bus.close()
    await household.is_as_before()


async def test_a_hundred_connections_to_a_broker_that_is_down(proxy: Proxy) -> None:
    proxy.refuse()
    household = Household()
    one = _bus(proxy.address, QUICK)
    for _ in range(CYCLES):
        another = _bus(proxy.address, QUICK)
        for bus in (one, another):  # the same one again, as sync does it, and a new one each time
            with pytest.raises(BusUnreachable):
                await bus.connect()
        await another.close()
    await one.close()
    await household.is_as_before()


async def test_connections_to_a_broker_that_hangs(proxy: Proxy) -> None:
    """Once before a word is said, once in the middle of reading and writing."""
    household = Household()
    for cycle in range(HANGING_CYCLES):
        bus = _bus(proxy.address, PATIENT if cycle % 2 else QUICK)
        if cycle % 2:
            await bus.connect()
            await bus.publish([_record()])
            reading = asyncio.ensure_future(bus.read({(EVENTS, 0): 0}, max_wait=30.0))
            proxy.blackhole()
            writing = asyncio.ensure_future(bus.publish([_record()]))
            await asyncio.sleep(0.05)
        else:
            proxy.blackhole()
            reading = writing = asyncio.ensure_future(bus.connect())
            with suppress(BusUnreachable):
                await reading
        await bus.close()
        await asyncio.wait_for(asyncio.gather(reading, writing, return_exceptions=True), 30)
        proxy.cut()
        proxy.heal()
    await household.is_as_before()


async def test_one_bus_that_connects_again_and_again(proxy: Proxy) -> None:
    """As sync does it: one object for as long as the server runs, cut off and back."""
    bus = _bus(proxy.address, PATIENT)
    await bus.connect()
    household = Household()
    for cycle in range(CYCLES // 2):
        if cycle % 5 == 0:
            proxy.cut()
        await bus.connect()
    assert isinstance((await bus.publish([_record()]))[0], Ack)
    await bus.close()
    await household.is_as_before()


async def test_memory_stays_bounded_while_the_broker_is_away_and_records_wait(proxy: Proxy) -> None:
    """Hours of tries in short: what could not be sent is the journal's to keep, and nothing of it stays here."""
    bus = _bus(proxy.address, QUICK)
    await bus.connect()
    await bus.publish([_record()])
    proxy.refuse()
    proxy.cut()

    async def tries(count: int) -> None:
        for _ in range(count):
            with suppress(BusUnreachable):
                assert not any(isinstance(outcome, Ack) for outcome in await bus.publish([_record(20_000)] * 100))
            with suppress(BusUnreachable):
                await bus.connect()

    await tries(10)
    gc.collect()
    tracemalloc.start()
    try:
        await tries(100)  # 200 MB of records
        gc.collect()
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    await bus.close()
    assert now < 2_000_000, f"{now} bytes are still held"
    assert peak < 20_000_000, f"{peak} bytes were held at once"


async def test_a_connection_that_died_without_a_word_is_made_anew(mock: MockBroker, proxy: Proxy) -> None:
    """A cable that was pulled, a firewall that forgot: nothing arrives, not even an error."""
    bus = _bus(proxy.address, Timing(request=1.0, publish=1.0, probe=1.0, retry=0.05))
    await bus.connect()
    ends = await bus.ends()
    assert await bus.read(ends, max_wait=0.2) == []
    proxy.forget()
    mock.advertise(int(mock.bootstrap.rpartition(":")[2]))
    writer = _bus(mock.bootstrap, PATIENT)
    await writer.connect()
    await writer.publish([OutgoingRecord(EVENTS, b"k", b"news")])
    await writer.close()
    mock.advertise(proxy.port)

    got: list[bytes | None] = []
    deadline = time.monotonic() + 60
    while not got:
        assert time.monotonic() < deadline, "the dead connection was not noticed"
        try:
            got = [each.value for each in await bus.read(ends, max_wait=5.0)]
        except BusUnreachable:
            await bus.connect()
    assert got == [b"news"]
    await bus.close()


async def test_the_checks_above_can_fail(tmp_path: Path) -> None:
    household = Household()
    files = [(tmp_path / name).open("w") for name in "abc"]
    with pytest.raises(AssertionError, match="left behind: 3 files"):
        await household.is_as_before(within=0.2)
    for file in files:
        file.close()
    sleeping = asyncio.ensure_future(asyncio.sleep(60))
    with pytest.raises(AssertionError, match=r"left behind: 0 files, .*sleep"):
        await household.is_as_before(within=0.2)
    sleeping.cancel()
