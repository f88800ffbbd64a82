"""Publishing at least once: what was not acknowledged is said to be unknown, and the producer is thrown away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    PolicyViolationError,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnsupportedForMessageFormatError,
)

from ..errors import BusUnreachable
from ..records import MAX_RECORD_BYTES, Ack, Outcome, OutgoingRecord, Refused, Unknown
from .causes import Cause, CauseLog
from .diagnosis import unreachable
from .disposal import dispose_producer
from .settings import Connection, TopicNames
from .watch import Watch

SLICE_S: Final = 0.25
"""Acknowledgements are waited for in slices, so that a dead connection is noticed in between."""

NOT_ALLOWED: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, InvalidTopicError)
"""Answers that hold for every record of the topic."""
NO_WRITING: Final = (
    "this user may not write anything here: ask whoever runs the broker for the rights (docs/kafka.md, Rights; "
    "a broker before Kafka 2.8 also wants IDEMPOTENT_WRITE on the cluster)"
)
NOT_THIS_ONE: Final = (
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    PolicyViolationError,
    InvalidTimestampError,
    UnsupportedForMessageFormatError,
)
"""Answers to one record that hit every other record of its batch too."""


class _Doubtful(Unknown):
    """Came back with the refusal of a record of its batch, its own or another's: to be sent once more, alone."""

    __slots__ = ()

    def alone(self) -> Outcome:
        """What it means where no other record can be to blame."""
        return Refused(self.reason)


class _OutOfOrder(_Doubtful):
    """Came after a record that was refused, or to a broker that forgot this producer: never the record's own fault."""

    __slots__ = ()

    def alone(self) -> Outcome:
        return Unknown(self.reason)


class Publisher:
    """One producer at a time, made when first needed and again after it was thrown away."""

    def __init__(self, connection: Connection, names: TopicNames, causes: CauseLog) -> None:
        self._connection = connection
        self._names = names
        self._causes = causes
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closed = False
        self._lock = asyncio.Lock()

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """See :meth:`colearner_ls.bus.protocol.Bus.publish`."""
        deadline = time.monotonic() + self._connection.timing.publish
        async with self._lock:
            outcomes = await self._attempt(records, deadline)
            if len(records) > 1:
                await self._one_by_one(records, outcomes, deadline)
            elif isinstance(outcomes[0], _Doubtful):
                outcomes[0] = outcomes[0].alone()
            return outcomes

    async def close(self, patience: float) -> None:
        """End the producer, by force if need be; records still on their way become unknown."""
        self._closed = True
        if self._starting is not None:
            self._starting.cancel()
        producer, self._producer = self._producer, None
        if producer is not None:
            await dispose_producer(producer, patience=patience)

    async def _one_by_one(self, records: Sequence[OutgoingRecord], outcomes: list[Outcome], deadline: float) -> None:
        """Find the record that the broker refused: it answers for whole batches, but only one may be to blame."""
        for index, outcome in enumerate(outcomes):
            if not isinstance(outcome, _Doubtful):
                continue
            if time.monotonic() >= deadline:
                outcomes[index] = Unknown(outcome.reason)
                continue
            try:
                (again,) = await self._attempt([records[index]], deadline)
            except BusUnreachable as error:
                again = Unknown(error.cause)
            outcomes[index] = again.alone() if isinstance(again, _Doubtful) else again

    async def _attempt(self, records: Sequence[OutgoingRecord], deadline: float) -> list[Outcome]:
        try:
            producer = await self._started(deadline)
        except ClusterAuthorizationFailedError:
            return [Refused(NO_WRITING)] * len(records)
        outcomes: list[Outcome] = [Unknown("it was not handed over in time")] * len(records)
        waiting: dict[int, asyncio.Future[Any]] = {}
        settled = False
        try:
            before = self._causes.count
            for index, record in enumerate(records):
                answer = await self._hand_over(producer, record, deadline)
                if isinstance(answer, asyncio.Future):
                    waiting[index] = answer
                    continue
                outcomes[index] = answer
                if isinstance(answer, Unknown):
                    break  # later ones must not overtake it
            reason = await self._acknowledged(producer, waiting.values(), deadline, before)
            for index, future in waiting.items():
                outcomes[index] = _outcome(future, reason)
            _forget_bogus_offsets(records, outcomes)
            settled = all(isinstance(outcomes[index], Ack) for index in waiting) and not any(
                isinstance(outcome, Unknown) for outcome in outcomes
            )
        finally:
            if not settled:
                # An idempotent producer that met an error answers OutOfOrderSequenceNumber ever after (aiokafka #1017),
                # and one that still holds records would send them behind our back.
                self._producer = None
                await dispose_producer(producer, patience=0)
        return outcomes

    async def _started(self, deadline: float) -> AIOKafkaProducer:
        if self._closed:
            raise self._unreachable("it was closed here")
        if self._producer is not None:
            return self._producer
        before = self._causes.count
        producer = AIOKafkaProducer(**self._connection.producer())
        starting = self._starting = asyncio.ensure_future(producer.start())
        try:
            done, _ = await asyncio.wait({starting}, timeout=max(0.1, deadline - time.monotonic()))
            if not done or starting.cancelled():
                raise self._unreachable(self._causes.since(before) or "no answer in time")
            starting.result()
        except ClusterAuthorizationFailedError:
            raise
        except (KafkaError, OSError) as error:
            raise self._unreachable(self._causes.since(before) or _words(error)) from error
        else:
            self._producer = producer
            return producer
        finally:
            self._starting = None
            if self._producer is None:
                starting.cancel()
                await dispose_producer(producer, patience=0.1)

    async def _hand_over(
        self, producer: AIOKafkaProducer, record: OutgoingRecord, deadline: float
    ) -> asyncio.Future[Any] | Outcome:
        """Put it into its batch; the future is the broker's answer."""
        if record.topic not in self._names.bases:
            return Refused(f"there is no topic {record.topic}")
        if record.size > MAX_RECORD_BYTES:
            return Refused(f"the record has {record.size} bytes; the bus takes {MAX_RECORD_BYTES} at most")
        sending = producer.send(
            self._names.full(record.topic), value=record.value, key=record.key, headers=list(record.headers)
        )
        try:
            async with asyncio.timeout(max(0.05, deadline - time.monotonic())):
                future: asyncio.Future[Any] = await sending
        except TimeoutError:
            return Unknown("no room to send it in time")
        except NOT_ALLOWED as error:
            return Refused(_not_allowed(error))
        except MessageSizeTooLargeError as error:
            return Refused(_words(error))
        except KafkaError as error:
            return Unknown(self._scrub(_words(error)))
        future.add_done_callback(_retrieve)
        return future

    async def _acknowledged(
        self, producer: AIOKafkaProducer, futures: Iterable[asyncio.Future[Any]], deadline: float, before: int
    ) -> str:
        """Wait for all answers, until the deadline or the end of the connection; why the rest has none."""
        pending = set(futures)
        watch = Watch(
            lambda: producer.client.fetch_all_metadata(),
            needed=dict.fromkeys(self._names.all_full, 0),
            causes=self._causes,
            timing=self._connection.timing,
        )
        try:
            while pending and (left := deadline - time.monotonic()) > 0:
                _, pending = await asyncio.wait(pending, timeout=min(SLICE_S, left))
                if pending and (trouble := watch.trouble()):
                    return self._unreachable(trouble).cause
        finally:
            watch.stop()
        cause = self._causes.since(before) or f"no answer within {self._connection.timing.publish:g} s"
        return self._unreachable(cause).cause

    def _unreachable(self, cause: Cause | str) -> BusUnreachable:
        return unreachable(self._connection, cause)

    def _scrub(self, text: str) -> str:
        credentials = self._connection.credentials
        return credentials.scrub(text) if credentials else text


def _outcome(future: asyncio.Future[Any], reason: str) -> Outcome:
    if not future.done() or future.cancelled():
        return Unknown(reason)
    error = future.exception()
    if error is None:
        place = future.result()
        return Ack(place.partition, place.offset)
    if isinstance(error, NOT_ALLOWED):
        return Refused(_not_allowed(error))
    if isinstance(error, OutOfOrderSequenceNumber):
        return _OutOfOrder(_words(error))
    if isinstance(error, NOT_THIS_ONE):
        return _Doubtful(_words(error))
    return Unknown(_words(error))


def _forget_bogus_offsets(records: Sequence[OutgoingRecord], outcomes: list[Outcome]) -> None:
    """A broker that knows a batch only as a duplicate answers offset −1, and aiokafka counts on from there."""
    bogus: set[tuple[str, int]] = set()
    for index, (record, outcome) in enumerate(zip(records, outcomes, strict=True)):
        if not isinstance(outcome, Ack) or outcome.offset is None:
            continue
        place = (record.topic, outcome.partition)
        if outcome.offset < 0:
            bogus.add(place)
        if place in bogus:
            outcomes[index] = Ack(outcome.partition, None)


def _retrieve(future: asyncio.Future[Any]) -> None:
    """Keeps asyncio from complaining about an error that nobody waits for any more."""
    if not future.cancelled():
        future.exception()


def _not_allowed(error: BaseException) -> str:
    match error:
        case TopicAuthorizationFailedError():
            topics = ", ".join(str(topic) for topic in error.args) or "the topic"
            return f"this user may not write to {topics}: ask whoever runs the broker (docs/kafka.md, Rights)"
        case ClusterAuthorizationFailedError():
            return NO_WRITING
    return _words(error)


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
