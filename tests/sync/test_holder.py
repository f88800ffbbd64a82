"""The sync lock: one holder, and a takeover from one that hangs, with clocks of the tests' own."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from colearner_ls.sync.holder import HANG_S, LONG_GONE_S, SyncHolder, holder_pid, silent_s


@dataclass
class Clock:
    now: float = 1000.0
    wall_ahead: float = 0.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return time.time() + self.wall_ahead

    def contender(self, folder: Path) -> SyncHolder:
        return SyncHolder(folder, clock=self.monotonic, wall=self.wall)


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tries(holder: SyncHolder, clock: Clock, seconds: float, step: float = 0.5) -> bool:
    """Try every ``step`` s for ``seconds`` s of the test's clock; whether it was got."""
    for _ in range(int(seconds / step)):
        if holder.try_acquire():
            return True
        clock.now += step
    return holder.try_acquire()


def test_who_beats_keeps_it(tmp_path: Path, clock: Clock) -> None:
    first, second = SyncHolder(tmp_path), clock.contender(tmp_path)
    assert first.try_acquire()
    for _ in range(60):
        assert first.beat()
        assert not second.try_acquire()
        clock.now += 0.5
        time.sleep(0.005)  # a kernel's file times move in steps of its own
    assert first.held
    assert holder_pid(tmp_path) == os.getpid()


def test_who_does_not_beat_loses_it_and_notices(tmp_path: Path, clock: Clock) -> None:
    first, second, third = SyncHolder(tmp_path), clock.contender(tmp_path), clock.contender(tmp_path)
    assert first.try_acquire()
    assert not tries(second, clock, HANG_S - 0.5)
    assert tries(second, clock, 1.0)
    assert second.held
    assert not first.held
    assert not first.beat()
    assert not tries(third, clock, HANG_S - 0.5)
    first.release()
    assert second.held
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sync.lock"]


def test_of_two_that_see_it_hang_one_takes_over(tmp_path: Path, clock: Clock) -> None:
    first = SyncHolder(tmp_path)
    assert first.try_acquire()
    others = [clock.contender(tmp_path) for _ in range(4)]
    for _ in range(int(HANG_S / 0.5) + 1):
        got = [other.try_acquire() for other in others]
        clock.now += 0.5
    assert got.count(True) == 1
    assert [other.held for other in others].count(True) == 1


def test_a_contender_that_was_stopped_itself_says_nothing_about_the_holder(tmp_path: Path, clock: Clock) -> None:
    first, second = SyncHolder(tmp_path), clock.contender(tmp_path)
    assert first.try_acquire()
    assert not second.try_acquire()
    clock.now += 3600
    assert not second.try_acquire()
    first.beat()
    assert not tries(second, clock, HANG_S - 0.5)


def test_the_wall_clock_alone_takes_nothing_from_a_holder(tmp_path: Path, clock: Clock) -> None:
    first, second = SyncHolder(tmp_path), clock.contender(tmp_path)
    assert first.try_acquire()
    for ahead in (3600, -3600, 10 * 365 * 86400, -10 * 365 * 86400, *range(0, -30, -1)):
        clock.wall_ahead = ahead
        first.beat()
        time.sleep(0.005)
        assert not second.try_acquire(), ahead
        clock.now += 0.5
    assert first.held


def test_a_short_command_believes_a_touch_that_is_long_ago(tmp_path: Path, clock: Clock) -> None:
    first, second = SyncHolder(tmp_path), clock.contender(tmp_path)
    assert first.try_acquire()
    clock.wall_ahead = LONG_GONE_S + 5
    assert not second.lively()
    assert (silent_s(tmp_path) or 0) < 60
    assert not second.try_acquire()
    clock.now += 1.0
    assert not second.try_acquire()
    clock.now += 1.0
    assert second.try_acquire()
    assert not first.held


def test_who_dies_in_a_takeover_leaves_nothing_in_the_way(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "sync.lock.next").write_text("4711\n")
    first, second = SyncHolder(tmp_path), clock.contender(tmp_path)
    assert first.try_acquire()
    assert tries(second, clock, HANG_S + 1)
    assert (tmp_path / "sync.lock").read_text() == f"{os.getpid()}\n"


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("precious")
    (tmp_path / "sync.lock").symlink_to(tmp_path / "target")
    with pytest.raises(OSError):
        SyncHolder(tmp_path).try_acquire()
    assert (tmp_path / "target").read_text() == "precious"
