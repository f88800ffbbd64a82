"""The two transports as the behaviour suite needs them: the same bus, somewhere it can be taken away and brought back."""

from __future__ import annotations

import asyncio
import fcntl
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from colearner_ls.bus.errors import BusUnreachable
from colearner_ls.bus.kafka import KafkaBus, Timing
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import Ack, IncomingRecord, OutgoingRecord, PartitionKey
from colearner_ls.bus.sqlite import SqliteBus
from colearner_ls.bus.url import BusUrl
from rigs.kafka import KafkaBroker

DEADLINE_S = 30.0


class Transport(ABC):
    """One bus of a test, and its twin that must not see the same records."""

    @abstractmethod
    def open(self, *, patience: float = 5.0, twin: bool = False) -> Bus:
        """A new client; ``patience`` bounds its waits, in seconds."""

    @abstractmethod
    def take_away(self) -> None:
        """From now on the bus cannot be reached."""

    @abstractmethod
    def bring_back(self) -> None:
        """It is there again, with all it had."""

    @abstractmethod
    def silenced(self) -> AbstractContextManager[None]:
        """Meanwhile the bus is there but answers nothing."""


class Embedded(Transport):
    """A folder with ``bus.db``, moved away and back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "données de Zoë"
        self.path = self.folder / "bus.db"
        self._twin = folder / "twin"
        self.folder.mkdir()
        self._twin.mkdir()

    def open(self, *, patience: float = 5.0, twin: bool = False) -> SqliteBus:
        path = self._twin / "bus.db" if twin else self.path
        return SqliteBus(BusUrl.for_file(path), wait_s=patience)

    @property
    def _elsewhere(self) -> Path:
        return self.folder.with_name("elsewhere")

    def take_away(self) -> None:
        self.folder.rename(self._elsewhere)

    def bring_back(self) -> None:
        self._elsewhere.rename(self.folder)

    @contextmanager
    def silenced(self):
        with (self.folder / "bus.db.lock").open("r+") as lock:
            _lock(lock)
            yield


def _lock(file: IO[str]) -> None:
    # Its own open file description, so it excludes other users of the lock in this process too.
    fcntl.flock(file, fcntl.LOCK_EX)


class Kafka(Transport):
    """A real broker, killed and started again; the twin has another topic prefix."""

    def __init__(self, broker: KafkaBroker, prefix: str, options: str = "&partitions=3") -> None:
        self.broker = broker
        self.prefix = prefix
        self._options = options

    def url(self, *, twin: bool = False) -> BusUrl:
        prefix = f"twin-{self.prefix}" if twin else self.prefix
        return BusUrl.parse(f"kafka://{self.broker.bootstrap}?prefix={prefix}{self._options}")

    def open(self, *, patience: float = 5.0, twin: bool = False) -> KafkaBus:
        timing = Timing(request=patience, publish=patience)
        return KafkaBus(self.url(twin=twin), client_id="colearner-tests", timing=timing)

    def take_away(self) -> None:
        self.broker.kill9()

    def bring_back(self) -> None:
        self.broker.restart()

    @contextmanager
    def silenced(self):
        self.broker.pause()
        try:
            yield
        finally:
            self.broker.resume()


def record(topic: str, key: str, value: bytes | str) -> OutgoingRecord:
    """A record as a journal would publish it."""
    return OutgoingRecord(topic, key.encode(), value.encode() if isinstance(value, str) else value)


async def read_all(bus: Bus, cursors: Mapping[PartitionKey, int], count: int) -> list[IncomingRecord]:
    """Read on from ``cursors`` until there are ``count`` records; what came by the deadline."""
    here = dict(cursors)
    found: list[IncomingRecord] = []
    deadline = time.monotonic() + DEADLINE_S
    while len(found) < count and time.monotonic() < deadline:
        for one in await bus.read(here, max_wait=1.0):
            found.append(one)
            here[one.place] = one.offset + 1
    return found


async def publish_until_acked(bus: Bus, records: list[OutgoingRecord]) -> list[Ack]:
    """What sync does: publish again what was not acknowledged, connecting anew where need be."""
    acks: dict[int, Ack] = {}
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        left = [index for index in range(len(records)) if index not in acks]
        if not left:
            break
        try:
            outcomes = await bus.publish([records[index] for index in left])
        except BusUnreachable:
            await connect_again(bus)
            continue
        for index, outcome in zip(left, outcomes, strict=True):
            if not isinstance(outcome, Ack):
                break
            acks[index] = outcome
    return [acks[index] for index in range(len(records))]


async def connect_again(bus: Bus) -> None:
    """Connect, trying until the deadline."""

    async def once() -> bool:
        try:
            await bus.connect()
        except BusUnreachable:
            return False
        return True

    await until(once)


async def until(condition: Callable[[], Awaitable[bool]], *, within: float = DEADLINE_S) -> None:
    """Poll until it holds; fails the test at the deadline."""
    deadline = time.monotonic() + within
    while not await condition():
        assert time.monotonic() < deadline, f"did not come true within {within:g} s"
        await asyncio.sleep(0.05)
