"""Journal and sync against a model: whatever happens in between, every journal ends with the same events, each once.

The model is the set of what was acknowledged to a user (append returned) plus what a peer wrote. Rules interleave
appending, sending, reading, crashes at the worst places, duplicates, reordering across partitions, lost acknowledgements, a
broker that is away, slow or wiped, that deletes records, gets more partitions or another address, and sessions that are
followed late.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from colearner_ls.bus.errors import BusError
from colearner_ls.bus.records import OutgoingRecord
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import EVENTS, PROGRESS
from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.domain.fold import state_bytes
from colearner_ls.domain.timeline import Timeline
from colearner_ls.journal.errors import CursorConflict, OtherBus
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Draft
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.link import Link
from colearner_ls.sync.reader import Reader
from colearner_ls.sync.sender import Sender
from tests.sync.faulty_bus import PARTITIONS, Broker, FaultyBus

URL, MOVED, WRONG = (BusUrl.parse(f"kafka://model:{port}") for port in (1, 2, 3))
SESSIONS = ("s1", "s2")
SIDES = ("coach", "student")
ROOM = "/dev/shm" if Path("/dev/shm").is_dir() else None

side = st.sampled_from(SIDES)
session = st.sampled_from(SESSIONS)


class Crash(BaseException):
    """Stands for kill -9: nothing after it runs."""


class Machine(RuleBasedStateMachine):
    """Two journals and a broker."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(dir=ROOM))
        self.broker = Broker()
        self.journals: dict[str, Journal] = {}
        self.said: dict[str, set[str]] = {name: set() for name in SESSIONS}
        self.count = 0
        self.urls = dict.fromkeys(SIDES, URL)
        self.deleted: set[str] = set()
        """Events that retention took from the bus at some time."""
        self.lost_data = False

    def key(self, name: str) -> str:
        return self.urls[name].key

    @initialize()
    def begin(self) -> None:
        for name in SIDES:
            self.open(name)
            self.journals[name].follow("s1", URL.key)
        self.follow_late("student")

    def teardown(self) -> None:
        try:
            if self.journals:
                self.all_is_well_again()
        finally:
            for journal in self.journals.values():
                journal.close()
            shutil.rmtree(self.folder)

    def open(self, name: str) -> None:
        self.journals[name] = Journal.open(self.folder / name)

    def on_bus(self, name: str, work: Callable[[JournalCalls, FaultyBus], Any]) -> None:
        async def run() -> None:
            with JournalCalls(self.journals[name]) as calls:
                bus = FaultyBus(self.broker)
                await work(calls, bus)

        with contextlib.suppress(BusError, CursorConflict, Crash):
            asyncio.run(run())

    # -- what people and machines do

    @rule(name=side, where=session, howmany=st.integers(1, 4))
    def append(self, name: str, where: str, howmany: int) -> None:
        journal = self.journals[name]
        if journal.bound_bus(where) is None:
            return
        drafts = []
        for _ in range(howmany):
            self.count += 1
            payload = {"stage": "note", "note": f"{name} {self.count}", "student_id": "ada"}
            drafts.append(Draft("lifecycle", name, where, payload, student_id="ada", author=name))
        self.said[where] |= {stored.event.id for stored in journal.append(drafts)}

    @rule(name=side, where=session)
    def append_interrupted(self, name: str, where: str) -> None:
        """A crash inside the transaction: nothing was acknowledged, nothing may be there."""
        journal = self.journals[name]
        if journal.bound_bus(where) is None:
            return
        draft = Draft("lifecycle", name, where, {"stage": "note", "note": "never said"}, author=name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("colearner_ls.journal.appending.insert", _crash)
            with pytest.raises(Crash):
                journal.append([draft])
        self.reopen(name)

    @rule(name=side)
    def reopen(self, name: str) -> None:
        self.journals[name].close()
        self.open(name)

    @rule(name=side)
    def follow_late(self, name: str) -> None:
        with contextlib.suppress(OtherBus):  # bound already, under the address before
            self.journals[name].follow("s2", self.key(name))

    @rule(where=session, partition=st.integers(0, PARTITIONS - 1), twice=st.booleans())
    def peer(self, where: str, partition: int, twice: bool) -> None:
        """A peer's record: no key, no id, any partition, and once more on the events topic."""
        self.count += 1
        value = (
            f'{{"ts":"2026-01-20T12:00:{self.count % 60:02d}Z","actor":"student","session_id":"{where}",'
            f'"event_type":"progress_update","payload":{{"completed":["step-{self.count}"],"student_id":"ada"}}}}'
        ).encode()
        verdict = judge(value)
        assert isinstance(verdict, Accepted)
        self.broker.store(OutgoingRecord(PROGRESS, b"", value), partition=partition)
        if twice:
            self.broker.store(OutgoingRecord(EVENTS, b"", value), partition=1 - partition)
        self.said[where].add(verdict.event.id)
        self.peer_values = [*getattr(self, "peer_values", []), (value, partition)]

    # -- sync, step by step

    @rule(name=side)
    def send(self, name: str) -> None:
        self.on_bus(name, lambda calls, bus: Sender(calls, self.key(name)).round(bus))

    @rule(name=side)
    def send_and_die_before_the_answer_is_stored(self, name: str) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            async def dead(*_: object) -> None:
                raise Crash

            calls.settle = dead  # type: ignore[method-assign]
            await Sender(calls, self.key(name)).round(bus)

        self.on_bus(name, work)
        self.reopen(name)

    @rule(name=side, steps=st.integers(1, 3))
    def read(self, name: str, steps: int) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            reader = Reader(calls, self.key(name))
            await reader.start(bus, (await bus.connect()).id)
            for _ in range(steps):
                await reader.step(bus, max_wait=0)

        self.on_bus(name, work)

    @rule(name=side)
    def read_while_partitions_are_added(self, name: str) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            reader = Reader(calls, self.key(name))
            await reader.start(bus, (await bus.connect()).id)
            await reader.step(bus, max_wait=0)
            if self.broker.partitions < PARTITIONS + 2:
                self.broker.grow()
            await reader.step(bus, max_wait=0)

        self.on_bus(name, work)

    @rule(name=side)
    def read_and_die_before_the_commit(self, name: str) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            reader = Reader(calls, self.key(name))
            await reader.start(bus, (await bus.connect()).id)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("colearner_ls.journal.admitting.insert", _crash)
                await reader.step(bus, max_wait=0)

        self.on_bus(name, work)
        self.reopen(name)

    @rule(name=side)
    def news_and_death(self, name: str) -> None:
        """The other side has just sent something, and this one dies while it stores that."""
        (other,) = set(SIDES) - {name}
        self.append(other, "s1", 2)
        self.sync(other)
        self.read_and_die_before_the_commit(name)

    @rule(name=side)
    def sync(self, name: str) -> None:
        self.on_bus(name, lambda calls, bus: self.link(calls, self.urls[name], bus).once(deadline=_later(), fetch=True))

    def link(self, calls: JournalCalls, url: BusUrl, bus: FaultyBus) -> Link:
        async def opened(_: BusUrl) -> FaultyBus:
            return bus

        return Link(calls, url, client_id="model", open_with=opened)

    @rule(name=side)
    def sync_by_the_wrong_address(self, name: str) -> None:
        """Another broker that calls itself the same is not taken for ours, and gets nothing."""
        journal, wrong = self.journals[name], Broker(self.broker.identity)
        before = [journal.bound_bus(each) for each in SESSIONS]

        async def run() -> bool:
            with JournalCalls(journal) as calls:
                known = [await calls.last_known(url.key) for url in (URL, MOVED)]
                bound = [url.key in before for url in (URL, MOVED)]
                if any(of_bus and not last for of_bus, last in zip(bound, known, strict=True)):
                    return False  # there is nothing yet by which it could be told
                await self.link(calls, WRONG, FaultyBus(wrong)).once(deadline=_later(), fetch=True)
            return True

        if asyncio.run(run()):
            assert [journal.bound_bus(each) for each in SESSIONS] == before
            assert wrong.values == []

    # -- what the broker does

    @rule(lose=st.integers(0, 3), drop=st.integers(0, 3), double=st.integers(0, 3))
    def trouble(self, lose: int, drop: int, double: int) -> None:
        self.broker.lose_acks, self.broker.drop, self.broker.double = lose, drop, double

    @rule(away=st.booleans())
    def away(self, away: bool) -> None:
        self.broker.away = away

    @rule(reads=st.integers(1, 3))
    def slow(self, reads: int) -> None:
        self.broker.slow = reads

    @rule(most=st.integers(1, 2))
    def expire(self, most: int) -> None:
        self.deleted |= {_id_of(value) for value in self.broker.expire(most)}

    @rule(name=side)
    def another_address(self, name: str) -> None:
        """The same broker answers elsewhere, and this side is told."""
        self.urls[name] = MOVED if self.urls[name] is URL else URL

    @rule(same_name=st.booleans())
    def wipe(self, same_name: bool) -> None:
        """The broker loses its disk. What peers wrote is theirs to write again (they are asked to here)."""
        self.lost_data = True
        self.broker.wipe(self.broker.identity if same_name else self.broker.identity + "'")
        for value, partition in getattr(self, "peer_values", []):
            self.broker.store(OutgoingRecord(PROGRESS, b"", value), partition=partition)

    @rule()
    def restored_and_refilled(self) -> None:
        """The disk is lost, and others have written more since than there was before; then the bus is slow to answer."""
        lengths = {place: len(log) for place, log in self.broker.logs.items()}
        self.wipe(same_name=True)
        for place, length in lengths.items():
            while length and len(self.broker.logs[place]) < length + 1:
                self.count += 1
                value = (
                    f'{{"ts":"2026-01-20T12:00:00Z","actor":"student","session_id":"elsewhere",'
                    f'"event_type":"progress_update","payload":{{"completed":["step-{self.count}"]}}}}'
                ).encode()
                self.broker.store(OutgoingRecord(place[0], b"", value), partition=place[1])
        self.broker.slow = 1

    # -- what must hold

    @invariant()
    def nothing_acknowledged_is_lost_here(self) -> None:
        for name, journal in self.journals.items():
            own = {stored.event.id for stored in journal.events() if stored.delivery is not None}
            assert own <= set().union(*self.said.values()), f"{name} has events nobody said"

    @rule()
    def all_is_well_again(self) -> None:
        """Faults end, everyone follows everything and syncs: all journals are equal to the model."""
        self.broker.away = False
        self.broker.lose_acks = self.broker.drop = self.broker.double = self.broker.slow = 0
        for name in SIDES:
            self.sync(name)
            self.bind_by_hand(name)
        for _ in range(3):
            for name in SIDES:
                self.sync(name)
        on_bus = {_id_of(value) for value in self.broker.values}
        for where in SESSIONS:
            assert self.said[where] <= on_bus, "the bus differs from the model: it does not have everything again"
            states = set()
            missing: set[str] = set()
            for name, journal in self.journals.items():
                ids = [stored.event.id for stored in journal.events_in_order(where)]
                assert len(ids) == len(set(ids)), "an event stands twice"
                missing |= self.told_as_missing(name, self.said[where] - set(ids))
                assert set(ids) | missing == self.said[where], f"{name} differs from the model in {where}"
                timeline = Timeline(where)
                timeline.insert(stored.event for stored in journal.events(where))
                states.add(state_bytes(timeline.state()))
                assert journal.outbox.counts().unsent == 0
                assert missing or self.deleted or not journal.holes()
            assert missing or len(states) == 1, "the two sides see different states"

    def bind_by_hand(self, name: str) -> None:
        """What a person does where a bus is at a new address and has lost data: it is not known as the same any more."""
        journal = self.journals[name]
        self.follow_late(name)
        for where in SESSIONS:
            if (bound := journal.bound_bus(where)) != self.key(name):
                assert bound is not None
                met = "identity" in journal.bus_values.get(bound)
                assert self.lost_data or not met, f"{name} did not see that the bus of {where} only moved"
                journal.rebind(where, self.key(name))

    def told_as_missing(self, name: str, lacks: set[str]) -> set[str]:
        """Only what retention took may be missing, and then this side says so."""
        if lacks:
            assert lacks <= self.deleted, f"{name} differs from the model: it lost what the bus had not deleted"
            values = self.journals[name].bus_values.get(self.key(name))
            assert values.get("missed") or values.get("missed_before"), (
                f"{name} differs from the model and does not say so"
            )
        return lacks


def _crash(*_: object, **__: object) -> Any:
    raise Crash


def _id_of(value: bytes) -> str:
    verdict = judge(value)
    assert isinstance(verdict, Accepted)
    return verdict.event.id


def _later() -> float:
    return asyncio.get_event_loop().time() + 30


TestJournalAndSync = Machine.TestCase
TestJournalAndSync.settings = settings(
    max_examples=int(os.environ.get("COLEARNER_TEST_EXAMPLES", "25")),
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Whoever only wants to know whether it fails need not wait for the smallest case.
    phases=[Phase.generate] if os.environ.get("COLEARNER_TEST_SHRINK") == "no" else list(Phase),
)
