"""A bus in memory that misbehaves on request: loses acknowledgements, doubles records, goes away, forgets everything."""

from __future__ import annotations

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
    logs: dict[PartitionKey, list[OutgoingRecord]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.wipe(self.identity)

    def wipe(self, identity: str) -> None:
        """Lose everything and come back, perhaps as another cluster."""
        self.identity = identity
        self.logs = {(topic, number): [] for topic in TOPICS for number in range(PARTITIONS)}

    def store(self, record: OutgoingRecord, *, partition: int | None = None) -> Ack:
        """Append, in the partition of the key unless another is given (peers write without keys)."""
        if partition is None:
            partition = hashlib.sha256(record.key).digest()[0] % PARTITIONS
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

    def _check(self) -> None:
        if self._broker.away:
            self.last_cause = "the test took it away"
            raise BusUnreachable("faulty://", self.last_cause)

    async def connect(self) -> BusIdentity:
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
        read: list[IncomingRecord] = []
        for place, start in sorted(cursors.items()):
            log = self._broker.logs[place]
            if start > len(log):
                raise CursorOutOfRange(place, start, begin=0, end=len(log))
            for offset in range(start, min(len(log), start + self._broker.page)):
                record = log[offset]
                read.append(IncomingRecord(*place, offset, record.key, record.value, 0))
        read = read[: self._broker.page]
        self._positions = {**cursors, **{record.place: record.offset + 1 for record in read}}
        return read

    async def positions(self) -> Mapping[PartitionKey, int]:
        return self._positions

    async def ends(self) -> Mapping[PartitionKey, int]:
        self._check()
        return {place: len(log) for place, log in self._broker.logs.items()}

    async def begins(self) -> Mapping[PartitionKey, int]:
        self._check()
        return dict.fromkeys(self._broker.logs, 0)

    async def close(self) -> None:
        return None
