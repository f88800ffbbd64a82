"""The fault matrix on librdkafka's mock broker: error codes on demand, and everything that is sent twice is there twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import pytest

from colearner_ls.bus.errors import BusDenied, BusError, BusUnreachable, CursorOutOfRange, TopicsMissing
from colearner_ls.bus.kafka import KafkaBus, Timing
from colearner_ls.bus.records import Ack, Outcome, OutgoingRecord, PartitionKey, Refused, Unknown
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import EVENTS, PROGRESS, TOPICS
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.link import Link
from rigs.mock_broker import (
    DISCONNECT,
    FETCH,
    FOR_EVER,
    INIT_PRODUCER_ID,
    LIST_OFFSETS,
    METADATA,
    PRODUCE,
    MockBroker,
)
from rigs.proxy import Proxy
from tests.sync.test_link import Side, draft, ids

pytestmark = pytest.mark.xdist_group("kafka-mock")

PLACE: Final[PartitionKey] = (EVENTS, 0)
PATIENT: Final = Timing(request=20.0, publish=20.0, retry=0.02, poll=0.02)
"""For faults that pass: nothing runs out, however busy the machine is."""
SHORT: Final = Timing(request=0.5, publish=0.5, close=0.6, poll=0.001)
"""For faults that stay, with pauses as in the product. ``poll``: the mock holds back fetches that fail, and Kafka does not."""
SLACK_S: Final = 20.0
"""A busy machine's share: a bound that is broken is broken by far more."""
CPU_SHARE: Final = 0.6
"""Of one core over a fault that stays. A loop without a pause takes 0.9 and more."""
MAX_REQUESTS: Final = 30
"""Of the failing kind within one wait of half a second. A loop without a pause makes hundreds, even at the mock."""

# Codes of the Kafka protocol (protocol guide, *Error Codes*); DISCONNECT is the mock's own.
RETRIED: Final = (3, 5, 6, 7, 14, 15, 16, 19, 20, 56, DISCONNECT)
"""On Produce the library tries these again by itself."""
THROWN_AWAY: Final = (-1, 1, 2, 8, 9, 45, 47, 59, 89)
"""The outcome is unknown and the producer of no more use."""
REFUSED: Final = (10, 17, 29, 31, 32, 44)
FETCH_CODES: Final = (-1, 1, 2, 3, 5, 6, 7, 9, 14, 29, 56, 74, 75, 76, 78, DISCONNECT)
METADATA_CODES: Final = (-1, 3, 5, 17, 29, DISCONNECT)
INIT_CODES: Final = (-1, 7, 14, 15, 16, 31, 42, 47, 51, 53, DISCONNECT)
OFFSETS_CODES: Final = (-1, 3, 5, 6, 7, 29, 43, 56, 74, DISCONNECT)
TIMES: Final = (1, 3, FOR_EVER)

Measured = Callable[[str], None]


@pytest.fixture(scope="module")
def shared_mock() -> Iterator[MockBroker]:
    with MockBroker() as mock:
        yield mock


class Field:
    """The mock with topics of one test, and how much CPU and how many requests its faults cost."""

    def __init__(self, mock: MockBroker, prefix: str) -> None:
        self.mock = mock
        self.prefix = prefix
        self.busiest = 0.0
        self.most_requests = 0
        self.longest = 0.0
        self.cases = 0
        for topic in TOPICS:
            mock.create_topic(prefix + topic, 1)

    @asynccontextmanager
    async def bus(self, timing: Timing) -> AsyncIterator[KafkaBus]:
        bus = KafkaBus(
            BusUrl.parse(f"kafka://{self.mock.bootstrap}?prefix={self.prefix}"), client_id="x", timing=timing
        )
        try:
            yield bus
        finally:
            await bus.close()

    @asynccontextmanager
    async def failing(self, api: int, code: int, times: int, timing: Timing) -> AsyncIterator[None]:
        """Meanwhile requests fail; afterwards it is judged whether that was survived at rest."""
        self.mock.requests()
        self.mock.fail(api, code, times)
        started, used = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self.mock.clear(api)
        took, cpu = time.monotonic() - started, time.process_time() - used
        self.cases += 1
        self.longest = max(self.longest, took)
        case = f"API {api}, code {code}, {times} times"
        assert took < timing.request + timing.publish + timing.close + SLACK_S, f"{case}: {took:.1f} s"
        if times == FOR_EVER:
            # What connects anew costs CPU once; it is the share over a wait that tells a loop.
            share = cpu / took if took > 0.4 else 0.0
            requests = self.mock.requests()[api]
            self.busiest, self.most_requests = max(self.busiest, share), max(self.most_requests, requests)
            assert share < CPU_SHARE, f"{case}: {cpu:.2f} s of CPU in {took:.2f} s"
            assert requests < MAX_REQUESTS * max(1.0, took), f"{case}: {requests} requests in {took:.2f} s"

    def told(self, api: str) -> str:
        return (
            f"{api}: {self.cases} faults, each over in {self.longest:.1f} s at most, "
            f"at most {self.busiest:.0%} of a core and {self.most_requests} requests while one stayed"
        )


@pytest.fixture
def field(shared_mock: MockBroker, kafka_prefix: str) -> Field:
    return Field(shared_mock, kafka_prefix)


def record(value: str, topic: str = EVENTS) -> OutgoingRecord:
    return OutgoingRecord(topic, b"k", value.encode())


async def delivered(bus: KafkaBus, value: str) -> int:
    """As sync does it: until it is acknowledged, connecting anew where need be; the offset. At once when a fault has passed."""
    for _ in range(4):
        try:
            (outcome,) = await bus.publish([record(value)])
        except BusUnreachable:
            await bus.connect()
            continue
        if isinstance(outcome, Ack) and outcome.offset is not None:
            return outcome.offset
    pytest.fail(f"{value!r} was not delivered after the fault had passed")


async def read_back(bus: KafkaBus, start: int, last: str) -> list[str]:
    """Everything from ``start`` on, up to the value ``last``; offsets must have no hole."""
    got: list[str] = []
    here = {PLACE: start}
    deadline = time.monotonic() + 40
    while last not in got:
        assert time.monotonic() < deadline, f"{last!r} cannot be read back"
        try:
            for each in await bus.read(here, max_wait=1.0):
                assert each.offset == here[PLACE], "records were skipped"
                got.append((each.value or b"").decode())
                here[PLACE] = each.offset + 1
        except (BusUnreachable, CursorOutOfRange):
            await bus.connect()
    return got


# --- F13: every error code


@pytest.mark.parametrize("codes", [RETRIED, THROWN_AWAY, REFUSED], ids=["retried", "thrown_away", "refused"])
async def test_f13_errors_of_produce(field: Field, codes: tuple[int, ...], measured: Measured) -> None:
    """Whatever the broker answers a record: it is tried again, or the producer thrown away, or the record refused."""
    acknowledged = ["first"]
    async with field.bus(PATIENT) as bus, field.bus(SHORT) as short:
        await bus.connect()
        await short.connect()
        start = await delivered(bus, "first")
        for code in codes:
            for times in TIMES:
                timing, chosen = (SHORT, short) if times == FOR_EVER else (PATIENT, bus)
                value = f"{code}/{times}"
                async with field.failing(PRODUCE, code, times, timing):
                    outcome: Outcome
                    try:
                        (outcome,) = await chosen.publish([record(value)])
                    except BusUnreachable as error:
                        outcome = Unknown(error.cause)
                expected = Ack if codes is RETRIED and times != FOR_EVER else Refused if codes is REFUSED else Unknown
                assert isinstance(outcome, expected), (code, times, outcome)
                if isinstance(outcome, Ack):
                    acknowledged.append(value)
                else:
                    assert outcome.reason
                await delivered(chosen, f"{value} after")
                acknowledged.append(f"{value} after")
        got = await read_back(bus, start, acknowledged[-1])
    assert [value for value in dict.fromkeys(got) if value in acknowledged] == acknowledged, "lost, or out of order"
    measured(field.told("Produce"))


async def test_f13_an_acknowledged_duplicate(field: Field, measured: Measured) -> None:
    """``DUPLICATE_SEQUENCE_NUMBER`` means that the broker has it, and says nothing about where."""
    async with field.bus(PATIENT) as bus:
        await bus.connect()
        async with field.failing(PRODUCE, 46, 1, PATIENT):
            assert await bus.publish([record("twice")]) == [Ack(0, None)]
    measured("DuplicateSequenceNumber counts as sent, its offset -1 is not stored")


async def test_f13_errors_of_fetch(field: Field, measured: Measured) -> None:
    """Whatever the broker answers a reader: it reads on, or says so in bounded time; nothing is skipped."""
    async with field.bus(PATIENT) as bus, field.bus(SHORT) as short:
        await bus.connect()
        await short.connect()
        for code in FETCH_CODES:
            for times in TIMES:
                timing, chosen = (SHORT, short) if times == FOR_EVER else (PATIENT, bus)
                value = f"{code}/{times}"
                start = await delivered(bus, f"{value} before")
                await delivered(bus, value)
                async with field.failing(FETCH, code, times, timing):
                    said: BusError | None = None
                    try:
                        got = await chosen.read({PLACE: start}, max_wait=0.5)
                        assert {each.value for each in got} <= {f"{value} before".encode(), value.encode()}
                    except BusError as error:
                        said = error
                if said is not None:
                    kind = {1: CursorOutOfRange, 29: BusDenied}.get(code, BusUnreachable)
                    assert isinstance(said, kind), (code, times, said)
                    assert said.message
                assert await read_back(chosen, start, value) == [f"{value} before", value]
    measured(field.told("Fetch"))


async def test_f13_errors_of_metadata(field: Field, measured: Measured) -> None:
    """Connecting through errors of Metadata ends well, or ends in bounded time with a cause."""
    for code in METADATA_CODES:
        for times in TIMES:
            timing = SHORT if times == FOR_EVER else PATIENT
            async with field.bus(timing) as bus:
                async with field.failing(METADATA, code, times, timing):
                    try:
                        await bus.connect()
                    except (BusUnreachable, TopicsMissing):
                        assert bus.last_cause
                await bus.connect()
                await delivered(bus, f"{code}/{times}")
                # And in the middle of things: a connection that stands outlives it, or is said to be lost.
                async with field.failing(METADATA, code, times, timing):
                    outcomes: list[Outcome] = []
                    with suppress(BusUnreachable):
                        outcomes = await bus.publish([record(f"{code}/{times} meanwhile", PROGRESS)])
                assert not any(isinstance(outcome, Refused) for outcome in outcomes) or code in (17, 29)
                await delivered(bus, f"{code}/{times} after")
    measured(field.told("Metadata"))


async def test_f13_errors_of_init_producer_id(field: Field, measured: Measured) -> None:
    """A producer that gets no id is thrown away; only a missing right refuses the record."""
    async with field.bus(PATIENT) as bus, field.bus(SHORT) as short:
        for code in INIT_CODES:
            for times in TIMES:
                timing, chosen = (SHORT, short) if times == FOR_EVER else (PATIENT, bus)
                await chosen.connect()  # a new connection begins without a producer
                async with field.failing(INIT_PRODUCER_ID, code, times, timing):
                    with suppress(BusUnreachable):
                        (outcome,) = await chosen.publish([record(f"{code}/{times}")])
                        assert isinstance(outcome, Refused) is (code == 31)
                await delivered(chosen, f"{code}/{times} after")
    measured(field.told("InitProducerId"))


async def test_f13_errors_of_list_offsets(field: Field, measured: Measured) -> None:
    """Asking where partitions begin and end: an answer, or a cause in bounded time."""
    async with field.bus(PATIENT) as bus, field.bus(SHORT) as short:
        await bus.connect()
        await short.connect()
        await delivered(bus, "one")
        for code in OFFSETS_CODES:
            for times in TIMES:
                timing, chosen = (SHORT, short) if times == FOR_EVER else (PATIENT, bus)
                async with field.failing(LIST_OFFSETS, code, times, timing):
                    with suppress(BusUnreachable):
                        assert (await chosen.ends())[PLACE] == 1
                # Whoever was told that it is lost connects anew.
                with suppress(BusUnreachable):
                    assert (await chosen.ends())[PLACE] == 1
                    continue
                assert chosen.last_cause
                await chosen.connect()
                assert (await chosen.ends())[PLACE] == 1
    measured(field.told("ListOffsets"))


# --- F14: a broker that keeps every duplicate

ROUNDS: Final = 4
EACH: Final = 20


async def test_f14_a_broker_that_keeps_every_duplicate(tmp_path: Path, measured: Measured) -> None:
    """Answers are lost, so events are sent again; a broker without sequence check keeps both, and no journal has one twice."""
    with MockBroker() as mock, Proxy(*_split(mock.bootstrap)) as proxy:
        mock.advertise(proxy.port)
        for topic in TOPICS:
            mock.create_topic(topic, 3)
        url = BusUrl.parse(f"kafka://{proxy.address}")
        writer, reader = Side(tmp_path / "writer", url), Side(tmp_path / "reader", url)

        async def open_quickly(_: BusUrl) -> KafkaBus:
            return KafkaBus(url, client_id="x", timing=Timing(request=2.0, publish=2.0, retry=0.05))

        with JournalCalls(writer.journal) as calls:
            link = Link(calls, url, client_id="x", open_with=open_quickly)
            running = asyncio.ensure_future(link.run())
            writer.journal.append([draft(0)])
            for number in range(1, ROUNDS * EACH, EACH):
                # Until here all is well, and the producer has its connection.
                await _until(lambda number=number: writer.journal.outbox.counts().sent == number)
                mock.requests()
                proxy.blackhole("down")
                writer.journal.append([draft(number + n) for n in range(EACH)])
                link.ring()
                # They are on the broker; that they are is what never arrives. (Where the link was just connecting it cannot.)
                with suppress(AssertionError):
                    await _until(lambda: mock.requests()[PRODUCE] > 0, within=3.0)
                proxy.cut()
                proxy.heal()
            await _until(lambda: writer.journal.outbox.counts().sent == 1 + ROUNDS * EACH)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        bus = await open_quickly(url)
        await bus.connect()
        ends = await bus.ends()
        here, on_broker = dict.fromkeys(ends, 0), Counter[bytes]()
        while any(here[place] < end for place, end in ends.items()):
            for each in await bus.read(here, max_wait=5.0):
                on_broker[each.value or b""] += 1
                here[each.place] = each.offset + 1
        await bus.close()
        await reader.sync(wait=60.0)
        await writer.sync(wait=60.0)

    sent = ids(writer.journal)
    assert len(sent) == len(set(sent)) == len(on_broker) == 1 + ROUNDS * EACH
    assert ids(reader.journal) == sent, "lost, doubled, or out of order"
    doubled = sum(on_broker.values()) - len(on_broker)
    assert doubled > 0, "no duplicates came about, so nothing was shown"
    measured(f"{len(sent)} events, {doubled} of them more than once on the broker: 0 lost, 0 doubled")


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


async def _until(condition: Callable[[], bool], *, within: float = 60.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {within:g} s"
        await asyncio.sleep(0.02)
