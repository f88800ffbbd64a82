"""One real Kafka broker for all tests of a session; each test has its own topics by way of a prefix.

A test that uses it carries ``@pytest.mark.kafka`` and ``@pytest.mark.xdist_group("kafka")``, so that one worker has all
of them. Where the broker cannot be started the tests fail: a missing Kafka must not look like a passed suite.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from rigs.kafka import KafkaBroker


@pytest.fixture(scope="session")
def shared_kafka_broker() -> Iterator[KafkaBroker]:
    """The broker of this session. Tests take ``kafka_broker``, which mends what the test before broke."""
    with KafkaBroker.start() as broker:
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
def kafka_prefix() -> str:
    """A topic prefix that no other test uses."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def kafka_url(kafka_broker: KafkaBroker, kafka_prefix: str) -> str:
    """A bus URL with topics of this test's own; few partitions, since creating them is what takes time."""
    return f"kafka://{kafka_broker.bootstrap}?prefix={kafka_prefix}&partitions=3"
