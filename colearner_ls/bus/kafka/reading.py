"""Reading from given offsets: one consumer without a group, assigned by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    CorruptRecordException,
    KafkaError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
)

from ..errors import BusDenied, BusUnreachable, CursorOutOfRange
from ..records import IncomingRecord, PartitionKey
from .brake import brake
from .causes import Cause, CauseLog
from .diagnosis import unreachable
from .disposal import dispose_consumer
from .settings import READ_RECORDS, Connection, Partitions, TopicNames
from .watch import Watch

SLICE_S: Final = 0.5
"""A read is waited for in slices, so that a dead connection is noticed in between; a third of the processor time of a
server at rest went into slices of half that length."""

_AskOffsets: TypeAlias = Callable[[list[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]


class Reader:
    """Reads, and tells where partitions begin and end. Made by :meth:`start`; of no use after a ``BusUnreachable``."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        connection: Connection,
        names: TopicNames,
        partitions: Partitions,
        causes: CauseLog,
    ) -> None:
        self._consumer = consumer
        self._connection = connection
        self._names = names
        self._all = [TopicPartition(name, number) for name, count in partitions.items() for number in range(count)]
        self._causes = causes
        self._expected: dict[TopicPartition, int] = {}
        self._watch = Watch(
            lambda: consumer._client.fetch_all_metadata(), needed=partitions, causes=causes, timing=connection.timing
        )

    @classmethod
    async def start(cls, connection: Connection, names: TopicNames, partitions: Partitions, causes: CauseLog) -> Reader:
        """Connect a consumer; raises aiokafka's ``KafkaError``."""
        consumer = AIOKafkaConsumer(**connection.consumer())
        try:
            await consumer.start()
            brake(consumer, connection.timing.retry)
            await _learn(consumer, partitions)
        except BaseException:
            await dispose_consumer(consumer, patience=0.1)
            raise
        return cls(consumer, connection, names, partitions, causes)

    async def read(self, cursors: Mapping[PartitionKey, int], max_wait: float) -> list[IncomingRecord]:
        """See :meth:`colearner_ls.bus.protocol.Bus.read`."""
        deadline = time.monotonic() + max_wait
        if not cursors:
            await asyncio.sleep(max_wait)
            return []
        while True:
            self._go_to(cursors)
            if trouble := self._watch.trouble():
                raise self._unreachable(trouble)
            left = max(0.0, deadline - time.monotonic())
            records = await self._some(min(SLICE_S, left))
            if records or left <= 0:
                return records

    async def positions(self) -> dict[PartitionKey, int]:
        """Offsets that the last read went up to, over holes too."""
        return {self._key(tp): await self._consumer.position(tp) for tp in self._consumer.assignment()}

    async def ends(self) -> dict[PartitionKey, int]:
        """The next offset of every partition."""
        return await self._offsets(self._consumer.end_offsets, self._all)

    async def begins(self) -> dict[PartitionKey, int]:
        """The first offset of every partition."""
        return await self._offsets(self._consumer.beginning_offsets, self._all)

    async def close(self, patience: float) -> None:
        """End the consumer, by force if need be."""
        self._watch.stop()
        await dispose_consumer(self._consumer, patience=patience)

    def _go_to(self, cursors: Mapping[PartitionKey, int]) -> None:
        """Assign and seek, but only where the caller does not simply go on: a seek throws away what was prefetched."""
        wanted = {TopicPartition(self._names.full(topic), number): at for (topic, number), at in cursors.items()}
        for tp, offset in wanted.items():
            # Assigning a partition that is not there would make the consumer spin.
            if tp not in self._all or offset < 0:
                raise CursorOutOfRange(self._key(tp), offset, begin=0, end=0)
        if wanted.keys() != self._consumer.assignment():
            self._consumer.assign(list(wanted))
            self._expected = {}
        for tp, offset in wanted.items():
            if self._expected.get(tp) != offset:
                self._consumer.seek(tp, offset)
                self._expected[tp] = offset

    async def _some(self, wait: float) -> list[IncomingRecord]:
        # An error may come after the consumer went on past records of other partitions that it then does not hand over:
        # only what was handed over counts, and the rest is sought again.
        expected, self._expected = self._expected, {}
        try:
            batches = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=READ_RECORDS)
        except OffsetOutOfRangeError as error:
            raise await self._out_of_range(error) from error
        except (CorruptRecordException, RecordTooLargeError):
            # Bits that flipped on the way: the consumer fetches them again by itself.
            return []
        except TopicAuthorizationFailedError as error:
            topics = ", ".join(str(topic) for topic in error.args) or "its topics"
            raise BusDenied(
                self._connection.url.redacted,
                f"this user may not read {topics}. Ask whoever runs the broker for the right (docs/kafka.md, Rights)",
            ) from error
        except KafkaError as error:
            raise self._unreachable(str(error)) from error
        self._expected = expected | {tp: messages[-1].offset + 1 for tp, messages in batches.items()}
        return [self._record(message) for messages in batches.values() for message in messages]

    def _record(self, message: Any) -> IncomingRecord:
        return IncomingRecord(
            topic=self._names.base(message.topic),
            partition=message.partition,
            offset=message.offset,
            key=message.key,
            value=message.value,
            timestamp_ms=message.timestamp,
        )

    async def _out_of_range(self, error: OffsetOutOfRangeError) -> CursorOutOfRange:
        ((tp, offset),) = error.args[0].items()
        begins = await self._offsets(self._consumer.beginning_offsets, [tp])
        ends = await self._offsets(self._consumer.end_offsets, [tp])
        key = self._key(tp)
        return CursorOutOfRange(key, offset, begin=begins[key], end=ends[key])

    async def _offsets(self, ask: _AskOffsets, partitions: list[TopicPartition]) -> dict[PartitionKey, int]:
        before = self._causes.count

        async def asking() -> Mapping[TopicPartition, int]:
            await _learn(self._consumer, {tp.topic for tp in partitions})
            return await ask(partitions)

        task = asyncio.ensure_future(asking())
        try:
            # The library asks again and again until its own time is up; a dead connection ends that sooner.
            while not task.done():
                await asyncio.wait({task}, timeout=SLICE_S)
                if not task.done() and (trouble := self._watch.trouble()):
                    raise self._unreachable(trouble)
            found = task.result()
        except (KafkaError, OSError) as error:
            raise self._unreachable(self._causes.since(before) or str(error)) from error
        finally:
            task.cancel()
        if silent := [tp for tp in partitions if tp not in found]:
            # The library leaves out what the broker would not tell; a partition that seems empty would look like a loss.
            raise self._unreachable(
                self._causes.since(before) or f"the broker does not tell where {silent[0].topic} begins and ends"
            )
        return {self._key(tp): offset for tp, offset in found.items()}

    def _key(self, tp: TopicPartition) -> PartitionKey:
        return (self._names.base(tp.topic), tp.partition)

    def _unreachable(self, cause: Cause | str) -> BusUnreachable:
        return unreachable(self._connection, cause)


async def _learn(consumer: AIOKafkaConsumer, topics: Collection[str]) -> None:
    """Fetch metadata of these topics at once; asking for offsets would fetch one topic after the other, with pauses."""
    for known in [consumer._client.add_topic(topic) for topic in topics]:
        await known
