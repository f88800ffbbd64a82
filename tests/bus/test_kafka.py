"""What only Kafka can meet: other clients' records, refused records, missing topics, lost disks, strange servers."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import CorruptRecordException
from aiokafka.protocol.admin import SaslAuthenticateRequest
from aiokafka.structs import TopicPartition

from colearner_ls.bus.errors import BadBusUrl, BusUnreachable, CursorOutOfRange, TopicsMissing
from colearner_ls.bus.kafka import KafkaBus, Timing
from colearner_ls.bus.kafka.publishing import _forget_bogus_offsets
from colearner_ls.bus.protocol import IndexedBus, open_bus
from colearner_ls.bus.records import Ack, OutgoingRecord, Refused
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import EVENTS, PROGRESS, TOPICS
from rigs.kafka import KafkaBroker

from .conftest import Keep
from .transports import Kafka, publish_until_acked, read_all, record, until

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

PASSWORD = "hunter2-Zürich"
QUICK = Timing(request=2.0, publish=5.0)


@pytest.fixture
def kafka(kafka_broker: KafkaBroker, kafka_prefix: str) -> Kafka:
    return Kafka(kafka_broker, kafka_prefix)


@asynccontextmanager
async def admin_of(broker: KafkaBroker) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
    await admin.start()
    yield admin
    await admin.close()


async def kcat(*arguments: str, given: bytes = b"") -> bytes:
    """Debian's kcat (librdkafka): a client that shares nothing with ours."""
    path = shutil.which("kcat")
    assert path, "kcat is missing: python -m rigs.kafka prepare"
    process = await asyncio.create_subprocess_exec(
        path,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(given), 30)
    assert process.returncode == 0, err.decode()
    return out


# --- kcat as the other side


async def test_kcat_reads_what_we_write(kafka: Kafka, keep: Keep) -> None:
    bus = await keep(kafka.open())
    value = '{"payload":{"note":"Grüße 🧑‍🏫"}}'
    headers = (("ce_id", b"0198"), ("content-type", b"application/json"))
    (ack,) = await bus.publish([OutgoingRecord(EVENTS, b"onboarding-01", value.encode(), headers)])
    out = await kcat(
        *("-b", kafka.broker.bootstrap, "-C", "-e", "-q", "-t", kafka.prefix + EVENTS, "-o", "beginning"),
        *("-f", "%p|%o|%k|%h|%s\\n"),
    )
    expected = f"{ack.partition}|{ack.offset}|onboarding-01|ce_id=0198,content-type=application/json|{value}\n"
    assert out.decode() == expected


async def test_we_read_what_kcat_writes(kafka: Kafka, keep: Keep) -> None:
    bus = await keep(kafka.open())
    start = await bus.ends()
    to = ("-b", kafka.broker.bootstrap, "-P", "-t", kafka.prefix + PROGRESS)
    garbage = bytes(range(256)) * 20 + random.Random(3).randbytes(3000)
    garbage = garbage.replace(b"\n", b"\0")
    await kcat(*to, given=b'{"no":"key"}\n')
    await kcat(*to, "-K", "\t", given="schlüssel\t{}\n".encode())
    await kcat(*to, "-Z", "-K", "\t", given=b"tombstone\t\n")
    await kcat(*to, "-Z", "-K", "\t", given=b"\t\n")
    await kcat(*to, "-D", "\n", given=garbage + b"\n")
    await kcat(*to, "-z", "gzip", "-p", "2", given=b"zipped 1\nzipped 2\n")

    got = await read_all(bus, start, 7)

    assert {(r.key, r.value) for r in got} == {
        (None, b'{"no":"key"}'),
        ("schlüssel".encode(), b"{}"),
        (b"tombstone", None),
        (None, None),
        (None, garbage),
        (None, b"zipped 1"),
        (None, b"zipped 2"),
    }
    zipped = [r for r in got if (r.value or b"").startswith(b"zipped")]
    assert [r.value for r in zipped] == [b"zipped 1", b"zipped 2"]
    assert {r.partition for r in zipped} == {2}
    assert {r.topic for r in got} == {PROGRESS}


async def test_keys_go_where_other_clients_expect_them(kafka: Kafka, keep: Keep) -> None:
    """Java's partitioner (murmur2): one session lies in one partition, whoever writes."""
    bus = await keep(kafka.open())
    keys = [f"session {n}" for n in range(25)]
    acks = await bus.publish([record(EVENTS, key, "ours") for key in keys])
    to = ("-b", kafka.broker.bootstrap, "-P", "-X", "partitioner=murmur2_random", "-t", kafka.prefix + EVENTS)
    await kcat(*to, "-K", "\t", given="".join(f"{key}\ttheirs\n" for key in keys).encode())
    got = await read_all(bus, dict.fromkeys(await bus.ends(), 0), 50)
    theirs = {r.key.decode(): r.partition for r in got if r.value == b"theirs"}
    assert theirs == {key: ack.partition for key, ack in zip(keys, acks, strict=True)}
    assert len(set(theirs.values())) == 3


async def test_holes_of_transactions_are_passed(kafka: Kafka, keep: Keep) -> None:
    """Markers and aborted records take offsets and are never handed out; ``positions`` goes past them."""
    bus = await keep(kafka.open())
    start = await bus.ends()
    producer = AIOKafkaProducer(bootstrap_servers=kafka.broker.bootstrap, transactional_id=kafka.prefix)
    await producer.start()
    topic = kafka.prefix + EVENTS
    async with producer.transaction():
        await producer.send_and_wait(topic, b"committed", partition=0)
    await producer.begin_transaction()
    await producer.send_and_wait(topic, b"aborted", partition=0)
    await producer.abort_transaction()
    await producer.stop()

    # Two records and two markers; the end of what is committed moves a moment after the abort was answered.
    await until(lambda: _ends_at(bus, 4))
    ends = await bus.ends()
    got = await read_all(bus, start, 1)
    assert [r.value for r in got] == [b"committed"]
    cursors = start | {(EVENTS, 0): 1}
    await until(lambda: _reached(bus, cursors, ends))


async def _ends_at(bus: KafkaBus, offset: int) -> bool:
    return (await bus.ends())[EVENTS, 0] == offset


async def _reached(bus: KafkaBus, cursors: dict, ends: dict) -> bool:
    assert await bus.read(cursors, max_wait=0.3) == []
    return await bus.positions() == ends


async def test_an_error_of_the_consumer_skips_no_record(kafka: Kafka, keep: Keep, monkeypatch) -> None:
    """aiokafka raises, for one partition, after it has gone past records of others that it never hands over."""
    bus = await keep(kafka.open())
    start = await bus.ends()
    await bus.publish([record(EVENTS, f"key {n}", str(n)) for n in range(40)])
    consumer = bus._reader._consumer
    getmany, thrown_away = consumer.getmany, []

    async def raising(**settings):
        batches = await getmany(**settings)
        if batches and len(thrown_away) < 3:
            thrown_away.append(batches)
            raise CorruptRecordException("Invalid CRC")
        return batches

    monkeypatch.setattr(consumer, "getmany", raising)
    got = await read_all(bus, start, 40)
    assert len(thrown_away) == 3
    assert sorted(int(r.value) for r in got) == list(range(40))


# --- topics


async def test_topics_are_made_as_the_contract_says(kafka_broker: KafkaBroker, kafka_prefix: str, keep: Keep) -> None:
    url = BusUrl.parse(f"kafka://{kafka_broker.bootstrap}?prefix={kafka_prefix}")
    bus = await open_bus(url, client_id="x")
    assert isinstance(bus, KafkaBus)
    assert not isinstance(bus, IndexedBus)
    await keep(bus)
    assert sorted(await bus.ends()) == sorted((topic, n) for topic in TOPICS for n in range(12))
    async with admin_of(kafka_broker) as admin:
        topics = {kafka_prefix + topic for topic in TOPICS}
        assert topics <= set(await admin.list_topics())
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, {"retention.ms": ""}) for name in topics]
        (answer,) = await admin.describe_configs(asked)
        retentions = {resource[4][0][:2] for resource in answer.resources}
    assert retentions == {("retention.ms", "-1")}


async def test_topics_that_are_there_are_used_as_they_are(
    kafka_broker: KafkaBroker, kafka_prefix: str, keep: Keep
) -> None:
    async with admin_of(kafka_broker) as admin:
        await admin.create_topics([NewTopic(kafka_prefix + EVENTS, 5, 1)])
    bus = await keep(Kafka(kafka_broker, kafka_prefix).open())
    partitions = [topic for topic, _ in await bus.ends()]
    assert partitions.count(EVENTS) == 5
    assert partitions.count(PROGRESS) == 3


async def test_topics_that_cannot_be_made_are_named(kafka_broker: KafkaBroker, kafka_prefix: str) -> None:
    bus = Kafka(kafka_broker, kafka_prefix, "&partitions=7&replication=2").open()
    with pytest.raises(TopicsMissing) as missing:
        await bus.connect()
    await bus.close()
    assert sorted(missing.value.topics) == sorted(kafka_prefix + topic for topic in TOPICS)
    assert all(topic in missing.value.message for topic in missing.value.topics)
    assert "fewer brokers" in missing.value.message
    assert all(setting in missing.value.hint for setting in ("partitions=7", "factor=2", "retention.ms=-1"))
    assert bus.last_cause == missing.value.message


async def test_topics_that_vanish_are_noticed_and_made_again(kafka: Kafka, keep: Keep) -> None:
    bus = await keep(kafka.open())
    await bus.publish([record(EVENTS, "s", "v")])
    reading = asyncio.ensure_future(bus.read(await bus.ends(), max_wait=60))
    async with admin_of(kafka.broker) as admin:
        await admin.delete_topics([kafka.prefix + EVENTS])
    used = time.process_time()
    with pytest.raises(BusUnreachable, match=re.escape(kafka.prefix + EVENTS)):
        await asyncio.wait_for(reading, 20)
    # Left alone, such a consumer takes half a core.
    await asyncio.sleep(1.0)
    assert time.process_time() - used < 3
    await bus.connect()
    assert sum(end for (topic, _), end in (await bus.ends()).items() if topic == EVENTS) == 0
    await publish_until_acked(bus, [record(EVENTS, "s", "again")])


async def test_records_that_expired_are_told_by_offset(kafka: Kafka, keep: Keep) -> None:
    bus = await keep(kafka.open())
    acks = await bus.publish([record(EVENTS, "s", str(n)) for n in range(10)])
    place = (EVENTS, acks[0].partition)
    async with admin_of(kafka.broker) as admin:
        await admin.delete_records({TopicPartition(kafka.prefix + EVENTS, place[1]): RecordsToDelete(6)})
    with pytest.raises(CursorOutOfRange) as expired:
        await read_all(bus, {place: 2}, 1)
    assert (expired.value.begin, expired.value.end) == (6, 10)
    assert (await bus.begins())[place] == 6
    assert [r.value for r in await read_all(bus, {place: 6}, 4)] == [b"6", b"7", b"8", b"9"]


# --- brokers with settings of their own


@pytest.fixture(scope="module")
def strict_broker() -> Iterator[KafkaBroker]:
    """Takes batches of 100 kB at most, and creates topics by itself with other settings than ours."""
    settings = {"message.max.bytes": "100000", "auto.create.topics.enable": "true", "num.partitions": "1"}
    with KafkaBroker.start(properties=settings) as broker:
        yield broker


async def test_a_record_the_broker_refuses_takes_no_other_with_it(
    strict_broker: KafkaBroker, kafka_prefix: str, keep: Keep
) -> None:
    bus = await keep(Kafka(strict_broker, kafka_prefix, "&partitions=1").open())
    start = await bus.ends()
    huge = random.Random(5).randbytes(150_000)  # does not get smaller by compression
    values = ["1", "2", huge, "3", "4", huge, "5"]
    outcomes = await bus.publish([record(EVENTS, "s", value) for value in values])
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Ack, Ack, Refused, Ack, Ack, Refused, Ack]
    (alone,) = await bus.publish([record(EVENTS, "s", huge)])
    assert isinstance(alone, Refused)
    assert "large" in alone.reason.lower()
    # The partition is alive: a producer that was kept would answer OutOfOrderSequenceNumber from here on.
    assert isinstance((await bus.publish([record(EVENTS, "s", "6")]))[0], Ack)
    got = await read_all(bus, start, 6)
    assert list(dict.fromkeys(r.value for r in got)) == [b"1", b"2", b"3", b"4", b"5", b"6"]


async def test_the_broker_does_not_make_topics_its_own_way(
    strict_broker: KafkaBroker, kafka_prefix: str, keep: Keep
) -> None:
    bus = await keep(Kafka(strict_broker, kafka_prefix, "&partitions=4").open())
    assert {number for _, number in await bus.ends()} == {0, 1, 2, 3}


async def test_a_broker_that_lost_its_disk_is_another_bus(kafka_prefix: str, keep: Keep) -> None:
    with KafkaBroker.start() as broker:
        bus = await keep(Kafka(broker, kafka_prefix).open())
        identity = await bus.connect()
        acks = await bus.publish([record(EVENTS, "s", "lost")])
        place = (EVENTS, acks[0].partition)
        reading = asyncio.ensure_future(bus.read({place: 1}, max_wait=60))
        await asyncio.to_thread(broker.wipe)
        with pytest.raises(BusUnreachable):
            await asyncio.wait_for(reading, 20)
        await until(lambda: _connects(bus))
        assert await bus.connect() != identity
        assert (await bus.ends())[place] == 0
        with pytest.raises(CursorOutOfRange):
            await bus.read({place: 1}, max_wait=10)
        await publish_until_acked(bus, [record(EVENTS, "s", "again")])
        assert [r.value for r in await read_all(bus, {place: 0}, 1)] == [b"again"]


async def _connects(bus: KafkaBus) -> bool:
    try:
        await bus.connect()
    except BusUnreachable:
        return False
    return True


async def test_a_broker_that_moved_is_found_through_the_bootstrap_list(kafka_prefix: str, keep: Keep) -> None:
    """aiokafka itself only ever asks brokers it knows; a new connection asks the addresses of the URL."""
    with KafkaBroker.start() as old, KafkaBroker.start() as new:
        new.kill9()
        url = BusUrl.parse(f"kafka://{old.bootstrap},{new.bootstrap}?prefix={kafka_prefix}&partitions=1")
        bus = await keep(KafkaBus(url, client_id="x", timing=QUICK))
        before = await bus.connect()
        old.kill9()
        with pytest.raises(BusUnreachable):
            await bus.read({(EVENTS, 0): 0}, max_wait=20)
        await asyncio.to_thread(new.restart)
        assert await bus.connect() != before
        assert isinstance((await bus.publish([record(EVENTS, "s", "v")]))[0], Ack)


# --- what is no broker


@asynccontextmanager
async def server(handle: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(guarded, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        listening.close()


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(1000):
        pass


async def _speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    await writer.drain()


async def _hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


async def _babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)
    writer.write(b"\x00\x00\x00\x30" + random.Random(1).randbytes(0x30))
    await writer.drain()
    await reader.read(1000)


@pytest.mark.parametrize("handle", [_say_nothing, _speak_http, _hang_up, _babble], ids=lambda handle: handle.__name__)
async def test_a_server_that_is_no_broker_is_unreachable_in_bounded_time(handle, kafka_prefix: str) -> None:
    async with server(handle) as address:
        bus = KafkaBus(BusUrl.parse(f"kafka://{address}"), client_id="x", timing=QUICK)
        started = time.monotonic()
        with pytest.raises(BusUnreachable) as refused:
            await bus.connect()
        assert time.monotonic() - started < QUICK.connect(1) + 1
        assert address in refused.value.message
        assert refused.value.cause.strip(" :")
        await bus.close()


async def test_an_address_that_does_not_exist_is_named(kafka_prefix: str) -> None:
    bus = KafkaBus(BusUrl.parse("kafka://no-such-host.invalid:9092"), client_id="x", timing=QUICK)
    with pytest.raises(BusUnreachable, match=r"no-such-host\.invalid"):
        await bus.connect()
    await bus.close()


async def test_a_dead_host_in_the_list_does_no_harm(kafka: Kafka, keep: Keep) -> None:
    url = BusUrl.parse(f"kafka://127.0.0.1:1,{kafka.broker.bootstrap}?prefix={kafka.prefix}&partitions=1")
    bus = await keep(KafkaBus(url, client_id="x", timing=QUICK))
    assert isinstance((await bus.publish([record(EVENTS, "s", "v")]))[0], Ack)


# --- secrets and security options (parsed now; called supported only once order 2 has connected with them)


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLEARNER_KAFKA_USER", "ada.lovelace")
    monkeypatch.setenv("COLEARNER_KAFKA_PASSWORD", PASSWORD)


@pytest.mark.parametrize("sasl", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_password_is_told_to_nobody(
    sasl: str, kafka: Kafka, credentials: None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="colearner_ls")
    caplog.set_level("INFO", logger="aiokafka")
    url = BusUrl.parse(f"kafka://{kafka.broker.bootstrap}?security=SASL_PLAINTEXT&sasl={sasl}")
    bus = KafkaBus(url, client_id="x", timing=QUICK)
    with pytest.raises(BusUnreachable) as refused:
        await bus.connect()
    await bus.close()
    told = [repr(bus), repr(bus._connection), str(refused.value), repr(refused.value), refused.value.hint, caplog.text]
    told.append(bus.last_cause or "")
    assert not any(PASSWORD in text for text in told)
    assert bus.last_cause


def test_the_library_is_kept_from_dumping_requests(caplog: pytest.LogCaptureFixture, credentials: None) -> None:
    KafkaBus(BusUrl.parse("kafka://h?security=SASL_SSL&sasl=PLAIN"), client_id="x")
    wire = logging.getLogger("aiokafka.conn")
    caplog.set_level("DEBUG", logger="aiokafka.conn")
    wire.debug("Request to h 3: %s", SaslAuthenticateRequest(b"\0ada.lovelace\0" + PASSWORD.encode()))
    wire.warning("of use")
    assert [entry.message for entry in caplog.records] == ["of use"]


async def test_a_url_that_asks_for_a_password_needs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLEARNER_KAFKA_USER", raising=False)
    url = BusUrl.parse("kafka://h?security=SASL_SSL&sasl=PLAIN")
    with pytest.raises(BadBusUrl, match="user"):
        await open_bus(url, client_id="x")


async def test_tls_to_a_broker_without_it_fails_with_its_cause(kafka: Kafka) -> None:
    bus = KafkaBus(BusUrl.parse(f"kafka://{kafka.broker.bootstrap}?security=SSL"), client_id="x", timing=QUICK)
    with pytest.raises(BusUnreachable) as refused:
        await bus.connect()
    assert "Unable to bootstrap" not in refused.value.cause
    await bus.close()


@pytest.mark.parametrize("content", [None, b"no certificate", b""])
async def test_a_ca_file_that_is_none_is_named(tmp_path, kafka: Kafka, content: bytes | None) -> None:
    ca = tmp_path / "my ca.pem"
    if content is not None:
        ca.write_bytes(content)
    url = BusUrl.parse(f"kafka://{kafka.broker.bootstrap}?security=SSL&ca={ca}".replace(" ", "%20"))
    bus = KafkaBus(url, client_id="x", timing=QUICK)
    with pytest.raises(BadBusUrl, match=re.escape(str(ca))):
        await bus.connect()
    await bus.close()


# --- figures


def test_offsets_of_a_duplicate_batch_are_not_believed() -> None:
    """The broker answers −1 for a batch that it only knows as a duplicate; aiokafka counts on from there."""
    records = [record(EVENTS, "k", "v")] * 5
    outcomes = [Ack(0, 7), Ack(1, -1), Ack(1, 0), Refused("x"), Ack(0, 8)]
    _forget_bogus_offsets(records, outcomes)
    assert outcomes == [Ack(0, 7), Ack(1, None), Ack(1, None), Refused("x"), Ack(0, 8)]


async def test_an_idle_reader_is_quiet(kafka: Kafka, keep: Keep) -> None:
    bus = await keep(kafka.open())
    ends = await bus.ends()
    await bus.read(ends, max_wait=0.5)
    used = time.process_time()
    await bus.read(ends, max_wait=3.0)
    assert time.process_time() - used < 0.6


async def test_importing_the_url_imports_no_transport() -> None:
    code = (
        "import sys; from colearner_ls.bus.url import BusUrl; from colearner_ls.bus import errors, protocol, records;"
        "BusUrl.parse('kafka://h'); print(sorted({'asyncio','aiokafka','pydantic','sqlite3','rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_more_partitions_end_the_connection_and_are_read_by_the_next(kafka: Kafka, keep: Keep) -> None:
    bus = await keep(KafkaBus(kafka.url(), client_id="test", timing=Timing(request=5.0, publish=5.0, probe=0.5)))
    before = await bus.begins()
    async with admin_of(kafka.broker) as admin:
        await admin.create_partitions({kafka.prefix + PROGRESS: NewPartitions(total_count=5)})
    with pytest.raises(BusUnreachable, match="another number of partitions"):
        await bus.read(before, max_wait=30)
    await bus.connect()
    assert set(await bus.begins()) - set(before) == {(PROGRESS, 3), (PROGRESS, 4)}
