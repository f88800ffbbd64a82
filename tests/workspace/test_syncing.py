"""Syncing once beside whoever holds sync."""

from __future__ import annotations

import os
import time

import pytest

from colearner_ls.cli.run import run
from colearner_ls.sync.holder import SyncHolder
from colearner_ls.workspace.doctor import diagnose
from colearner_ls.workspace.requests import MoveStage
from colearner_ls.workspace.syncing import sync_once
from tests.workspace.conftest import Pair


def test_a_holder_that_does_nothing_is_waited_for_no_longer_than_asked(pair: Pair) -> None:
    holder = SyncHolder(pair.student.settings.folder)
    assert holder.try_acquire()
    pair.student.journal.bus_values.put(pair.student.settings.bus.key, {"caught_up": False})
    start = time.monotonic()
    outcome = sync_once(pair.student, wait=0.5, fetch=True)
    assert outcome.held_by is not None
    assert not outcome.fetched
    assert 0.4 < time.monotonic() - start < 10
    holder.release()


def test_a_holder_that_could_not_write_its_name_does_not_keep_us_for_ever(pair: Pair) -> None:
    holder = SyncHolder(pair.student.settings.folder)
    assert holder.try_acquire()
    (pair.student.settings.folder / "sync.lock").write_text("")
    before = time.process_time()
    outcome = sync_once(pair.student, wait=0.5, fetch=True)
    assert outcome.error
    assert time.process_time() - before < 0.4, "it spun"
    holder.release()


def test_what_was_refused_is_sent_again_when_it_is_asked_for(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written = pair.student.do(MoveStage("note", "too large for the bus, until its limit was raised"))
    assert written is not None
    pair.student.journal.outbox.mark_refused(written.event_id, "the record is too large")
    (told,) = [each for each in diagnose(pair.student.settings, check_bus=False).findings if each.level == "error"]
    assert "--retry-refused" in told.hint
    monkeypatch.chdir(pair.student.root)
    monkeypatch.setenv("COLEARNER_HOME", pair.env["COLEARNER_HOME"])
    assert run(["sync", "--wait", "20"]) == 0
    assert pair.student.delivery(written.event_id) == "kept"
    assert run(["sync", "--retry-refused", "--wait", "20"]) == 0
    assert "1 event that had been refused" in capsys.readouterr().err
    assert pair.student.delivery(written.event_id) == "local"
    pair.sync(pair.coach)
    assert pair.coach.journal.event(written.event_id) is not None


def test_a_holder_that_hangs_is_named_by_doctor_and_not_believed(pair: Pair) -> None:
    holder = SyncHolder(pair.student.settings.folder)
    assert holder.try_acquire()
    hour_ago = time.time() - 3600
    os.utime(pair.student.settings.folder / "sync.lock", (hour_ago, hour_ago))
    pair.student.journal.bus_values.put(pair.student.settings.bus.key, {"caught_up": True, "connected": True})
    (finding,) = [each for each in diagnose(pair.student.settings, check_bus=False).findings if each.topic == "sync"]
    assert (finding.level, str(os.getpid()) in finding.text) == ("warning", True)
    assert not sync_once(pair.student, wait=0.3, fetch=True).fetched
    assert sync_once(pair.student, wait=30, fetch=True).fetched  # taken over
    assert not holder.held
    holder.release()
