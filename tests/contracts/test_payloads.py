"""Every payload: required fields, types, ranges, and how tolerant it is of the rest."""

from __future__ import annotations

from typing import Any

import pytest

from colearner_ls.contracts.examples import EXAMPLES
from colearner_ls.contracts.judging import Accepted, Rejected, judge
from tests.contracts.samples import any_actor, peer_event, raw

# What is bold in the catalogue of contracts.md.
REQUIRED = {
    "session_started": [],
    "learning_plan": ["plan"],
    "exercise_assigned": ["topic", "exercise"],
    "exercise_withdrawn": ["exercise_id"],
    "exercise_assigned_ack": ["status"],
    "exercise_submission": ["exercise_id"],
    "exercise_submission_ack": ["status"],
    "assessment_feedback": ["grade"],
    "assessment_feedback_ack": ["status"],
    "progress_update": [],
    "evidence_snapshot": ["path"],
    "evidence_request": ["path"],
    "evidence_declined": ["request_id", "reason"],
    "evidence_withdrawn": ["writer_seq"],
    "sharing_changed": ["mode"],
    "scope_policy": ["scope"],
    "stuck_reported": ["summary"],
    "stuck_resolved": ["stuck_id"],
    "coach_hint": ["hint"],
    "hint_ack": ["note"],
    "blocker_dismissed": ["rule", "cause"],
    "students_linked": ["student_ids"],
    "students_unlinked": ["student_ids"],
    "key_added": ["kid"],
    "key_revoked": ["kid"],
    "lifecycle": ["stage"],
    "session_closed": [],
}

ENUMERATIONS = {
    ("exercise_assigned_ack", "status"): ["received", "accepted", "declined", "completed"],
    ("assessment_feedback", "grade"): ["pass", "revise"],
    ("assessment_feedback_ack", "status"): ["read", "addressed"],
    ("evidence_snapshot", "trigger"): ["save", "submit", "request", "stuck"],
    ("evidence_declined", "reason"): ["declined", "out_of_scope", "not_found", "paused"],
    ("sharing_changed", "mode"): ["auto", "ask", "off"],
    ("scope_policy", "share"): ["auto", "ask", "off"],
    ("lifecycle", "stage"): ["init", "plan", "practice", "review", "done", "note", "insight"],
}


def verdict(event_type: str, payload: dict[str, Any]) -> Accepted | Rejected:
    return judge(raw(peer_event(event_type, any_actor(event_type), payload)))


def assert_applied(event_type: str, payload: dict[str, Any]) -> None:
    found = verdict(event_type, payload)
    assert isinstance(found, Accepted), found
    assert found.applied
    assert found.event.payload == payload


def assert_malformed(event_type: str, payload: dict[str, Any], *words: str) -> None:
    found = verdict(event_type, payload)
    assert isinstance(found, Rejected), found
    assert found.reason == "malformed"
    for word in words:
        assert word in found.detail


def only_required(event_type: str) -> dict[str, Any]:
    return {name: EXAMPLES[event_type][name] for name in REQUIRED[event_type]}


def least(event_type: str) -> dict[str, Any]:
    return only_required(event_type) or ({"completed": []} if event_type == "progress_update" else {})


FIELDS = [(event_type, name) for event_type, payload in EXAMPLES.items() for name in payload]
REQUIRED_FIELDS = [(event_type, name) for event_type, required in REQUIRED.items() for name in required]


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_the_example_is_accepted_whole_and_at_its_least(event_type: str) -> None:
    assert_applied(event_type, dict(EXAMPLES[event_type]))
    assert_applied(event_type, least(event_type))


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_unknown_fields_are_kept(event_type: str) -> None:
    assert_applied(event_type, {**EXAMPLES[event_type], "x_new": {"a": [1]}, "model_config": 1, "schema": "s"})


@pytest.mark.parametrize(("event_type", "name"), REQUIRED_FIELDS)
def test_a_required_field_cannot_be_missing_or_null(event_type: str, name: str) -> None:
    payload = dict(EXAMPLES[event_type])
    del payload[name]
    assert_malformed(event_type, payload, f"payload.{name}: is missing")
    assert_malformed(event_type, {**payload, name: None}, f"payload.{name}")


@pytest.mark.parametrize(("event_type", "name"), [pair for pair in FIELDS if pair not in REQUIRED_FIELDS])
def test_an_optional_field_may_be_null(event_type: str, name: str) -> None:
    assert_applied(event_type, {**EXAMPLES[event_type], name: None})


WRONG: dict[type, list[Any]] = {
    str: [1, 1.5, True, [], {}, ["text"]],
    int: ["3", 1.5, True, [], {}],
    float: ["0.5", True, [], {}],
    bool: ["true", 0, 1, [], {}],
    list: ["text", 1, True, {}, {"0": "text"}],
    dict: ["text", 1, True, [], [["a", "b"]]],
}


@pytest.mark.parametrize(("event_type", "name"), FIELDS)
def test_a_wrong_type_is_never_converted(event_type: str, name: str) -> None:
    payload = EXAMPLES[event_type]
    for wrong in WRONG[type(payload[name])]:
        assert_malformed(event_type, {**payload, name: wrong}, f"payload.{name}")


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_the_student_in_the_payload_is_a_text(event_type: str) -> None:
    assert_malformed(event_type, {**least(event_type), "student_id": 7}, "payload.student_id")


@pytest.mark.parametrize(("event_type", "name"), ENUMERATIONS)
def test_enumerations(event_type: str, name: str) -> None:
    allowed = ENUMERATIONS[event_type, name]
    payload = EXAMPLES[event_type]
    for word in allowed:
        assert_applied(event_type, {**payload, name: word})
    for word in ("", allowed[0].upper(), f" {allowed[0]}", "|".join(allowed), "anything"):
        assert_malformed(event_type, {**payload, name: word}, f"payload.{name}")


def test_the_status_of_a_plan_step_and_of_a_submission_ack_is_any_text() -> None:
    for status in ("todo", "pending", "next", "active", "done", "skipped", "blocked by Kim", ""):
        assert_applied("learning_plan", {"plan": [{"id": "1", "topic": "t", "status": status}]})
    for status in ("received", "seen", "accepted"):
        assert_applied("exercise_submission_ack", {"status": status})


SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ANCHOR = {"path": "a.py"}
ASSIGNED = {"topic": "t", "exercise": "e"}
GRADE = {"grade": "pass"}
SUBMITTED = {"exercise_id": "ex-1"}

ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("learning_plan", {"plan": []}),
    ("learning_plan", {"plan": [{"id": "1"}]}),
    ("learning_plan", {"plan": [{"id": "1", "topic": None, "status": None, "weight": 3}], "goals": []}),
    ("exercise_assigned", {**ASSIGNED, "anchors": [ANCHOR]}),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "quote": None, "range": None}]}),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "range": {"start_line": 1, "end_line": 1}}]}),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "quote": {"exact": ""}, "x": 1}]}),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "occurrence": {"nth": 2, "of": 3}}]}),
    ("exercise_assigned", {**ASSIGNED, "topic": "", "exercise": "", "tests": [""], "due": "next week"}),
    ("exercise_submission", {**SUBMITTED, "confidence": 0}),
    ("exercise_submission", {**SUBMITTED, "confidence": 1}),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{"command": "make"}]}),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{"command": "make", "exit_code": -9, "duration_s": 3}]}),
    ("assessment_feedback", {**GRADE, "mistakes": ["text", {"text": "t"}, {"text": "t", "anchor": ANCHOR}]}),
    ("assessment_feedback", {**GRADE, "confidence_delta": -1}),
    ("assessment_feedback", {**GRADE, "confidence_delta": 1}),
    ("assessment_feedback_ack", {"status": "addressed", "mistake": 0}),
    ("progress_update", {"completed": []}),
    ("progress_update", {"confidence": {}}),
    ("progress_update", {"confidence": {"t": 0, "u": 1, "v": 0.5}}),
    ("progress_update", {"active_step": "s"}),
    ("progress_update", {"blockers": []}),
    ("progress_update", {"files_changed": [{"path": "a"}] * 200, "files_total": 5000}),
    ("evidence_snapshot", {"path": "a.py", "hash": "md5:0", "hunks": [{"start_line": 1}]}),
    ("evidence_snapshot", {"path": "../../etc/passwd"}),  # refused where it is used (domain/paths.py), not here
    ("evidence_withdrawn", {"writer_seq": 2**53 - 1}),
    ("scope_policy", {"scope": "s", "max_snippet_bytes": 0}),
    ("stuck_reported", {"summary": "", "evidence_pack": [{"path": "a"}]}),
    ("hint_ack", {"note": ""}),
    ("session_started", {"repo": {}}),
    ("session_closed", {"summary": {"anything": [1, {"at": "all"}]}}),
]

MALFORMED: list[tuple[str, dict[str, Any], str]] = [
    ("learning_plan", {"plan": ["step-1"]}, "plan.0"),
    ("learning_plan", {"plan": [{"topic": "t"}]}, "plan.0.id: is missing"),
    ("learning_plan", {"plan": [{"id": 1}]}, "plan.0.id"),
    ("learning_plan", {"plan": [], "goals": "one"}, "goals"),
    ("learning_plan", {"plan": [], "goals": [1]}, "goals.0"),
    ("exercise_assigned", {**ASSIGNED, "tests": ["make", 1]}, "tests.1"),
    ("exercise_assigned", {**ASSIGNED, "anchors": ANCHOR}, "anchors"),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{}]}, "anchors.0.path: is missing"),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "quote": "text"}]}, "anchors.0.quote"),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "quote": {"prefix": "p"}}]}, "quote.exact: is missing"),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "range": {"start_line": 1}}]}, "end_line: is missing"),
    (
        "exercise_assigned",
        {**ASSIGNED, "anchors": [{**ANCHOR, "range": {"start_line": 0, "end_line": 1}}]},
        "start_line",
    ),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "range": {"start_line": 3, "end_line": 2}}]}, "before"),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "range": {"start_line": "1", "end_line": 2}}]}, "start"),
    ("exercise_assigned", {**ASSIGNED, "anchors": [{**ANCHOR, "occurrence": {"nth": 0, "of": 3}}]}, "nth"),
    ("exercise_submission", {**SUBMITTED, "confidence": 1.01}, "confidence"),
    ("exercise_submission", {**SUBMITTED, "confidence": -0.01}, "confidence"),
    ("exercise_submission", {**SUBMITTED, "evidence": [{"path": "a"}]}, "evidence.0"),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{}]}, "test_runs.0.command: is missing"),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{"command": "m", "exit_code": "0"}]}, "exit_code"),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{"command": "m", "exit_code": False}]}, "exit_code"),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{"command": "m", "duration_s": -1}]}, "duration_s"),
    ("exercise_submission", {**SUBMITTED, "test_runs": [{"command": "m", "passed": -1}]}, "passed"),
    ("assessment_feedback", {**GRADE, "confidence_delta": 1.001}, "confidence_delta"),
    ("assessment_feedback", {**GRADE, "confidence_delta": -1.001}, "confidence_delta"),
    ("assessment_feedback", {**GRADE, "mistakes": [1]}, "mistakes.0"),
    ("assessment_feedback", {**GRADE, "mistakes": [None]}, "mistakes.0"),
    ("assessment_feedback", {**GRADE, "mistakes": [{"anchor": ANCHOR}]}, "text: is missing"),
    ("assessment_feedback", {**GRADE, "mistakes": [{"text": "t", "anchor": {}}]}, "path: is missing"),
    ("assessment_feedback_ack", {"status": "addressed", "mistake": -1}, "mistake"),
    ("progress_update", {}, "at least one of completed"),
    ("progress_update", {"completed": None, "blockers": None}, "at least one of"),
    ("progress_update", {"student_id": "sam", "files_total": 1, "from_commit": "c"}, "at least one of"),
    ("progress_update", {"completed": "step-1"}, "completed"),
    ("progress_update", {"confidence": {"t": 1.5}}, "confidence.t"),
    ("progress_update", {"confidence": {"t": "high"}}, "confidence.t"),
    ("progress_update", {"confidence": {"t": None}}, "confidence.t"),
    ("progress_update", {"confidence": {"t": True}}, "confidence.t"),
    ("progress_update", {"confidence": 0.5}, "confidence"),
    ("progress_update", {"files_changed": [{"path": "a"}] * 201}, "200"),
    ("progress_update", {"files_changed": ["a.py"]}, "files_changed.0"),
    ("progress_update", {"files_changed": [{"path": "a", "bytes": -1}]}, "bytes"),
    ("evidence_snapshot", {"path": "a", "range": {"start_line": 2, "end_line": 1}}, "before"),
    ("evidence_snapshot", {"path": "a", "redactions": [{"rule": "r"}]}, "count: is missing"),
    ("evidence_snapshot", {"path": "a", "hunks": ["@@"]}, "hunks.0"),
    ("evidence_withdrawn", {"writer_seq": 0}, "writer_seq"),
    ("scope_policy", {"scope": "s", "max_snippet_bytes": -1}, "max_snippet_bytes"),
    ("scope_policy", {"scope": "s", "deny": "**"}, "deny"),
    ("stuck_reported", {"summary": "s", "evidence_pack": [{"snippet": "s"}]}, "path: is missing"),
    ("stuck_reported", {"summary": "s", "anchor": "a.py:3"}, "anchor"),
    ("students_linked", {"student_ids": ["a", 2]}, "student_ids.1"),
    ("session_started", {"repo": "https://git.example/x.git"}, "repo"),
    ("session_closed", {"summary": "fine"}, "summary"),
]


@pytest.mark.parametrize(("event_type", "payload"), ACCEPTED)
def test_what_is_accepted(event_type: str, payload: dict[str, Any]) -> None:
    assert_applied(event_type, payload)


@pytest.mark.parametrize(("event_type", "payload", "words"), MALFORMED)
def test_what_is_malformed(event_type: str, payload: dict[str, Any], words: str) -> None:
    assert_malformed(event_type, payload, words)
