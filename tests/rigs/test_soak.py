"""A short soak in every run of the suite, and proof that the soak's own counting sees what it is there to see."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rigs.soak.chaos import NEEDED_KILLS_PER_MINUTE, NEEDED_RESTARTS_PER_MINUTE, Chaos
from rigs.soak.counting import Count, Event, JournalFile, Pair, judge, read_journal
from rigs.soak.ledger import Ledger
from rigs.soak.observing import Sample, flocks, growth, holder_of
from rigs.soak.report import Report
from rigs.soak.run import Settings, soak

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 10.0


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_f30_a_short_soak(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Everything at once loses nothing and doubles nothing; this is a short run of what ``make soak`` does for hours."""
    settings = Settings(seed=20, out=tmp_path, minutes=SECONDS / 60, pairs=1, pace=4.0, calm_s=1.0, drain_s=60.0)
    report = soak(settings, threading.Event())
    print("\n".join(report.lines()))
    assert report.counted.lost == []
    assert report.counted.doubled == []
    assert report.failures == []
    assert settings.needed["kills"] >= 10, "kills that really happened are what this is about"
    assert report.counts["kills"] >= settings.needed["kills"]
    assert report.counts["broker restarts"] >= settings.needed["broker restarts"] >= 1
    assert report.acknowledged > 10
    assert report.events >= report.acknowledged
    written = json.loads((tmp_path / "20.json").read_text())
    assert written["lost"] == []
    assert written["counts"] == report.counts
    measured(
        f"{SECONDS:g} s, {report.counts['kills']} kills, {report.counts['broker restarts']} broker restarts, "
        f"{report.events} events: 0 lost, 0 doubled"
    )


# -- the faults


def test_a_seed_decides_every_fault() -> None:
    def first(seed: int) -> list[object]:
        chaos = Chaos(seed, 4, spared=((1, "1"),))
        sequences = (chaos.kills(), chaos.stops(), chaos.broker_faults(), chaos.network_faults())
        return [fault for faults in sequences for fault in itertools.islice(faults, 50)]

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_ten_minutes_hold_the_kills_and_restarts_that_they_must() -> None:
    for seed in range(20):
        chaos = Chaos(seed, 4, spared=((1, "1"), (2, "1")))
        kills = _within(600, chaos.kills())
        assert len(kills) >= 10 * NEEDED_KILLS_PER_MINUTE
        assert not [kill for kill in kills if (kill.side, kill.victim) in chaos.spared]
        restarts = [fault for fault in _within(600, chaos.broker_faults()) if fault.how != "pause"]
        assert len(restarts) >= 10 * NEEDED_RESTARTS_PER_MINUTE


def _within(seconds: float, faults: Any) -> list[Any]:
    found, at = [], 0.0
    for fault in faults:
        at += fault.gap_s
        if at > seconds:
            return found
        found.append(fault)
    raise AssertionError


# -- the counting


def event(number: int, *, actor: str = "coach", event_type: str = "coach_hint", **payload: Any) -> Event:
    return Event(f"{actor}-{number}", "s", event_type, actor, f"writer-{actor}", number, payload)


HINTS = [event(number) for number in range(1, 6)]
NOTES = [event(number, actor="student", event_type="lifecycle") for number in range(1, 4)]
SHOWN: Mapping[str, Any] = {
    "role": "coach",
    "exercises": [],
    "submissions": [],
    "feedback": [],
    "evidence": [],
    "stuck": [],
    "hints": [1, 2, 3, 4, 5],
    "progress": {"confidence": {}},
}


def journal(actor: str, events: list[Event]) -> JournalFile:
    return JournalFile(list(events), {f"writer-{actor}"}, Counter(sent=len(events)), [], "ok")


def counted(
    *,
    coach: list[Event] | None = None,
    student: list[Event] | None = None,
    broker: list[Event] | None = None,
    shown: Mapping[str, Any] = SHOWN,
    **changed: Any,
) -> Count:
    """What the count says where everything is as it should be but for what is given."""
    everything = [*HINTS, *NOTES]
    journals = (
        replace(journal("coach", everything if coach is None else coach), **changed),
        journal("student", everything if student is None else student),
    )
    acknowledged = {"coach": {each.id for each in HINTS}, "student": {each.id for each in NOTES}}
    count = Count()
    pair = Pair(("coach", "student"), journals, (shown, {**SHOWN, "role": "student"}))
    judge(pair, acknowledged, everything if broker is None else broker, count)
    return count


def test_all_is_well() -> None:
    assert counted().failures == []
    assert counted(broker=[*HINTS, *HINTS, *NOTES]).failures == [], "delivery is at-least-once"


@pytest.mark.parametrize("where", ["coach", "student", "broker"])
def test_a_missing_event_is_lost(where: str) -> None:
    found = counted(**{where: [*HINTS[:-1], *NOTES]})
    assert any("coach-5" in words for words in found.lost), found


def test_an_event_that_its_writer_does_not_know_is_seen() -> None:
    phantom = event(9, actor="student", event_type="lifecycle")
    assert any("student-9" in words for words in counted(broker=[*HINTS, *NOTES, phantom]).lost)


def test_an_event_twice_in_a_journal_is_doubled() -> None:
    assert counted(student=[*HINTS, *NOTES, HINTS[0]]).doubled


def test_a_number_given_twice_is_doubled() -> None:
    assert counted(student=[*HINTS, *NOTES, replace(HINTS[0], id="another")]).doubled


def test_a_hole_in_the_numbers_is_out_of_order() -> None:
    assert any("[3]" in words for words in counted(coach=[*HINTS[:2], *HINTS[3:], *NOTES]).disordered)


def test_own_events_that_do_not_stand_in_their_order_are_seen() -> None:
    assert counted(coach=[*reversed(HINTS), *NOTES]).disordered


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ({"hints": [1, 2, 3, 4, 5, 5]}, "doubled"),
        ({"hints": [1, 2, 3, 4]}, "lost"),
        ({"stage": "done"}, "disordered"),
    ],
)
def test_what_is_shown_must_be_what_the_events_add_up_to(shown: Mapping[str, Any], kind: str) -> None:
    assert getattr(counted(shown={**SHOWN, **shown}), kind)


def test_feedback_that_counts_twice_in_the_confidence_is_doubled() -> None:
    feedback = event(6, event_type="assessment_feedback", topic="graphs", confidence_delta=0.5)
    events = [*HINTS, feedback, *NOTES]
    shown = {**SHOWN, "feedback": [1], "progress": {"confidence": {"graphs": 1.0}}}
    found = counted(coach=events, student=events, broker=events, shown=shown)
    assert any("0.500000" in words for words in found.doubled), found


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"integrity": "row 5 missing from index"}, "damaged"),
        ({"quarantine": ["not_json: x"]}, "damaged"),
        ({"outbox": Counter(sent=4, waiting=1)}, "lost"),
        ({"outbox": Counter(sent=4, refused=1)}, "lost"),
    ],
)
def test_a_damaged_journal_is_seen(changed: Mapping[str, Any], kind: str) -> None:
    assert getattr(counted(**changed), kind)


def test_a_real_journal_is_read(tmp_path: Path) -> None:
    """The columns that the reader names are those of the product's files."""
    from colearner_ls.journal.journal import Journal
    from colearner_ls.journal.records import Draft

    path = tmp_path / "journal.db"
    with closing(Journal.open(path)) as written:
        written.follow("s", "kafka://nowhere:1")
        said = written.append([Draft("lifecycle", "coach", "s", {"stage": "note", "note": "x"})])
    read = read_journal(path, check=True)
    assert read.integrity == "ok"
    assert len(read.events) == len(said) == 1
    assert read.events[0].writer in read.own_writers
    with closing(sqlite3.connect(path)) as db:
        assert sum(read.outbox.values()) == db.execute("SELECT count(*) FROM outbox").fetchone()[0]


# -- the watching


def test_the_kernel_says_who_holds_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "sync.lock"
    assert holder_of(lock, flocks()) is None
    program = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.readline()
        assert holder_of(lock, flocks()) == process.pid
        process.stdin.close()
    assert holder_of(lock, flocks()) is None


def test_growth_is_told_of_servers_that_lived_long() -> None:
    old = [Sample(at, "a 1", 7, at, 50_000_000 + 1_000_000 * index, 20) for index, at in enumerate(range(0, 601, 60))]
    young = [Sample(at, "b 1", 8, at, 50_000_000, 20) for at in range(0, 61, 10)]
    found = growth([*old, *young])
    assert list(found) == ["a 1 (7)"]
    assert found["a 1 (7)"]["mb_per_hour"] == pytest.approx(60, abs=0.1)


def test_a_run_with_too_few_faults_or_without_an_end_has_not_passed(tmp_path: Path) -> None:
    report = Report(1, 10, 2)
    assert report.failures == ["the run was not finished"]
    report.finished, report.drained_s = True, 1.0
    assert report.failures == []
    report.too_few = ["only 3 kills"]
    assert report.failures
    ledger = Ledger(tmp_path / "log")
    ledger.fault("a server ended by itself", pid=os.getpid())
    ledger.close()
    assert "FAULT" in (tmp_path / "log").read_text()
