"""What other implementations put on the wire (contracts.md, recorded from one that writes these topics)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from colearner_ls.contracts.judging import Accepted, Rejected, judge
from tests.contracts.samples import peer_event, raw


def accepted(event: dict[str, Any]) -> Accepted:
    found = judge(raw(event))
    assert isinstance(found, Accepted), found
    return found


def applied(event: dict[str, Any]) -> Accepted:
    found = accepted(event)
    assert found.applied
    assert found.event.derived
    assert found.event.author is None
    assert found.event.version == 1
    return found


def test_the_same_event_on_two_topics_is_one_event() -> None:
    text = raw(peer_event("exercise_assigned", "coach", {"topic": "t", "exercise": "e", "student_id": "s-1"}))
    first, second = judge(text), judge(bytes(text))
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.event == second.event
    assert first.content == second.content


def test_copies_that_differ_in_the_rest_are_one_event() -> None:
    plain = accepted(peer_event("coach_hint", "coach", {"hint": "h"}))
    annotated = accepted(peer_event("coach_hint", "coach", {"hint": "h"}, author="relay", x_hops=2))
    assert plain.event.id == annotated.event.id
    assert plain.content == annotated.content


def test_the_student_stands_only_in_the_payload() -> None:
    event = peer_event("progress_update", "student", {"completed": [], "student_id": "s-1"})
    assert applied(event).event.student_id == "s-1"
    assert accepted({**event, "student_id": "s-2"}).event.student_id == "s-2"
    assert accepted({**event, "student_id": ""}).event.student_id == "s-1"
    assert accepted(peer_event("progress_update", "student", {"completed": []})).event.student_id is None


@pytest.mark.parametrize("actor", ["coach", "student", "service"])
@pytest.mark.parametrize(
    "event_type",
    [
        "exercise_assigned_ack",
        "exercise_submission_ack",
        "assessment_feedback_ack",
        "hint_ack",
        "nobody_knows_this_ack",
    ],
)
@pytest.mark.parametrize(
    "more", [{}, {"exercise_id": 3}, {"student_id": ["s"]}], ids=["plain", "bad field", "bad student"]
)
def test_an_ack_that_says_sent_has_no_effect_whoever_says_it(actor: str, event_type: str, more: dict[str, Any]) -> None:
    found = accepted(peer_event(event_type, actor, {"status": "sent", **more}))
    assert (found.applied, found.note) == (False, "ack_sent")
    assert found.event.actor == actor


@pytest.mark.parametrize("version", [1, 9])
def test_an_ack_that_says_sent_is_told_apart_before_its_version(version: int) -> None:
    found = accepted(peer_event("exercise_assigned_ack", "coach", {"status": "sent"}, version=version))
    assert found.note == "ack_sent"


def test_sent_means_nothing_elsewhere() -> None:
    assert applied(peer_event("learning_plan", "student", {"plan": [], "status": "sent"})).note is None
    refused = judge(raw(peer_event("exercise_assigned_ack", "student", {"status": "Sent"})))
    assert isinstance(refused, Rejected)


def test_students_publish_plans_with_their_own_words_for_status() -> None:
    steps = [
        {"id": f"step-{n}", "topic": "t", "status": status} for n, status in enumerate(["pending", "next", "done"])
    ]
    assert applied(peer_event("learning_plan", "student", {"goals": [], "plan": steps})).event.payload["plan"] == steps


@pytest.mark.parametrize("stage", ["note", "insight", "init", "practice"])
@pytest.mark.parametrize("actor", ["coach", "student"])
def test_remarks_are_lifecycle_events(stage: str, actor: str) -> None:
    assert applied(peer_event("lifecycle", actor, {"stage": stage, "note": "n"})).event.payload["stage"] == stage


def test_a_line_of_their_lifecycle_file_is_no_event() -> None:
    found = judge(raw({"ts": "2026-01-20T12:00:00Z", "session_id": "onboarding-01", "stage": "plan", "note": "n"}))
    assert isinstance(found, Rejected)
    assert (found.reason, found.session_id) == ("malformed", "onboarding-01")


@pytest.mark.parametrize(
    "session", ["onboarding-01", "round-20260120-a1b2", "Kurs 7 – Gruppe B", "x", "é" * 200, "😀" * 200]
)
def test_sessions_have_free_names(session: str) -> None:
    event = peer_event("lifecycle", "coach", {"stage": "init"}) | {"session_id": session}
    assert applied(event).event.session_id == session


def test_a_submission_names_what_a_person_typed_and_feedback_no_exercise() -> None:
    assert applied(peer_event("exercise_submission", "student", {"exercise_id": "ex-1", "response": "done"}))
    assert applied(
        peer_event("assessment_feedback", "coach", {"grade": "pass", "mistakes": [], "confidence_delta": 0.1})
    )


@pytest.mark.parametrize("actor", ["service", "coach", "student"])
@pytest.mark.parametrize(
    "event_type",
    ["buddy.match.created", "kintell.session.completed", "upskilling.x", "orchestration.x", "safety.x", "q2q.x"],
)
def test_events_of_the_hub_are_kept_and_have_no_effect(event_type: str, actor: str) -> None:
    found = accepted(peer_event(event_type, actor, {"student_id": 12, "anything": None}))
    assert (found.applied, found.note, found.event.student_id) == (False, "unknown_type", None)


def test_python_writes_spaces_and_escapes_and_it_is_the_same_event() -> None:
    event = peer_event("coach_hint", "coach", {"hint": "schön \U0001f600"})
    loose, tight = judge(json.dumps(event).encode()), judge(raw(event))
    assert isinstance(loose, Accepted)
    assert isinstance(tight, Accepted)
    assert (loose.event, loose.content) == (tight.event, tight.content)
    assert loose.raw != tight.raw
