"""The documents of ``--json`` have the shapes of contracts.views, without our importing them to make one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

from colearner_ls.cli.render.doctor import doctor_lines
from colearner_ls.cli.render.layout import Style
from colearner_ls.cli.render.quarantine import quarantine_lines, quarantine_view, record_lines, record_view
from colearner_ls.cli.render.views import (
    Entries,
    doctor_view,
    inbox_view,
    linked_view,
    status_view,
    sync_view,
    synced_view,
    written_view,
)
from colearner_ls.contracts import views
from colearner_ls.domain.inbox import waiting_for_coach, waiting_for_student
from colearner_ls.domain.state import LearnerState
from colearner_ls.journal.records import Quarantined
from colearner_ls.workspace.results import Diagnosis, Finding, Setting, SyncStatus, Written
from tests.cli.samples import NOW, full_learner, snapshot, uid


def valid(model: type[BaseModel], view: dict[str, Any]) -> dict[str, Any]:
    """The view as JSON, judged strictly: unknown fields and wrong types are refused."""
    model.model_validate_json(json.dumps(view), strict=True)
    return view


@pytest.mark.parametrize("role", ["coach", "student"])
def test_status(role: str) -> None:
    view = valid(views.StatusView, status_view(snapshot(role)))
    assert view["exercises"][0]["status"] == "revise"
    assert [step["completed"] for step in view["plan"]] == [True, False, False]
    assert view["sync"]["waiting"] == 2
    assert "snippet" not in view["evidence"][0]
    for name in ("plan", "exercises", "submissions", "feedback", "evidence", "requests", "stuck", "hints"):
        assert view[name], name
        assert all(entry["session_id"] == "onboarding-01" and entry["student_id"] == "ann" for entry in view[name])


def test_status_of_an_empty_session_and_a_nameless_learner() -> None:
    view = valid(views.StatusView, status_view(snapshot(me=LearnerState(student_id=None))))
    assert view["students"] == []
    assert view["student_id"] is None


def test_every_field_of_the_entries_is_filled_from_the_state() -> None:
    """A field that is added to a view is not forgotten here."""
    entries = Entries("s", full_learner())
    me = full_learner()
    made = {
        views.ExerciseView: entries.exercise(me.exercises[0]),
        views.SubmissionView: entries.submission(me.submissions[0]),
        views.FeedbackView: entries.feedback(me.feedback[0]),
        views.StuckView: entries.stuck(me.stuck[0]),
        views.HintView: entries.hint(me.hints[0]),
        views.PlanStepView: entries.step(me.plan[0]),
        views.SyncView: sync_view(snapshot().sync),
        views.StatusView: status_view(snapshot()),
    }
    for model, view in made.items():
        assert set(model.model_fields) == set(view), model.__name__


def test_evidence_keeps_what_has_its_shape_and_leaves_the_rest() -> None:
    entries = Entries("s", full_learner())
    good, odd = (valid(views.EvidenceView, entries.evidence(each, snippet=True)) for each in full_learner().evidence)
    assert good["snippet"] == "x = 1"
    assert good["note"] == "see"
    assert "range" not in odd
    assert "redactions" not in odd


def test_inbox() -> None:
    state = snapshot("coach")
    for items in (waiting_for_coach(state.session), waiting_for_student(state.me)):
        assert valid(views.InboxView, inbox_view("onboarding-01", items))["items"]


def test_written() -> None:
    short = Written(uid(1), "learning_plan", "s")
    long = Written(uid(1), "exercise_submission", "s", "ann", "ex-1", (uid(2),), text="colearner://join?x")
    assert valid(views.WrittenView, written_view(short, "kept", 1)) == {
        "event_id": uid(1),
        "event_type": "learning_plan",
        "session_id": "s",
        "delivery": "kept",
        "waiting": 1,
    }
    view = valid(views.WrittenView, written_view(long, "sent", 0))
    assert view["evidence"] == [uid(2)]
    assert view["invite"] == "colearner://join?x"
    valid(views.LinkedView, linked_view(long))


def test_sync_and_doctor() -> None:
    away = SyncStatus("kafka://b:9092", embedded=False, last_error="no answer", loading=("s",), refused=1)
    assert valid(views.SyncedView, synced_view(1, 2, away))["sync"]["seen"] is None
    diagnosis = Diagnosis(
        (Setting("role", None, "not set"), Setting("bus", "sqlite:///x", "default")),
        (Finding("error", "bus", "no \x1b[31manswer", "Look at it."), Finding("ok", "journal", "sound")),
        {"root": "/w", "count": 3},
    )
    valid(views.DoctorView, doctor_view(diagnosis))
    lines = doctor_lines(diagnosis, Style())
    assert "  error    bus: no answer" in lines
    assert "           → Look at it." in lines


def test_quarantine() -> None:
    kept = Quarantined(
        7, "b", "colearner.events.v1", 3, 12, "not_json", "It is \x1b[31mnot JSON", "s", None, b'{"a\xff\x1b[2J', NOW
    )
    own = replace(kept, number=8, topic=None, partition=None, offset=None, bus=None)
    view = valid(views.QuarantineView, quarantine_view([kept, own], 4))
    assert view["uncounted"] == 4
    assert "text" not in view["items"][0]
    shown = valid(views.QuarantinedView, record_view(kept, text=True))
    assert shown["text"] == '{"a\\xff\x1b[2J'
    assert shown["size"] == 8
    lines = [*quarantine_lines([kept, own], 4, Style()), *record_lines(kept, Style())]
    assert not any("\x1b" in line for line in lines)
    assert any("colearner.events.v1/3@12" in line for line in lines)
    assert quarantine_lines([], 0, Style()) == ["Nothing is in quarantine."]
