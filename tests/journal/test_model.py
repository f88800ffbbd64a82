"""The journal against a model: any interleaving of append, send, fetch, loss, late follow and crash."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from colearner_ls.contracts.ids import content_hash
from colearner_ls.journal.errors import CursorConflict
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lifecycle_file import LifecycleFile
from colearner_ls.journal.records import CursorMove, Snapshot
from tests.journal.samples import BUS, NOW, PROGRESS, envelope, records, step

SESSIONS = ("s1", "s2", "s3")
HOUR = 3600 * 1_000_000

OTHERS = [
    json.dumps(
        envelope(
            id=f"00000000-0000-4000-8000-00000000000{number}",
            session_id=SESSIONS[number % 3],
            hlc=NOW + (number - 3) * 40 * HOUR // 4 + content,
            payload={"active_step": str(content)},
        )
    ).encode()
    for number in range(7)
    for content in range(3)
]
"""Events of others: seven ids, each with three contents."""

GARBAGE = [b"junk", b'{"session_id": "s1"}', b"[1]"]


def session_of(value: bytes) -> str | None:
    try:
        return str(json.loads(value)["session_id"])
    except (ValueError, TypeError, KeyError):
        return None


def content_of(value: bytes) -> bytes:
    return content_hash(json.loads(value), False)


class Model(RuleBasedStateMachine):
    """``log`` is the one partition of the bus; everything else is what the journal should know."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="colearner model ü "))
        self.journal = Journal.open(self.folder)
        self.left: list[Journal] = []
        self.log: list[bytes] = []
        self.cursor: int | None = None
        self.followed: set[str] = set()
        self.own: dict[str, bytes] = {}
        self.state: dict[str, str] = {}
        self.shown: set[str] = set()
        self.taken_in: set[bytes] = set()
        self.refused_records: set[bytes] = set()
        self.clock = NOW
        self.claims: set[str] = set()

    def teardown(self) -> None:
        try:
            if self.followed:
                self.settle()
        finally:
            for journal in (self.journal, *self.left):
                journal.close()
            shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        self.follow("s1")

    # -- this side

    @rule(
        sessions=st.lists(st.sampled_from(SESSIONS), min_size=1, max_size=3),
        tick=st.integers(-30 * HOUR, 30 * HOUR),
        claim=st.sampled_from([None, None, "a", "b"]),
    )
    def append(self, sessions: list[str], tick: int, claim: str | None) -> None:
        self.clock += tick
        before = {name: self.greatest_hlc(name) for name in sessions}
        stored = self.journal.append(
            [step(str(n), name) for n, name in enumerate(sessions)], claim=claim, wall_us=self.clock
        )
        if claim in self.claims:
            assert stored == ()
            return
        self.claims |= {claim} if claim else set()
        assert [each.event.session_id for each in stored] == sessions
        for each in stored:
            assert each.event.hlc >= self.clock
            assert each.event.hlc > before[each.event.session_id]
            before[each.event.session_id] = each.event.hlc
            self.own[each.event.id] = each.raw
            self.state[each.event.id] = "waiting"

    def greatest_hlc(self, session: str) -> int:
        known = (stored.event.hlc for stored in self.journal.events(session))
        return max((hlc for hlc in known if hlc <= self.clock + 24 * HOUR), default=-1)

    @rule(session=st.sampled_from(SESSIONS))
    def follow(self, session: str) -> None:
        assert self.journal.follow(session, BUS) == (session not in self.followed)
        self.followed.add(session)

    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        """The process is gone; another one comes. What it had open may still be open, or not."""
        if data.draw(st.booleans()):
            self.left.append(self.journal)
        else:
            self.journal.close()
        self.journal = Journal.open(self.folder)
        self.journal.outbox.requeue(BUS)
        for event_id, state in self.state.items():
            if state == "sending" and session_of(self.own[event_id]) in self.followed:
                self.state[event_id] = "waiting"

    # -- sending

    @rule(data=st.data(), outcome=st.sampled_from(["acknowledged", "unknown, written", "unknown, lost", "crash"]))
    def send(self, data: st.DataObject, outcome: str) -> None:
        waiting = self.journal.outbox.waiting(BUS)
        expected = [
            name for name in self.own if self.state[name] == "waiting" and session_of(self.own[name]) in self.followed
        ]
        assert [row.id for row in waiting] == expected
        batch = waiting[: data.draw(st.integers(0, 3))]
        assert list(self.journal.outbox.mark_sending([row.id for row in batch])) == [row.id for row in batch]
        for row in batch:
            assert row.raw == self.own[row.id]
            self.state[row.id] = "sending"
            if outcome != "unknown, lost":
                self.log.append(row.raw)
            if outcome == "acknowledged":
                self.journal.outbox.mark_sent([(row.id, 0, len(self.log) - 1)])
                self.state[row.id] = "sent"
                self.shown.add(row.id)
            elif outcome != "crash":
                self.journal.outbox.mark_unsent([row.id])
                self.state[row.id] = "waiting"

    # -- the bus

    @rule(values=st.lists(st.sampled_from([*OTHERS, *GARBAGE]), min_size=1, max_size=4))
    def others_write(self, values: list[bytes]) -> None:
        self.log += values

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def doubled(self, data: st.DataObject) -> None:
        self.log += data.draw(st.lists(st.sampled_from(self.log), max_size=2))

    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """The broker comes back with only the beginning of its log; everything is read again."""
        if not data.draw(st.sampled_from([False, False, True])):
            return
        self.log = self.log[: data.draw(st.integers(0, len(self.log)))]
        self.journal.cursors.reset(BUS)
        self.cursor = None
        self.shown.clear()

    @rule()
    def resend(self) -> None:
        if (self.cursor or 0) < len(self.log) or self.journal.cursors.backfills(BUS):
            return
        lost = {name for name, state in self.state.items() if state == "sent" and name not in self.shown}
        assert self.journal.outbox.resend_unseen(BUS) == len(lost)
        self.state.update(dict.fromkeys(lost, "waiting"))

    # -- reading

    @rule(count=st.sampled_from([0, 1, 3, 20, 20]))
    def fetch(self, count: int) -> None:
        first = self.cursor or 0
        values = self.log[first : first + count]
        last = hashlib.sha256(values[-1]).digest() if values else None
        move = CursorMove(self.cursor, first + len(values), last)
        received = self.journal.receive(BUS, records(values, first=first), {(PROGRESS, 0): move}, wall_us=self.clock)
        self.cursor = first + len(values)
        self.note(values, self.followed)
        assert {stored.raw for stored in received.new} <= set(values)

    @rule(wrong=st.integers(1, 3))
    def fetch_late(self, wrong: int) -> None:
        """Another reader was here in between."""
        move = CursorMove((self.cursor or 0) + wrong, 99)
        with pytest.raises(CursorConflict):
            self.journal.receive(BUS, records(OTHERS[:4]), {(PROGRESS, 0): move})

    @rule(count=st.integers(1, 4), finish=st.booleans())
    def backfill(self, count: int, finish: bool) -> None:
        for job in self.journal.cursors.backfills(BUS):
            (cursor,) = job.cursors
            assert cursor.until is not None
            end = cursor.until if finish else min(cursor.next + count, cursor.until)
            values = self.log[cursor.next : end]
            move = CursorMove(cursor.next, end)
            batch = records(values, first=cursor.next)
            self.journal.receive(BUS, batch, {(PROGRESS, 0): move}, backfill=job.number, wall_us=self.clock)
            self.note(values, set(job.sessions))
            if end == cursor.until:
                self.journal.cursors.finish_backfill(job.number)

    @rule()
    def settle(self) -> None:
        """Everything is read: what stands on the bus for the followed sessions stands here."""
        while (self.cursor or 0) < len(self.log):
            self.fetch(20)
        while self.journal.cursors.backfills(BUS):
            self.backfill(20, finish=True)
        known = self.taken_in | set(self.own.values()) | set(GARBAGE)
        assert {value for value in self.log if session_of(value) in self.followed} <= known
        self.resend()
        self.events_are_the_distinct_accepted_ones()
        self.deliveries_are_known()

    def note(self, values: list[bytes], sessions: set[str]) -> None:
        for value in values:
            if value in GARBAGE:
                if session_of(value) is None or session_of(value) in sessions:
                    self.refused_records.add(value)
            elif session_of(value) in sessions:
                event_id = json.loads(value)["id"]
                if event_id in self.own:
                    self.state[event_id] = "sent"
                    self.shown.add(event_id)
                else:
                    self.taken_in.add(value)

    # -- projections and snapshots

    @rule()
    def write_lifecycle(self) -> None:
        LifecycleFile(self.journal).update()
        assert (self.folder / "lifecycle.jsonl").read_bytes() == b"".join(
            stored.raw + b"\n" for stored in self.journal.events()
        )
        assert not list(self.folder.glob("*.bak-*"))

    @rule(session=st.sampled_from(SESSIONS), data=st.data())
    def snapshot(self, session: str, data: st.DataObject) -> None:
        """A stand-in for the fold: the contents up to a position, as someone knew them who had read up to some row."""
        row = self.journal.last_row() - data.draw(st.sampled_from([0, 0, 1, 2, 5]))
        events = [stored for stored in self.journal.events_in_order(session) if stored.row <= row]
        if not events:
            return
        count = data.draw(st.integers(1, len(events)))
        dump = b"".join(hashlib.sha256(stored.raw).digest() for stored in events[:count])
        snapshot = Snapshot(session, events[count - 1].event.position, dump)
        put = self.journal.snapshots.put(snapshot, through_row=row)
        assert put or row < self.journal.last_row()

    # -- what must hold at any time

    @invariant()
    def events_are_the_distinct_accepted_ones(self) -> None:
        standing: dict[str, bytes] = dict(self.own)
        for value in self.taken_in:
            event_id = json.loads(value)["id"]
            if event_id not in standing or content_of(value) < content_of(standing[event_id]):
                standing[event_id] = value
        assert {stored.event.id: stored.raw for stored in self.journal.events()} == standing
        kept = self.journal.quarantine.list()
        conflicts = [each.raw for each in kept if each.reason == "id_conflict"]
        assert sorted(conflicts) == sorted(self.taken_in - set(standing.values()))
        assert {each.raw for each in kept if each.reason != "id_conflict"} == self.refused_records

    @invariant()
    def the_order_is_that_of_the_fold(self) -> None:
        for session in SESSIONS:
            events = list(self.journal.events_in_order(session))
            assert [each.event.position for each in events] == sorted(each.event.position for each in events)
            assert {each.event.id for each in events} == {each.event.id for each in self.journal.events(session)}

    @invariant()
    def numbers_are_gapless(self) -> None:
        for session in SESSIONS:
            own = [stored for stored in self.journal.events(session) if stored.event.id in self.own]
            assert [stored.event.seq for stored in own] == list(range(1, len(own) + 1))
        assert self.journal.holes() == ()

    @invariant()
    def deliveries_are_known(self) -> None:
        assert {s.event.id: s.delivery for s in self.journal.events() if s.delivery is not None} == self.state

    @invariant()
    def snapshots_hold_all_that_lies_before_them(self) -> None:
        for session in SESSIONS:
            snapshot = self.journal.snapshots.latest(session)
            if snapshot is None:
                continue
            before = [s for s in self.journal.events_in_order(session) if s.event.position <= snapshot.position]
            assert snapshot.data == b"".join(hashlib.sha256(stored.raw).digest() for stored in before)


TestModel: Any = Model.TestCase
TestModel.settings = settings(
    parent=settings.get_profile(settings.get_current_profile_name()),
    max_examples=settings().max_examples if settings().max_examples > 100 else 50,
    stateful_step_count=50,
)
