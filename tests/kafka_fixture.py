"""One real Kafka broker for all tests of a session; each test has its own topics by way of a prefix.

A test that uses it carries ``@pytest.mark.kafka`` and ``@pytest.mark.xdist_group("kafka")``, so that one worker has all
of them. Where the broker cannot be started the tests fail: a missing Kafka must not look like a passed suite.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from rigs.kafka import KafkaBroker
from rigs.proxy import Proxy


@pytest.fixture(scope="session")
def shared_kafka_proxy() -> Iterator[Proxy]:
    """The proxy of this session, made before its broker, which has to know the address."""
    with Proxy("127.0.0.1", 1) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def shared_kafka_broker(shared_kafka_proxy: Proxy) -> Iterator[KafkaBroker]:
    """The broker of this session. Tests take ``kafka_broker``, which mends what the test before broke."""
    at = shared_kafka_proxy.address
    with KafkaBroker.start(listeners={"PROXIED": "PLAINTEXT"}, advertised={"PROXIED": at}) as broker:
        shared_kafka_proxy.retarget("127.0.0.1", broker.ports["PROXIED"])
        yield broker


@pytest.fixture
def kafka_broker(shared_kafka_broker: KafkaBroker) -> Iterator[KafkaBroker]:
    """The broker, up and answering. A test may kill, pause and restart it, but not wipe it."""
    shared_kafka_broker.resume()
    if not shared_kafka_broker.running:
        shared_kafka_broker.restart()
    yield shared_kafka_broker
    shared_kafka_broker.resume()


@pytest.fixture
def kafka_proxy(kafka_broker: KafkaBroker, shared_kafka_proxy: Proxy) -> Iterator[Proxy]:
    """A proxy without faults; who connects to its address stays behind it (the broker's second listener says so)."""
    yield shared_kafka_proxy
    shared_kafka_proxy.heal()
    shared_kafka_proxy.cut()


@pytest.fixture
def kafka_prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def kafka_url(kafka_broker: KafkaBroker, kafka_prefix: str) -> str:
    """A bus URL with topics of this test's own; few partitions, since creating them is what takes time."""
    return f"kafka://{kafka_broker.bootstrap}?prefix={kafka_prefix}&partitions=3"


@pytest.fixture
def proxied_kafka_url(kafka_proxy: Proxy, kafka_prefix: str) -> str:
    """As ``kafka_url``, through the proxy. It is another bus URL than ``kafka_url``, for the same topics."""
    return f"kafka://{kafka_proxy.address}?prefix={kafka_prefix}&partitions=3"
