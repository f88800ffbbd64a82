"""A journal and a bus, kept in step: sending, reading, backfill, loss."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.bus.errors import BusUnreachable
from colearner_ls.bus.records import PartitionKey
from colearner_ls.bus.url import BusUrl
from colearner_ls.journal.errors import StorageFull
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Cursor, Draft
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.link import Link
from rigs.kafka import KafkaBroker

SESSION = "onboarding-01"


def draft(number: int, session: str = SESSION) -> Draft:
    payload = {"completed": [f"step-{number}"], "student_id": "ada"}
    return Draft("progress_update", "student", session, payload, student_id="ada", author="ada")


def ids(journal: Journal, session: str = SESSION) -> list[str]:
    return [stored.event.id for stored in journal.events_in_order(session)]


async def once(journal: Journal, url: BusUrl, *, fetch: bool = True, wait: float = 20.0) -> int:
    with JournalCalls(journal) as calls:
        link = Link(calls, url, client_id="test")
        return await link.once(deadline=asyncio.get_running_loop().time() + wait, fetch=fetch)


class Side:
    """One journal bound to the bus of the test."""

    def __init__(self, folder: Path, url: BusUrl, session: str = SESSION) -> None:
        self.journal = Journal.open(folder)
        self.url = url
        self.journal.follow(session, url.key)

    async def sync(self, **options: Any) -> int:
        return await once(self.journal, self.url, **options)


KAFKA = pytest.param("kafka", marks=[pytest.mark.kafka, pytest.mark.xdist_group("kafka")])


@pytest.fixture(params=["embedded", KAFKA])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> BusUrl:
    """Both transports."""
    (tmp_path / "home").mkdir()
    if request.param == "kafka":
        return BusUrl.parse(request.getfixturevalue("kafka_url"))
    return BusUrl.for_file(tmp_path / "home" / "bus.db")


@pytest.fixture
def bus_folder(tmp_path: Path) -> Path:
    """The folder of the embedded bus, for tests that take it away."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def file_url(bus_folder: Path) -> BusUrl:
    return BusUrl.for_file(bus_folder / "bus.db")


async def test_what_one_side_says_the_other_has(tmp_path: Path, url: BusUrl) -> None:
    left, right = Side(tmp_path / "left", url), Side(tmp_path / "right", url)
    left.journal.append([draft(1), draft(2)])
    await left.sync()
    assert left.journal.outbox.counts().sent == 2
    await right.sync()
    assert ids(right.journal) == ids(left.journal)
    right.journal.append([draft(3)])
    await right.sync()
    await left.sync()
    assert ids(right.journal) == ids(left.journal)
    assert len(ids(left.journal)) == 3
    raws = [{stored.event.id: stored.raw for stored in side.journal.events(SESSION)} for side in (left, right)]
    assert raws[0] == raws[1]


async def test_syncing_twice_changes_nothing(tmp_path: Path, url: BusUrl) -> None:
    side = Side(tmp_path / "left", url)
    side.journal.append([draft(1)])
    await side.sync()
    assert await side.sync() == 0
    assert len(ids(side.journal)) == 1


async def test_a_dead_senders_rows_are_sent_again_and_count_once(tmp_path: Path, url: BusUrl) -> None:
    left, right = Side(tmp_path / "left", url), Side(tmp_path / "right", url)
    stored = left.journal.append([draft(1), draft(2)])
    await left.sync()
    left.journal.outbox.retry_refused()
    left.journal.append([draft(3)])
    left.journal.outbox.mark_sending([each.event.id for each in left.journal.events(SESSION)])
    left.journal.close()
    left = Side(tmp_path / "left", url)
    await left.sync()
    await right.sync()
    assert len(ids(right.journal)) == 3
    assert {each.event.id for each in stored} <= set(ids(right.journal))
    assert left.journal.outbox.counts().unsent == 0


async def test_a_session_followed_later_gets_its_history(tmp_path: Path, url: BusUrl) -> None:
    left, right = Side(tmp_path / "left", url, "a"), Side(tmp_path / "right", url, "b")
    left.journal.append([draft(number, "a") for number in range(20)])
    right.journal.append([draft(number, "b") for number in range(20)])
    await left.sync()
    await right.sync()
    await left.sync()
    assert ids(left.journal, "b") == []
    left.journal.follow("b", url.key)
    assert any(session.loading for session in left.journal.sessions())
    await left.sync()
    assert ids(left.journal, "b") == ids(right.journal, "b")
    assert not any(session.loading for session in left.journal.sessions())


async def test_the_bus_out_of_reach_is_told_and_loses_nothing(tmp_path: Path, file_url: BusUrl) -> None:
    left, right = Side(tmp_path / "left", file_url), Side(tmp_path / "right", file_url)
    left.journal.append([draft(1)])
    await left.sync()
    away = tmp_path / "away"
    (tmp_path / "home").rename(away)
    (tmp_path / "home").write_text("in the way, so that no new bus can be made here")
    left.journal.append([draft(2)])
    with pytest.raises(BusUnreachable):
        await left.sync(wait=3)
    assert left.journal.outbox.counts().unsent == 1
    assert left.journal.bus_values.get(file_url.key)["last_error"]
    (tmp_path / "home").unlink()
    away.rename(tmp_path / "home")
    await left.sync()
    await right.sync()
    assert ids(right.journal) == ids(left.journal)
    assert left.journal.bus_values.get(file_url.key).get("last_error") is None


async def test_a_bus_that_lost_everything_gets_it_again(tmp_path: Path, file_url: BusUrl) -> None:
    left, right = Side(tmp_path / "left", file_url), Side(tmp_path / "right", file_url)
    left.journal.append([draft(1), draft(2)])
    right.journal.append([draft(3)])
    for side in (left, right, left):
        await side.sync()
    for file in (tmp_path / "home").iterdir():
        file.unlink()
    await left.sync()
    await right.sync()
    await left.sync()
    newcomer = Side(tmp_path / "new", file_url)
    await newcomer.sync()
    assert ids(newcomer.journal) == ids(left.journal) == ids(right.journal)
    assert len(ids(newcomer.journal)) == 3


async def test_a_running_link_delivers_both_ways_and_survives_the_bus_going_away(
    tmp_path: Path, file_url: BusUrl
) -> None:
    left, right = Side(tmp_path / "left", file_url), Side(tmp_path / "right", file_url)
    async with asyncio.TaskGroup() as tasks:
        running = []
        links = []
        for side in (left, right):
            calls = JournalCalls(side.journal)
            link = Link(calls, file_url, client_id="test")
            links.append(link)
            running.append(tasks.create_task(link.run()))

        async def same(count: int) -> None:
            async with asyncio.timeout(20):
                while not (len(ids(left.journal)) == count and ids(left.journal) == ids(right.journal)):
                    await asyncio.sleep(0.02)

        left.journal.append([draft(1)])
        links[0].ring()
        await same(1)
        away = tmp_path / "away"
        (tmp_path / "home").rename(away)
        (tmp_path / "home").write_text("in the way")
        right.journal.append([draft(2)])
        links[1].ring()
        async with asyncio.timeout(20):
            while right.journal.bus_values.get(file_url.key).get("connected"):
                await asyncio.sleep(0.02)
        (tmp_path / "home").unlink()
        away.rename(tmp_path / "home")
        await same(2)
        for task in running:
            task.cancel()


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_broker_killed_and_started_again_delivers_everything_once(
    tmp_path: Path, kafka_broker: KafkaBroker, kafka_url: str
) -> None:
    url = BusUrl.parse(kafka_url)
    left, right = Side(tmp_path / "left", url), Side(tmp_path / "right", url)
    with JournalCalls(left.journal) as left_calls, JournalCalls(right.journal) as right_calls:
        links = [Link(calls, url, client_id="test") for calls in (left_calls, right_calls)]
        running = [asyncio.create_task(link.run()) for link in links]

        async def until(done: Callable[[], bool], seconds: float = 60) -> None:
            async with asyncio.timeout(seconds):
                while not done():
                    await asyncio.sleep(0.05)

        left.journal.append([draft(1)])
        links[0].ring()
        await until(lambda: len(ids(right.journal)) == 1)
        await asyncio.to_thread(kafka_broker.kill9)
        for number in range(2, 8):
            left.journal.append([draft(number)])
            right.journal.append([draft(10 + number)])
        await until(lambda: not left.journal.bus_values.get(url.key)["connected"])
        assert left.journal.outbox.counts().unsent == 6
        await asyncio.to_thread(kafka_broker.restart)
        await until(lambda: len(ids(left.journal)) == 13 and ids(left.journal) == ids(right.journal))
        await until(lambda: left.journal.outbox.counts().unsent == 0)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
async def test_a_broker_that_is_not_there_is_told_in_time(tmp_path: Path) -> None:
    url = BusUrl.parse("kafka://127.0.0.1:1")
    side = Side(tmp_path / "left", url)
    side.journal.append([draft(1)])
    with pytest.raises(BusUnreachable):
        await side.sync(wait=2)
    assert side.journal.outbox.counts().unsent == 1


async def test_sync_outlives_a_full_disk_and_a_fault_of_its_own(tmp_path: Path, file_url: BusUrl) -> None:
    left, right = Side(tmp_path / "left", file_url), Side(tmp_path / "right", file_url)
    failures: list[Exception] = [StorageFull(left.journal.path), RuntimeError("a bug"), StorageFull(left.journal.path)]

    class Failing(JournalCalls):
        async def cursors(self, bus: str) -> Mapping[PartitionKey, Cursor]:
            if failures:
                raise failures.pop()
            return await super().cursors(bus)

        async def put_bus_values(self, bus: str, values: Mapping[str, Any]) -> None:
            if failures:
                raise StorageFull(left.journal.path)
            await super().put_bus_values(bus, values)

    with Failing(left.journal) as calls:
        running = asyncio.create_task(Link(calls, file_url, client_id="test").run())
        left.journal.append([draft(1)])
        async with asyncio.timeout(30):
            while left.journal.outbox.counts().unsent:
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    await right.sync()
    assert ids(right.journal) == ids(left.journal)
    assert not failures
