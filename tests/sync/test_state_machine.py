"""Journal and sync against a model: whatever happens in between, every journal ends with the same events, each once.

The model is the set of what was acknowledged to a user (append returned) plus what a peer wrote. Rules interleave
appending, sending, reading, crashes at the worst places, duplicates, reordering across partitions, lost acknowledgements, a
broker that is away or wiped, and sessions that are followed late.
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
from colearner_ls.domain.fold import state_bytes
from colearner_ls.domain.timeline import Timeline
from colearner_ls.journal.errors import CursorConflict
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Draft
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.link import Link
from colearner_ls.sync.reader import Reader
from colearner_ls.sync.sender import Sender
from tests.sync.faulty_bus import PARTITIONS, Broker, FaultyBus

URL = BusUrl.parse("kafka://model:1")
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

    @initialize()
    def begin(self) -> None:
        for name in SIDES:
            self.open(name)
            self.journals[name].follow("s1", URL.key)
        self.journals["student"].follow("s2", URL.key)

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
        self.journals[name].follow("s2", URL.key)

    @rule(where=session, partition=st.integers(0, PARTITIONS - 1), twice=st.booleans())
    def peer(self, where: str, partition: int, twice: bool) -> None:
        """A peer's record: no key, no id, any partition, and once more on the events topic."""
        from colearner_ls.contracts.judging import Accepted, judge

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
        self.on_bus(name, lambda calls, bus: Sender(calls, URL.key).round(bus))

    @rule(name=side)
    def send_and_die_before_the_answer_is_stored(self, name: str) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            async def dead(*_: object) -> None:
                raise Crash

            calls.settle = dead  # type: ignore[method-assign]
            await Sender(calls, URL.key).round(bus)

        self.on_bus(name, work)
        self.reopen(name)

    @rule(name=side, steps=st.integers(1, 3))
    def read(self, name: str, steps: int) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            reader = Reader(calls, URL.key)
            await reader.start(bus, (await bus.connect()).id)
            for _ in range(steps):
                await reader.step(bus, max_wait=0)

        self.on_bus(name, work)

    @rule(name=side)
    def read_and_die_before_the_commit(self, name: str) -> None:
        async def work(calls: JournalCalls, bus: FaultyBus) -> None:
            reader = Reader(calls, URL.key)
            await reader.start(bus, (await bus.connect()).id)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("colearner_ls.journal.receiving.insert", _crash)
                await reader.step(bus, max_wait=0)

        self.on_bus(name, work)
        self.reopen(name)

    @rule(name=side)
    def sync(self, name: str) -> None:
        self.on_bus(name, lambda calls, bus: self.link(calls, bus).once(deadline=_later(), fetch=True))

    def link(self, calls: JournalCalls, bus: FaultyBus) -> Link:
        async def opened(_: BusUrl) -> FaultyBus:
            return bus

        return Link(calls, URL, client_id="model", open_with=opened)

    # -- what the broker does

    @rule(lose=st.integers(0, 3), drop=st.integers(0, 3), double=st.integers(0, 3))
    def trouble(self, lose: int, drop: int, double: int) -> None:
        self.broker.lose_acks, self.broker.drop, self.broker.double = lose, drop, double

    @rule(away=st.booleans())
    def away(self, away: bool) -> None:
        self.broker.away = away

    @rule(same_name=st.booleans())
    def wipe(self, same_name: bool) -> None:
        """The broker loses its disk. What peers wrote is theirs to write again (they are asked to here)."""
        self.broker.wipe(self.broker.identity if same_name else self.broker.identity + "'")
        for value, partition in getattr(self, "peer_values", []):
            self.broker.store(OutgoingRecord(PROGRESS, b"", value), partition=partition)

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
        self.broker.lose_acks = self.broker.drop = self.broker.double = 0
        for name in SIDES:
            self.journals[name].follow("s2", URL.key)
        for _ in range(3):
            for name in SIDES:
                self.sync(name)
        for where in SESSIONS:
            states = set()
            for name, journal in self.journals.items():
                ids = [stored.event.id for stored in journal.events_in_order(where)]
                assert len(ids) == len(set(ids)), "an event stands twice"
                assert set(ids) == self.said[where], f"{name} differs from the model in {where}"
                timeline = Timeline(where)
                timeline.insert(stored.event for stored in journal.events(where))
                states.add(state_bytes(timeline.state()))
                assert journal.outbox.counts().unsent == 0
                assert not journal.holes()
            assert len(states) == 1, "the two sides see different states"


def _crash(*_: object, **__: object) -> Any:
    raise Crash


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
