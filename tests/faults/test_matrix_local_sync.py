"""Rows of the fault matrix about who runs sync: F05, F25, F27. Real processes on one machine, counted by sqlite3 alone."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.sync.holder import HANG_S, holder_pid
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import MoveStage
from colearner_ls.workspace.syncing import run_sync
from tests.faults.stopping import Sides, end, has_open, state_of, stopped, until
from tests.faults.test_one_workspace import Editor
from tests.workspace import conftest as of_workspace
from tests.workspace.conftest import Pair

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

Measured = Callable[[str], None]

opened_pair = of_workspace.pair
"""The workspace tests' fixture."""

BOUND_S = 10.0
"""What docs/decisions/0017 promises for a holder that hangs."""


@contextlib.contextmanager
def editors(sides: Sides, count: int = 2) -> Iterator[list[Editor]]:
    """So many editors in the student's checkout, one of which runs sync."""
    opened = [Editor(sides.folder / "student", sides.environment) for _ in range(count)]
    try:
        until(lambda: all((each.state() or {}).get("session") for each in opened), "the sessions are open")
        until(lambda: sides.holder() in {editor.pid for editor in opened}, "one editor runs sync")
        yield opened
    finally:
        for editor in opened:
            with contextlib.suppress(ProcessLookupError):
                os.kill(editor.pid, signal.SIGCONT)
            editor.peer.__exit__(None, None, None)


def holding(sides: Sides, opened: list[Editor]) -> tuple[Editor, Editor]:
    """The editor that runs sync, and another one."""
    first = next(editor for editor in opened if editor.pid == sides.holder())
    return first, next(editor for editor in opened if editor is not first)


def a_holder_hangs(sides: Sides, measured: Measured, what: str) -> None:
    with editors(sides) as opened:
        first, second = holding(sides, opened)
        stored = set()
        with stopped(first.pid):
            stored.add(sides.say("coach", "while one editor hangs", "--wait", "30"))
            taken = until(lambda: sides.holder() == second.pid, "the other editor takes over")
            until(lambda: stored <= set(sides.ids("student")), "news arrive again")
            stored.add(sides.say("student", "said meanwhile", "--wait", "30"))
            assert state_of(first.pid) == "T"
        # The zombie goes on: it sees that it lost, and its editor is as good as the other.
        until(lambda: first.state() is not None, "the zombie answers its editor")
        stored.add(sides.say("coach", "after it came back", "--wait", "30"))
        until(lambda: stored <= set(sides.ids("student")), "news arrive")
        assert sides.holder() == second.pid
        os.kill(second.pid, signal.SIGKILL)
        back = until(lambda: sides.holder() == first.pid, "it takes over again from one that died")
        stored.add(sides.say("student", "said last", "--wait", "30"))
    sides.settle()
    sides.check(stored)
    assert taken <= BOUND_S * 3, "a busy machine excuses some of it, not all"
    measured(f"{what}: taken over {taken:.1f} s after SIGSTOP, {back:.1f} s after kill -9; 0 lost, 0 doubled")


def test_f05_an_editor_that_hangs_loses_sync_to_another(tmp_path: Path, measured: Measured) -> None:
    """Another process takes over within 10 s; the one that hung steps down when it comes back, and nothing is doubled."""
    a_holder_hangs(Sides(tmp_path), measured, "embedded bus")


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_f05_an_editor_that_hangs_on_kafka(tmp_path: Path, kafka_url: str, measured: Measured) -> None:
    """The same over Kafka, where the zombie wakes up with a broker connection that has long timed out."""
    a_holder_hangs(Sides(tmp_path, kafka_url), measured, "Kafka")


@pytest.mark.parametrize("place", ["send", "acknowledge", "cursor"])
def test_f05_stopped_at_the_worst_moment(tmp_path: Path, place: str, measured: Measured) -> None:
    """Stopped before a send, after it and before that is noted, or with a batch half stored: what it does later is void."""
    sides = Sides(tmp_path)
    stored = {sides.say("student", "waits", "--no-wait")} if place != "cursor" else set()
    if place == "cursor":
        stored.add(sides.say("coach", "news", "--wait", "30"))
    hung = sides.start("student", "sync", "--wait", "120", stop_at=place)
    try:
        until(lambda: state_of(hung.pid) == "T", "it stopped at its place")
        start = time.monotonic()
        if place == "cursor":  # it has the write lock too, which nobody can take from it: others are told
            code, _, messages = sides.try_run("student", "stage", "note", "--note", "refused", "--no-wait")
            assert code != 0
            assert str(hung.pid) in messages
            assert "Traceback" not in messages
        else:
            stored.add(sides.say("student", "said meanwhile", "--no-wait"))
            code, _, messages = sides.try_run("student", "sync", "--wait", "60")
            assert code == 0, messages
            assert stored <= set(sides.on_bus())
        took = time.monotonic() - start
        assert sides.holder() != hung.pid or place == "cursor"
        os.kill(hung.pid, signal.SIGCONT)
        _, messages = hung.communicate(timeout=90)
        assert hung.returncode in (0, 6)
        assert "Traceback" not in messages
    finally:
        end(hung)
    sides.settle()
    sides.check(stored)
    copies = len(sides.on_bus()) - len(set(sides.on_bus()))
    assert copies > 0 or place != "acknowledge", "what it had sent went out twice"
    measured(f"at “{place}”: another was through after {took:.1f} s; {copies} sent twice, 0 lost, 0 doubled")


def test_f05_stopped_with_the_write_lock(tmp_path: Path, measured: Measured) -> None:
    """Others wait 5 s and are told which process it is; the editor goes on answering, and nothing is lost either way."""
    sides = Sides(tmp_path)
    with editors(sides, 1) as (editor,):
        hung = sides.start("student", "stage", "note", "--note", "half written", "--no-wait", stop_at="append")
        try:
            until(lambda: state_of(hung.pid) == "T", "it stopped with its rows inserted and not committed")
            start = time.monotonic()
            waiting = sides.start("student", "stage", "note", "--note", "refused", "--no-wait")
            slowest = 0.0
            while waiting.poll() is None:
                asked = time.monotonic()
                assert editor.state()["session"]
                slowest = max(slowest, time.monotonic() - asked)
                assert time.monotonic() - start < 60
            waited = time.monotonic() - start
            output, messages = waiting.communicate()
            assert waiting.returncode != 0
            assert f"process {hung.pid} " in messages, messages
            assert "Traceback" not in messages
            assert output == "" or "event_id" not in output
            os.kill(hung.pid, signal.SIGCONT)
            output, messages = hung.communicate(timeout=60)
            assert hung.returncode == 0, messages
            stored = {json.loads(output)["event_id"]}
        finally:
            end(hung)
        stored.add(sides.say("student", "as ever", "--wait", "30"))
    sides.settle()
    sides.check(stored)
    assert slowest < waited
    measured(f"refused after {waited:.1f} s with the pid; the editor answered within {slowest:.2f} s; 0 lost")


def test_f27_one_of_two_runs_sync_and_a_dead_one_is_replaced(tmp_path: Path, measured: Measured) -> None:
    """Of processes that start at once exactly one has the bus open; when it is killed another has it within 2 s."""
    sides = Sides(tmp_path)
    bus = tmp_path / "home" / "bus.db"
    with editors(sides, 3) as opened:
        alive = list(opened)
        taken = []
        while len(alive) > 1:
            until(lambda: [has_open(each.pid, bus) for each in alive].count(True) == 1, "one has the bus open")
            (active,) = (each for each in alive if has_open(each.pid, bus))
            assert sides.holder() == active.pid
            os.kill(active.pid, signal.SIGKILL)
            active.peer.process.wait(10)
            alive.remove(active)
            taken.append(until(lambda: sides.holder() in {each.pid for each in alive}, "another takes over"))
        stored = {sides.say("coach", "news", "--wait", "30")}
        until(lambda: stored <= set(sides.ids("student")), "news still arrive")
    sides.settle()
    sides.check(stored)
    assert min(taken) < 2
    measured(
        f"3 started at once, 1 active; {len(taken)} killed, taken over after {', '.join(f'{t:.1f}' for t in taken)} s"
    )


class SyncThread:
    """Sync in an event loop of its own, as in a process of its own, that can be blocked."""

    def __init__(self, workspace: Workspace) -> None:
        self._loop = asyncio.new_event_loop()
        self._workspace = workspace
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        async def work() -> None:
            self._task = asyncio.current_task()
            await run_sync(self._workspace)

        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(work())
        self._loop.close()

    def block(self, seconds: float) -> threading.Event:
        """Hold the loop for so long, as a handler that computes would; set when it is over."""
        over = threading.Event()

        def hold() -> None:
            time.sleep(seconds)  # the fault itself
            over.set()

        self._loop.call_soon_threadsafe(hold)
        return over

    def stop(self) -> None:
        if self._task is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(30)


def test_f25_a_blocked_loop_hands_sync_over_and_comes_back(opened_pair: Pair, measured: Measured) -> None:
    """A loop that is blocked for longer than a hang loses sync, goes on when it can, and nothing is lost or doubled."""
    pair = opened_pair
    both = [pair.student, pair.reopen("student")]
    first = SyncThread(both[0])
    folder = pair.student.settings.folder
    until(lambda: holder_pid(folder) == os.getpid(), "the first holds sync")
    lock = folder / "sync.lock"
    inode = lock.stat().st_ino
    second = SyncThread(both[1])
    try:
        over = first.block(HANG_S + 4)
        said = pair.coach.do(MoveStage("note", note="while it is blocked"))
        assert said is not None
        pair.sync(pair.coach)
        taken = until(lambda: lock.stat().st_ino != inode, "the second takes over")
        until(lambda: pair.student.journal.event(said.event_id) is not None, "the news is there")
        assert not over.is_set(), "it came before the first went on"
        until(over.is_set, "the first goes on")
        mine = pair.student.do(MoveStage("note", note="after it went on"))
        assert mine is not None
        until(lambda: pair.student.journal.outbox.counts().unsent == 0, "what is said goes out")
    finally:
        second.stop()
        first.stop()
    pair.sync()
    for side in (pair.coach, pair.student):
        ids = [stored.event.id for stored in side.journal.events()]
        assert len(ids) == len(set(ids))
        assert {said.event_id, mine.event_id} <= set(ids)
    measured(f"a loop blocked for {HANG_S + 4:.0f} s lost sync after {taken:.1f} s; 0 lost, 0 doubled")


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_f25_a_blocked_loop_keeps_its_place_on_kafka(tmp_path: Path, kafka_url: str, measured: Measured) -> None:
    """There is no consumer group whose session could end: the only process goes on where it was."""
    sides = Sides(tmp_path, kafka_url)
    with editors(sides, 1) as (editor,):
        with stopped(editor.pid):  # all of it, the loop with it
            stored = {sides.say("coach", f"news {number}", "--wait", "30") for number in range(2)}
            time.sleep(4)  # the fault itself
        back = until(lambda: stored <= set(sides.ids("student")), "everything has come")
    sides.settle()
    sides.check(stored)
    measured(f"Kafka: all that came in a pause of 4 s and more was there {back:.1f} s later, once")
