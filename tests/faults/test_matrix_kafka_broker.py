"""Rows of the fault matrix that a broker can cause: it hangs, dies, moves, loses its disk, refuses, deletes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from colearner_ls.workspace.doctor import diagnose
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.writing import Outgoing
from rigs.kafka import KafkaBroker
from rigs.proxy import Proxy

from .matrix import QUICK, SIDES, Site, doubles, records, syncing, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

Measured = Callable[[str], None]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colearner_ls.bus.kafka.bus.Timing", lambda: QUICK)


@pytest.fixture
def site(tmp_path: Path, kafka_url: str) -> Iterator[Site]:
    made = Site(tmp_path, dict.fromkeys(SIDES, kafka_url))
    made.begin()
    yield made
    made.close()


def away(site: Site, side: str) -> bool:
    return not site.connected(side)


@pytest.mark.usefixtures("quick")
def test_f04_the_broker_hangs(site: Site, kafka_broker: KafkaBroker, kafka_prefix: str, measured: Measured) -> None:
    """A send whose answer never came is sent again when the broker goes on; readers see each event once."""
    with site.at_work():
        site.settle()
        kafka_broker.pause()
        for side in SIDES:
            site.say(side, 5)
        began = time.monotonic()
        for side in SIDES:
            until(partial(away, site, side), f"{side} sees that nobody answers")
        hung = time.monotonic() - began
        for side in SIDES:
            site.say(side, 5)
        kafka_broker.resume()
        seconds = site.settle()
    site.check()
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    assert site.said <= {record.event["id"] for record in found}
    measured(
        f"hung for {hung:.1f} s (requests may take {QUICK.request:g} s): {len(site.said)} events, 0 lost, 0 doubled in the "
        f"journals, {doubles(found)} sent twice; settled {seconds:.1f} s after it went on"
    )


@pytest.mark.usefixtures("quick")
def test_f06_the_broker_dies_and_comes_back(
    site: Site, kafka_broker: KafkaBroker, kafka_prefix: str, measured: Measured
) -> None:
    """A broker that is killed or stopped costs time only: what was said meanwhile arrives when it is back."""
    took = []
    with site.at_work():
        site.settle()
        for end in (kafka_broker.kill9, kafka_broker.stop):
            for side in SIDES:
                site.say(side, 3)
            end()
            for side in SIDES:
                site.say(side, 3)
                until(partial(away, site, side), f"{side} sees that it is gone")
            kafka_broker.restart()
            took.append(site.settle())
    site.check()
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    assert site.said <= {record.event["id"] for record in found}
    measured(
        f"SIGKILL and SIGTERM: {len(site.said)} events, 0 lost, 0 doubled in the journals, {doubles(found)} sent twice; "
        f"settled {took[0]:.1f} s and {took[1]:.1f} s after it answered again"
    )


class Moving:
    """A broker of these tests' own, which may be moved and wiped, behind two proxies of which one is advertised."""

    def __init__(self) -> None:
        self.before, self.after = Proxy("127.0.0.1", 1), Proxy("127.0.0.1", 1)
        self.broker = KafkaBroker.start(listeners={"PROXIED": "PLAINTEXT"}, advertised={"PROXIED": self.before.address})
        for proxy in (self.before, self.after):
            proxy.retarget("127.0.0.1", self.broker.ports["PROXIED"])

    def close(self) -> None:
        self.broker.close()
        self.before.close()
        self.after.close()


@pytest.fixture(scope="module")
def moving() -> Iterator[Moving]:
    made = Moving()
    yield made
    made.close()


@pytest.mark.usefixtures("quick")
def test_f08_the_broker_comes_back_under_another_address(
    tmp_path: Path, moving: Moving, kafka_prefix: str, measured: Measured
) -> None:
    """Clients that know only the old address are built anew from the configured ones, within 30 s."""
    # Both are configured, but the broker names only one of them, and a client asks only whom the broker named.
    url = f"kafka://{moving.before.address},{moving.after.address}?prefix={kafka_prefix}&partitions=3"
    site = Site(tmp_path, dict.fromkeys(SIDES, url))
    site.begin()
    with site.at_work():
        site.settle()
        moving.broker.kill9()
        moving.before.refuse()
        moving.before.cut()
        moving.broker.advertise("PROXIED", moving.after.address)
        moving.broker.restart()
        for side in SIDES:
            site.say(side, 5)
        seconds = site.settle()
    site.check()
    moving.before.accept()
    site.close()
    assert moving.before.open == 0
    found = records(moving.broker.bootstrap, kafka_prefix, site.session)
    measured(
        f"{len(site.said)} events, 0 lost, 0 doubled in the journals, {doubles(found)} sent twice; settled "
        f"{seconds:.1f} s after the broker answered at its new address"
    )
    assert seconds < 30


@pytest.mark.usefixtures("quick")
@pytest.mark.timeout(300)
def test_f09_the_broker_comes_back_empty(tmp_path: Path, moving: Moving, kafka_prefix: str, measured: Measured) -> None:
    """A broker that lost its disk gets back what each side wrote, by itself; nobody sees anything twice."""
    url = f"kafka://{moving.broker.bootstrap}?prefix={kafka_prefix}&partitions=3"
    site = Site(tmp_path, dict.fromkeys(SIDES, url))
    site.begin()
    with site.at_work():
        for side in SIDES:
            site.say(side, 10)
        site.settle()
        before = set(site.raws("coach"))
        moving.broker.wipe()
        for side in SIDES:
            site.say(side, 3)
        seconds = until(
            lambda: (
                site.settled()
                and before | site.said
                <= {record.event["id"] for record in records(moving.broker.bootstrap, kafka_prefix, site.session)}
            ),
            "the broker has all of it again",
            150,
        )
    site.check()
    found = records(moving.broker.bootstrap, kafka_prefix, site.session)
    for side in SIDES:
        assert any("read again from its beginning" in notice for notice in site.sides[side].snapshot().notices), side
    site.close()
    measured(
        f"{len(before)} events were on the lost disk, {len({record.value for record in found})} are on the new one "
        f"{seconds:.1f} s after it answered ({doubles(found)} sent twice); 0 lost, 0 doubled in the journals"
    )


def test_f17_the_broker_refuses_a_record(
    site: Site, kafka_broker: KafkaBroker, kafka_prefix: str, measured: Measured
) -> None:
    """A record that the broker refuses as too large is shown as refused; others go on, also in its partition."""
    limit_records(kafka_broker, kafka_prefix + "colearner.progress.v1", 4000)
    student, chance = site.sides["student"], random.Random(1)
    with site.at_work():
        site.settle()
        refused = []
        for number in range(2):
            # Hardly compressible: the limit is on what the broker gets.
            note = "".join(chr(0x4E00 + chance.randrange(20000)) for _ in range(4000))
            payload = {"status": "received", "exercise_id": "e1", "note": note}
            refused.append(student.write(Outgoing("exercise_assigned_ack", payload)).event_id)
            small = {"status": "received", "exercise_id": "e1", "note": f"small {number}"}
            site.said.add(student.write(Outgoing("exercise_assigned_ack", small)).event_id)
        until(lambda: student.snapshot().sync.refused == 2, "both are refused")
        until(lambda: site.said <= set(site.raws("coach")) and not site.unsent("student"), "the others have arrived")
    states = dict(site.query("student", "SELECT id, state FROM outbox"))
    assert [states[event_id] for event_id in refused] == ["refused", "refused"]
    assert not set(refused) & set(site.raws("coach"))
    settings = resolve(student.root, Overrides(bus=str(student.settings.bus)), site.env)
    told = [each for each in diagnose(settings, check_bus=False).findings if "was refused" in each.text]
    assert len(told) == 2
    measured("2 of 4 records refused and shown by status and doctor, the 2 others of the same partition delivered")


def limit_records(broker: KafkaBroker, topic: str, size: int) -> None:
    """What an administrator may set: the largest record of a topic, in bytes."""

    async def change() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            values = {"max.message.bytes": str(size)}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=values)])
        finally:
            await admin.close()

    asyncio.run(change())


def delete_records(broker: KafkaBroker, places: dict[tuple[str, int], int]) -> None:
    """What retention does: everything before these offsets goes."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    asked = [TopicPartition(topic, partition, offset) for (topic, partition), offset in places.items()]
    for done in admin.delete_records(asked).values():
        done.result(20)


def test_f28_retention_deletes_what_was_not_read(
    site: Site, kafka_broker: KafkaBroker, kafka_prefix: str, measured: Measured
) -> None:
    """What retention deleted before it was read is said to be missing, by status and doctor; reading goes on after it."""
    coach, student = site.sides["coach"], site.sides["student"]
    with syncing(coach):
        lost = set(site.say("coach", 6))
        until(lambda: not site.unsent("coach"), "the coach has sent")
        places: dict[tuple[str, int], int] = {}
        for record in records(kafka_broker.bootstrap, kafka_prefix, site.session):
            place = (kafka_prefix + record.topic, record.partition)
            places[place] = max(places.get(place, 0), record.offset + 1)
        delete_records(kafka_broker, places)
        site.said -= lost
        with syncing(student):
            site.say("coach", 4)
            site.say("student", 2)
            until(lambda: site.said <= set(site.raws("coach")) & set(site.raws("student")), "what came after is read")
            until(lambda: any("history is incomplete" in each for each in student.snapshot().notices), "it is told")
    assert not lost & set(site.raws("student"))
    assert not any("incomplete" in notice for notice in coach.snapshot().notices)
    settings = resolve(student.root, Overrides(bus=str(student.settings.bus)), site.env)
    findings = [each.text for each in diagnose(settings, check_bus=False).findings if each.topic == "history"]
    assert any("deleted records before they were read here" in message for message in findings)
    assert site.query("student", "PRAGMA integrity_check") == [("ok",)]
    told = next(notice for notice in student.snapshot().notices if "incomplete" in notice)
    measured(
        f"{len(lost)} events deleted before they were read; the student is told: “{told}”; {len(site.said)} others read"
    )
