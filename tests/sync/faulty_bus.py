"""A bus in memory that misbehaves on request: loses acknowledgements, doubles records, goes away, forgets everything."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from colearner_ls.bus.errors import BusUnreachable, CursorOutOfRange
from colearner_ls.bus.records import (
    Ack,
    BusIdentity,
    IncomingRecord,
    Outcome,
    OutgoingRecord,
    PartitionKey,
    Unknown,
)
from colearner_ls.contracts.catalogue import TOPICS

PARTITIONS = 2


@dataclass
class Broker:
    """What the brokers of a cluster hold; several :class:`FaultyBus` may talk to one."""

    identity: str = "first"
    away: bool = False
    lose_acks: int = 0
    """So many of the next records are stored, but nobody is told."""
    drop: int = 0
    """So many of the next records are neither stored nor acknowledged."""
    double: int = 0
    """So many of the next records are stored twice."""
    page: int = 3
    """Most records of one read."""
    slow: int = 0
    """So many of the next reads answer too late: with nothing, and without having gone on."""
    partitions: int = PARTITIONS
    """Partitions of every topic; who is connected when there are more is thrown out."""
    begins: dict[PartitionKey, int] = field(default_factory=dict)
    """Where retention has come to."""
    holes: set[tuple[PartitionKey, int]] = field(default_factory=set)
    """Offsets at which no record stands any more, though there are records on both sides."""
    logs: dict[PartitionKey, list[OutgoingRecord]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wipe(self.identity)

    def wipe(self, identity: str) -> None:
        """Lose everything and come back, perhaps as another cluster."""
        self.identity = identity
        self.logs = {(topic, number): [] for topic in TOPICS for number in range(self.partitions)}
        self.begins = dict.fromkeys(self.logs, 0)
        self.holes = set()

    def grow(self) -> None:
        """One more partition for every topic."""
        for topic in TOPICS:
            self.logs[(topic, self.partitions)] = []
            self.begins[(topic, self.partitions)] = 0
        self.partitions += 1

    def expire(self, most: int) -> list[bytes]:
        """Retention deletes up to ``most`` more records of each partition; their values."""
        deleted: list[bytes] = []
        for place, log in self.logs.items():
            begin = self.begins[place]
            self.begins[place] = min(len(log), begin + most)
            deleted += [record.value for record in log[begin : self.begins[place]]]
        return deleted

    def store(self, record: OutgoingRecord, *, partition: int | None = None) -> Ack:
        """Append, in the partition of the key unless another is given (peers write without keys)."""
        if partition is None:
            partition = hashlib.sha256(record.key).digest()[0] % self.partitions
        log = self.logs[(record.topic, partition)]
        log.append(record)
        return Ack(partition, len(log) - 1)

    @property
    def values(self) -> list[bytes]:
        """Every record's value."""
        return [record.value for log in self.logs.values() for record in log]


class FaultyBus:
    """One connection to a :class:`Broker`; see :class:`~colearner_ls.bus.protocol.Bus`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.last_cause: str | None = None
        self._positions: Mapping[PartitionKey, int] = {}
        self._partitions = 0

    def _check(self) -> None:
        if self._broker.away:
            self.last_cause = "the test took it away"
            raise BusUnreachable("faulty://", self.last_cause)
        if self._partitions != self._broker.partitions:
            raise BusUnreachable("faulty://", "there are more partitions now")

    async def connect(self) -> BusIdentity:
        self._partitions = self._broker.partitions
        self._check()
        return BusIdentity(self._broker.identity)

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        self._check()
        return [self._publish(record) for record in records]

    def _publish(self, record: OutgoingRecord) -> Outcome:
        broker = self._broker
        if broker.drop:
            broker.drop -= 1
            return Unknown("dropped")
        ack = broker.store(record)
        if broker.double:
            broker.double -= 1
            broker.store(record)
        if broker.lose_acks:
            broker.lose_acks -= 1
            return Unknown("acknowledgement lost")
        return ack

    async def read(self, cursors: Mapping[PartitionKey, int], *, max_wait: float) -> list[IncomingRecord]:
        self._check()
        if self._broker.slow:
            self._broker.slow -= 1
            self._positions = dict(cursors)
            return []
        read: list[IncomingRecord] = []
        for place, start in sorted(cursors.items()):
            log, begin = self._broker.logs.get(place, []), self._broker.begins.get(place, 0)
            if not begin <= start <= len(log):
                raise CursorOutOfRange(place, start, begin=begin, end=len(log))
            for offset in range(start, min(len(log), start + self._broker.page)):
                record = log[offset]
                if (place, offset) in self._broker.holes:
                    continue
                read.append(IncomingRecord(*place, offset, record.key, record.value, 0))
        read = read[: self._broker.page]
        self._positions = {**cursors, **{record.place: record.offset + 1 for record in read}}
        await asyncio.sleep(0 if read else max_wait / 100)  # a link that reads on and on leaves room for others
        return read

    async def positions(self) -> Mapping[PartitionKey, int]:
        return self._positions

    async def ends(self) -> Mapping[PartitionKey, int]:
        self._check()
        return {place: len(log) for place, log in self._broker.logs.items()}

    async def begins(self) -> Mapping[PartitionKey, int]:
        self._check()
        return dict(self._broker.begins)

    async def close(self) -> None:
        return None
