"""What a reader concludes from what a bus shows, or does not show, record by record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from colearner_ls.bus.records import OutgoingRecord
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import PROGRESS
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Draft
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.link import Link

from .faulty_bus import Broker, FaultyBus

URL, ELSEWHERE = BusUrl.parse("kafka://here:1"), BusUrl.parse("kafka://elsewhere:1")
OTHER_PREFIX = BusUrl.parse("kafka://elsewhere:1?prefix=class-3b.")


@dataclass
class Side:
    """A journal, and sync that is run once on demand."""

    journal: Journal
    broker: Broker

    def say(self, note: str) -> str:
        draft = Draft("lifecycle", "student", "s1", {"stage": "note", "note": note}, author="ada")
        return self.journal.append([draft])[0].event.id

    def sync(self, url: BusUrl = URL, broker: Broker | None = None) -> None:
        async def opened(_: BusUrl) -> FaultyBus:
            return FaultyBus(broker or self.broker)

        async def run() -> None:
            with JournalCalls(self.journal) as calls:
                link = Link(calls, url, client_id="test", open_with=opened)
                await link.once(deadline=asyncio.get_running_loop().time() + 20, fetch=True)

        asyncio.run(run())

    def told(self, key: str, url: BusUrl = URL) -> object:
        return self.journal.bus_values.get(url.key).get(key)


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    made = Side(Journal.open(tmp_path / "journal"), Broker())
    made.journal.follow("s1", URL.key)
    yield made
    made.journal.close()


def refill(broker: Broker, *, more: int) -> None:
    """The disk is lost; others write as much as there was and ``more``."""
    lengths = {place: len(log) for place, log in broker.logs.items()}
    broker.wipe(broker.identity)
    for (topic, partition), length in lengths.items():
        for number in range(length + more if length else 0):
            value = b'{"ts":"2026-01-20T12:00:00Z","actor":"student","session_id":"x","event_type":"lifecycle",'
            value += b'"payload":{"stage":"note","note":"%d"}}' % number
            broker.store(OutgoingRecord(topic, b"", value), partition=partition)


@pytest.mark.parametrize("slow", [0, 1, 5])
@pytest.mark.parametrize("more", [0, 3])
def test_a_bus_refilled_by_others_is_seen_however_slow_it_is(side: Side, slow: int, more: int) -> None:
    said = {side.say("one"), side.say("two")}
    side.sync()
    refill(side.broker, more=more)
    side.broker.slow = slow
    side.sync()
    assert all(any(each.encode() in value for value in side.broker.values) for each in said)
    assert side.told("healed")
    assert side.told("healing") is None


def test_a_hole_where_the_last_record_was_counts_as_loss(side: Side) -> None:
    said = side.say("one")
    side.sync()
    (place,) = [place for place, log in side.broker.logs.items() if log]
    side.broker.begins[place] = 0
    side.broker.holes.add((place, 0))
    side.say("two")
    side.sync()
    assert sum(said.encode() in value for value in side.broker.values) == 2, "it was sent again"
    assert side.told("healed")


def test_what_retention_took_behind_our_back_is_counted(side: Side) -> None:
    side.say("one")
    side.sync()
    for number in range(3):
        side.broker.store(OutgoingRecord(PROGRESS, b"", b"%d" % number), partition=0)
    side.broker.expire(2)
    side.sync()
    assert side.told("missed") == {f"{PROGRESS}/0": 2}
    side.sync()
    assert side.told("missed") == {f"{PROGRESS}/0": 2}
    assert side.told("missed_before") is None
    assert side.told("healed") is None


def test_what_was_deleted_before_the_first_read_is_counted_apart(side: Side) -> None:
    for number in range(3):
        side.broker.store(OutgoingRecord(PROGRESS, b"", b"%d" % number), partition=1)
    side.broker.expire(3)
    side.sync()
    side.sync()
    assert side.told("missed_before") == {f"{PROGRESS}/1": 3}
    assert side.told("missed") is None


def test_the_same_bus_at_another_address_is_taken_over(side: Side) -> None:
    side.say("one")
    side.sync()
    side.say("two")
    side.sync(ELSEWHERE)
    assert side.journal.bound_bus("s1") == ELSEWHERE.key
    assert side.journal.outbox.counts().unsent == 0
    assert side.told("healed", ELSEWHERE) is None


@pytest.mark.parametrize("wrong", ["another identity", "an empty one", "others' records", "another prefix"])
def test_what_only_looks_the_same_is_not(side: Side, wrong: str) -> None:
    side.say("one")
    side.sync()
    side.say("two")
    broker = Broker("second" if wrong == "another identity" else side.broker.identity)
    if wrong in ("others' records", "another identity"):
        for (topic, partition), log in side.broker.logs.items():
            for _ in log:
                broker.store(OutgoingRecord(topic, b"", b"{}"), partition=partition)
    before = broker.values
    side.sync(OTHER_PREFIX if wrong == "another prefix" else ELSEWHERE, side.broker if "prefix" in wrong else broker)
    assert side.journal.bound_bus("s1") == URL.key
    assert side.journal.outbox.counts(URL.key).unsent == 1
    assert broker.values == before


async def test_a_standing_link_looks_back_now_and_then(tmp_path: Path) -> None:
    """As after a night's sleep: the connection stood, the bus was restored and refilled."""
    with_link = Side(Journal.open(tmp_path / "journal"), Broker())
    with_link.journal.follow("s1", URL.key)
    said = with_link.say("one")

    async def opened(_: BusUrl) -> FaultyBus:
        return FaultyBus(with_link.broker)

    async def until_on_bus() -> None:
        async with asyncio.timeout(30):
            while not any(said.encode() in value for value in with_link.broker.values):
                await asyncio.sleep(0.01)

    with JournalCalls(with_link.journal) as calls:
        link = Link(calls, URL, client_id="test", open_with=opened)
        link.look_back_s = 0.2
        running = asyncio.create_task(link.run())
        await until_on_bus()
        async with asyncio.timeout(30):
            # A look that has seen the event; what is read after the loss and before the next one must not hide it.
            while not link._reader._marks:
                await asyncio.sleep(0.01)
        refill(with_link.broker, more=3)
        await until_on_bus()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    with_link.journal.close()
