"""Records as they cross the bus, and what became of them. Topics are base names here: the prefix is the bus's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from colearner_ls.contracts.frozen import frozen

PartitionKey: TypeAlias = tuple[str, int]
"""(base topic name, partition number from 0)."""

MAX_RECORD_BYTES: Final = 1_000_000
"""Largest record that any bus takes, in bytes of key, value and headers.

Just under Kafka's default ``message.max.bytes`` (1,048,588), so that the broker is never the one to refuse it.
"""


@frozen
class OutgoingRecord:
    """One record to publish. ``key`` decides the partition, and records of one key keep their order."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return len(self.key) + len(self.value) + sum(len(name) + len(value) for name, value in self.headers)


@frozen
class IncomingRecord:
    """One record as it lies on the bus. ``key`` and ``value`` are whatever its writer put there, even nothing.

    ``timestamp_ms`` is in ms since the Unix epoch as the bus has it; for people, never for order.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int

    @property
    def place(self) -> PartitionKey:
        """The partition this record lies in."""
        return (self.topic, self.partition)


@frozen
class Ack:
    """The record is stored. ``offset`` is ``None`` where the broker knows that it has it, but not where."""

    partition: int
    offset: int | None


@frozen
class Unknown:
    """No answer in time, or an answer that leaves it open: the record may or may not be there. Send it again."""

    reason: str


@frozen
class Refused:
    """The bus will not take this very record (too large, not authorised); sending it again as it is will not help."""

    reason: str


Outcome: TypeAlias = Ack | Unknown | Refused


@frozen
class KeyedPage:
    """Part of an answer by key. ``next`` is where the following page starts; ``done`` when there is none."""

    records: tuple[IncomingRecord, ...]
    next: Mapping[PartitionKey, int]
    done: bool


@frozen
class BusIdentity:
    """Which cluster or file answered: Kafka's cluster id, or the UUID inside ``bus.db``."""

    id: str
