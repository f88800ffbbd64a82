"""The shapes of ``--json`` and ``colearner/state``: the names that cli.md and editor.md promise, and no others."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from colearner_ls.contracts import views
from colearner_ls.contracts.views import (
    EntryView,
    HistoryLine,
    InboxItemView,
    InboxView,
    StateView,
    StatusView,
    SyncView,
)
from tests.contracts.samples import ID, TS, peer_event

SYNC = {"bus": "sqlite:///bus.db", "connected": True, "waiting": 0, "last_error": None}

KNOWN = {"_id", "_hlc", "_delivery", "_exercise_id", "_inferred", "_applied", "_note", "_verified"}

# The keys that the design fixes.
PROMISED: dict[type[BaseModel], str] = {
    StatusView: "session_id role student_id stage learner plan progress exercises feedback evidence sync",
    SyncView: "bus connected waiting last_error",
    InboxView: "items",
    InboxItemView: "kind id exercise_id text ts session_id student_id",
    views.WrittenView: "event_id event_type session_id delivery exercise_id evidence",
    StateView: "revision role session stage exercises plan progress feedback evidence queue requests sync",
    views.ExerciseView: "exercise_id topic exercise status session_id student_id",
    views.SettingView: "name value source",
    views.StateChangedView: "revision",
}


@pytest.mark.parametrize("view", PROMISED)
def test_the_promised_keys_are_there(view: type[BaseModel]) -> None:
    assert set(PROMISED[view].split()) <= set(view.model_fields)


def test_every_entry_says_whose_it_is() -> None:
    for outer in (StatusView, InboxView, StateView):
        entries = [entry for field in outer.model_fields.values() if (entry := entry_of(field.annotation)) is not None]
        assert entries
        assert all(issubclass(entry, EntryView) for entry in entries)


def entry_of(annotation: Any) -> type[BaseModel] | None:
    """The model in ``list[Model]``."""
    found = getattr(annotation, "__args__", [None])[0]
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def test_the_least_of_each() -> None:
    StatusView.model_validate({"session_id": "s", "role": "coach", "stage": "init", "sync": {}})
    StateView.model_validate({"revision": 0, "sync": {}})
    InboxView.model_validate({"items": []})
    views.WrittenView.model_validate({"event_id": ID, "event_type": "lifecycle", "session_id": "s", "delivery": "kept"})
    views.DoctorView.model_validate({"settings": [{"name": "bus", "source": "default"}], "findings": []})
    views.QuarantineView.model_validate({"items": [{"number": 1, "reason": "not_json"}]})


def test_a_whole_status() -> None:
    whose = {"session_id": "s", "student_id": "sam"}
    status = StatusView.model_validate(
        {
            **whose,
            "role": "student",
            "stage": "practice",
            "learner": {"level": "beginner", "goals": ["g"]},
            "plan": [{**whose, "id": "step-1", "topic": "t", "status": "next"}],
            "progress": {"completed": [], "confidence": {"t": 0.5}, "active_step": "step-1"},
            "exercises": [{**whose, "exercise_id": "ex-1", "topic": "t", "exercise": "e", "status": "assigned"}],
            "feedback": [{**whose, "feedback_id": ID, "grade": "revise", "mistakes": [{"text": "m"}]}],
            "evidence": [{**whose, "evidence_id": ID, "path": "a.py", "range": {"start_line": 1, "end_line": 2}}],
            "sync": SYNC,
        }
    )
    assert status.model_dump(exclude_unset=True)["exercises"][0]["exercise_id"] == "ex-1"


@pytest.mark.parametrize(
    ("view", "wrong"),
    [
        (SyncView, {**SYNC, "conected": True}),
        (SyncView, {**SYNC, "waiting": -1}),
        (SyncView, {**SYNC, "waiting": "3"}),
        (StateView, {"sync": SYNC}),
        (InboxView, {"items": [{"kind": "exercise", "id": ID, "text": "t", "ts": TS}]}),
        (InboxView, {"items": [{"kind": "letter", "id": ID, "text": "t", "ts": TS, "session_id": "s"}]}),
        (views.WrittenView, {"event_id": ID, "event_type": "x", "session_id": "s", "delivery": "lost"}),
        (views.ProgressView, {"confidence": {"t": 1.2}}),
    ],
)
def test_a_slip_of_ours_is_seen(view: type[BaseModel], wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        view.model_validate(wrong)


def test_a_line_of_history_is_the_envelope_and_what_we_know() -> None:
    envelope = peer_event("coach_hint", "coach", {"hint": "h"}, x_unknown=[1])
    line = {**envelope, "_id": ID, "_delivery": "received", "_inferred": True, "_exercise_id": "ex-1", "_applied": True}
    read = HistoryLine.model_validate(line)
    assert (read.known_id, read.inferred, read.exercise) == (ID, True, "ex-1")
    assert read.model_dump(by_alias=True, exclude_unset=True) == line
    with pytest.raises(ValidationError):
        HistoryLine.model_validate({"_id": ID})


@pytest.mark.parametrize("name", views.VIEWS)
def test_every_shape_can_be_exported(name: str) -> None:
    schema = views.VIEWS[name].model_json_schema()
    assert schema["type"] == "object"
    assert schema["description"]
    known = {field for field in schema["properties"] if field.startswith("_")}
    assert known == (KNOWN if name == "history" else set())
