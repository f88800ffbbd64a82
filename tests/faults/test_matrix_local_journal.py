"""Rows of the fault matrix about the journal alone: F03, F23, F24. Processes of their own, counted by sqlite3 alone."""

from __future__ import annotations

import ast
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.cli.render.words import ago, clock
from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lock import FileLock
from colearner_ls.workspace.doctor import diagnose
from colearner_ls.workspace.requests import MoveStage
from tests.journal import crash_writers
from tests.journal.samples import BUS, NOW, PROGRESS, US, deliver, raw, step
from tests.journal.test_crash import Zygote, independent, kill_in_a_loop
from tests.workspace import conftest as of_workspace
from tests.workspace.conftest import Pair

Measured = Callable[[str], None]
ROOT = Path(__file__).parents[2]
HOUR, YEAR = 3600 * US, 365 * 86_400 * US

opened_pair = of_workspace.pair
"""The workspace tests' fixture."""


@pytest.fixture
def processes() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


def test_f03_kill_9_in_the_middle_of_storing_what_came(processes: Zygote, tmp_path: Path, measured: Measured) -> None:
    """Three read the same bus into one journal and are killed in mid-transaction; the cursor fences them, all is there once."""
    folder, fenced = tmp_path / "j", tmp_path / "fenced"
    kills = 15
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        kill_in_a_loop(processes, [("receive", folder, fenced)] * 3, kills, journal.count)
        for _ in range(20):  # until somebody came too late at least once: that is what the fence is for
            if fenced.stat().st_size:
                break
            kill_in_a_loop(processes, [("receive", folder, fenced)] * 3, 3, journal.count)
            kills += 3
        read = journal.cursors.all(BUS)[PROGRESS, 0].next
        assert [stored.raw for stored in journal.events("s1")] == [crash_writers.said(offset) for offset in range(read)]
        assert journal.quarantine.count() == 0
        assert journal.integrity_check() == ()
    conflicts = fenced.stat().st_size
    assert conflicts > 0, "nobody came too late: the fence was not tried"
    measured(f"{kills} kills, {read} records each stored once, {conflicts} late batches fenced off")


def test_f24_eight_processes_append_with_checkpoints(processes: Zygote, tmp_path: Path, measured: Measured) -> None:
    """No lock error, no number twice, nobody is kept out, and the file is sound, while others write the log back."""
    folder, note = tmp_path / "j", tmp_path / "acknowledged"
    names = [f"p{number}" for number in range(8)]
    with Journal.open(folder) as journal:
        running = [processes.start("append", folder, note, name) for name in names]
        mine, checkpoints, longest = 0, 0, 0.0
        deadline = time.monotonic() + 30
        while mine < 40 or {name.split("-")[0] for name in steps(folder)} < set(names):
            start = time.monotonic()
            journal.append([step(f"here-{mine}-0")])
            longest = max(longest, time.monotonic() - start)
            mine += 1
            if mine % 4 == 0:
                journal.database.checkpoint()
                checkpoints += 1
            assert time.monotonic() < deadline or mine < 40, "somebody never had a turn"
        for pid in running:
            assert Path(f"/proc/{pid}").exists(), "one ended by itself, by a lock error"
            processes.kill(pid)
        events = list(journal.events("s1"))
        assert [stored.event.seq for stored in events] == list(range(1, len(events) + 1))
        assert set(note.read_text().split()) <= {stored.event.id for stored in events}
        assert journal.integrity_check() == ()
    assert longest < 5, "the longest wait is below that for which the lock is given up"
    measured(
        f"{len(events)} events by 9 processes, {checkpoints} checkpoints, longest wait {longest * 1000:.0f} ms, sound"
    )


def steps(folder: Path) -> list[str]:
    with independent(folder / "journal.db") as db:
        found = [
            name for (name,) in db.execute("SELECT DISTINCT json_extract(raw, '$.payload.active_step') FROM event")
        ]
    db.close()
    return found


def test_f23_a_clock_that_jumps_keeps_the_order(tmp_path: Path, measured: Measured) -> None:
    """However the clock jumps within a day, later events stand later, and every event is kept and sorted by its hlc."""
    jumps = [0, HOUR, -HOUR, *(-number * US for number in range(1, 30)), 12 * HOUR, -11 * HOUR]
    with Journal.open(tmp_path / ".colearner") as journal:
        journal.follow("s1", BUS)
        for number, jump in enumerate(jumps):
            journal.append([step(str(number))], wall_us=NOW + jump)
        in_order = [each.event.payload["active_step"] for each in journal.events_in_order("s1")]
        assert in_order == [str(number) for number in range(len(jumps))]
        hlcs = [each.event.hlc for each in journal.events_in_order("s1")]
        assert hlcs == sorted(set(hlcs))
    measured(f"{len(jumps)} jumps of up to 12 h: order of writing kept")


def test_f23_ten_years_in_either_direction(tmp_path: Path, measured: Measured) -> None:
    """An event of ten years ahead is kept and flagged and pulls nobody after it; the numbers go on without a gap."""
    with Journal.open(tmp_path / ".colearner") as journal:
        journal.follow("s1", BUS)
        first = journal.append([step("now")], wall_us=NOW)[0].event
        received = deliver(journal, [raw(hlc=NOW + 10 * YEAR), raw(hlc=NOW + MAX_CLOCK_LEAD_US // 2)], wall_us=NOW)
        assert len(received.new) == 2
        assert received.ahead == (received.new[0].event.id,)
        second = journal.append([step("after")], wall_us=NOW + 1)[0].event
        assert second.hlc == NOW + MAX_CLOCK_LEAD_US // 2 + 1  # half a day is followed, ten years are not
        there = journal.append([step("in ten years")], wall_us=NOW + 10 * YEAR)[0].event
        back = journal.append([step("and back")], wall_us=NOW + 2)[0].event
        assert back.hlc == second.hlc + 1
        earlier = journal.append([step("ten years ago")], wall_us=NOW - 10 * YEAR)[0].event
        assert [each.seq for each in (first, second, there, back, earlier)] == [1, 2, 3, 4, 5]
        assert journal.holes() == ()
        assert journal.integrity_check() == ()
    measured("jumps of 10 years: flagged, not followed, no gap in the numbers")


def test_f23_display_and_doctor_stay_sane(
    opened_pair: Pair, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    """With a clock that is ten years wrong, status, history and doctor say something sensible, and writing goes on."""
    pair = opened_pair
    real = time.time_ns
    for offset in (3600, -3600, 10 * 365 * 86_400, -10 * 365 * 86_400):
        monkeypatch.setattr(time, "time_ns", lambda offset=offset: real() + offset * 1_000_000_000)
        assert pair.student.do(MoveStage("note", f"clock off by {offset} s")) is not None
        assert pair.student.snapshot().session.events
        assert ago(-offset) == "just now" or offset < 0
        assert clock(real() // 1000 + offset * US)
        for outcome in pair.sync(pair.student, pair.coach):
            assert outcome.delivered, outcome
    monkeypatch.undo()
    findings = [each for each in diagnose(pair.student.settings, check_bus=False).findings if each.topic == "clock"]
    assert findings, "the event of ten years ahead is named"
    assert {each.event.id for each in pair.coach.journal.events()} == {
        each.event.id for each in pair.student.journal.events()
    }
    measured("±1 h and ±10 years: written, sent and shown; doctor names the clock")


WALL_CLOCKS = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}
WALL_CLOCK = {
    "bus/log_file.py": "when a record was stored",
    "cli/logs.py": "when a fault was logged",
    "cli/news.py": "how old the news is, for people",
    "cli/render/words.py": "times for people",
    "contracts/ids.py": "the time in a UUIDv7",
    "journal/pins.py": "when a key was pinned",
    "journal/registry.py": "when a folder was recorded",
    "journal/rows.py": "when an event was written, and the hybrid logical clock",
    "sync/holder.py": "against the time of a file; a second look by the monotonic clock decides",
    "sync/link.py": "when the bus was last heard, for people",
    "sync/reader.py": "when the bus was read again, for people",
    "workspace/doctor.py": "how far an event is ahead of this clock",
    "workspace/invite.py": "whether an invite has expired",
    "workspace/keys.py": "until when an invite holds",
    "workspace/sync_status.py": "for how long something is told, for people",
}
"""Modules that may look at the wall clock, and what for. Time-outs, back-offs and leases run on monotonic clocks."""


def test_f23_no_timeout_runs_on_the_wall_clock(measured: Measured) -> None:
    """Every look at the wall clock is one that is meant: a new one has to be put on the list with its reason."""
    found = set()
    for path in (ROOT / "colearner_ls").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
                continue
            if (node.value.id, node.attr) in WALL_CLOCKS:
                found.add(path.relative_to(ROOT / "colearner_ls").as_posix())
    assert found <= set(WALL_CLOCK), f"a wall clock in {found - set(WALL_CLOCK)}: what for?"
    measured(f"{len(found)} modules read the wall clock, none for a time-out")


def test_f23_waiting_for_a_lock_does_not_care(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    """A clock that jumps by ten years while one waits makes the wait neither shorter nor longer."""
    from colearner_ls.journal.errors import LockTimeout

    jumping = random.Random(1)
    monkeypatch.setattr(time, "time", lambda: jumping.uniform(0, 2e9))
    monkeypatch.setattr(time, "time_ns", lambda: jumping.randrange(2 * 10**18))
    lock = FileLock(tmp_path / "x.lock")
    start = time.monotonic()
    with lock.held(), pytest.raises(LockTimeout), FileLock(tmp_path / "x.lock").held(0.3):
        pytest.fail("it is held")
    waited = time.monotonic() - start
    assert waited > 0.25
    measured(f"a wait of 0.3 s took {waited:.1f} s")
