"""Ending aiokafka's clients whole, whatever happens to whoever ends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from colearner_ls.bus.kafka.disposal import dispose_producer
from rigs.kafka import KafkaBroker

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]


async def until(done: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


def connections(port: int) -> int:
    """How often this process is connected there."""
    found = psutil.Process().net_connections(kind="tcp")
    return len(
        [each for each in found if each.raddr and each.raddr.port == port and each.status == psutil.CONN_ESTABLISHED]
    )


@pytest.mark.parametrize("after", [0.0, 0.1, 0.32])
async def test_who_is_cancelled_while_ending_a_producer_leaves_nothing_behind(
    kafka_broker: KafkaBroker, kafka_prefix: str, after: float
) -> None:
    """Sync that is handed over in the middle of throwing a producer away: the old holder must not stay connected."""
    before, connected = asyncio.all_tasks(), connections(kafka_broker.port)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(kafka_prefix + "x", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka_broker.bootstrap, enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(kafka_prefix + "x", b"arrives")
    assert connections(kafka_broker.port) > connected
    kafka_broker.pause()
    try:
        pending = await producer.send(kafka_prefix + "x", b"waits")
        ending = asyncio.ensure_future(dispose_producer(producer, patience=0.3))
        await asyncio.sleep(after)
        ending.cancel()
        await asyncio.gather(ending, return_exceptions=True)
        await until(lambda: connections(kafka_broker.port) <= connected, "no connection is left")
        await until(lambda: asyncio.all_tasks() <= before, "no task is left")
        assert pending.cancelled()
    finally:
        kafka_broker.resume()
