"""What every test of the bus may use."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.bus.protocol import Bus
from rigs.kafka.secured import start_secured
from rigs.proxy import Proxy

from .secured import Secured
from .transports import Embedded, Kafka, Transport

KAFKA_MARKS = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=KAFKA_MARKS)])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Transport:
    """Each transport in turn: a test that takes this says what any bus must do."""
    if request.param == "embedded":
        return Embedded(tmp_path)
    return Kafka(request.getfixturevalue("kafka_broker"), request.getfixturevalue("kafka_prefix"))


Keep = Callable[[Bus], Awaitable[Bus]]


@pytest.fixture
async def keep(caplog: pytest.LogCaptureFixture) -> AsyncIterator[Keep]:
    """Connects a bus, closes it after the test, and sees to it that no task and no complaint of asyncio is left."""
    buses: list[Bus] = []

    async def connect(bus: Bus) -> Bus:
        buses.append(bus)
        await bus.connect()
        return bus

    before = asyncio.all_tasks()
    yield connect
    for bus in buses:
        await bus.close()
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    # Transports that were closed get one more round of the loop to say so.
    if left:
        _, left = await asyncio.wait(left, timeout=1.0)
    assert not left, f"tasks that outlived the bus: {left}"
    gc.collect()
    complaints = [
        entry.getMessage()
        for when in ("call", "teardown")
        for entry in caplog.get_records(when)
        if entry.name == "asyncio"
    ]
    assert not complaints


@pytest.fixture(scope="session")
def shared_secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """One broker with TLS, users and ACLs for all tests that need it, and a proxy before one of its listeners."""
    with Proxy("127.0.0.1", 1) as proxy:
        folder = tmp_path_factory.mktemp("certificates")
        broker, authority = start_secured(folder, advertised={"PROXIED": proxy.address})
        with broker:
            proxy.retarget("127.0.0.1", broker.ports["PROXIED"])
            yield Secured(broker, authority, proxy)


@pytest.fixture
def secured_kafka(shared_secured_kafka: Secured) -> Iterator[Secured]:
    """The same, with a proxy that does no harm."""
    yield shared_secured_kafka
    shared_secured_kafka.proxy.heal()
    shared_secured_kafka.proxy.cut()
