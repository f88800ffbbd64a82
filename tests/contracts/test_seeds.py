"""The JSON examples of the plan that this project began with, taken literally.

``a|b`` in them stands for either; each alternative is a case, and the unexpanded form is no event.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from colearner_ls.contracts.judging import Accepted, Rejected, judge

ENVELOPE = """{
  "ts": "2026-01-20T12:00:00Z",
  "actor": "coach|student",
  "session_id": "uuid",
  "event_type": "learning_plan|exercise_assigned|assessment_feedback|progress_update",
  "payload": {}
}"""

PAYLOADS = {
    "learning_plan": """{
  "goals": ["onboard to service X"],
  "plan": [{"id":"step-1","topic":"repo overview","status":"next"}]
}""",
    "exercise_assigned": """{
  "topic": "dependency graph",
  "exercise": "…",
  "expected": "…",
  "tests": ["go test ./..."]
}""",
    "assessment_feedback": """{
  "grade": "pass|revise",
  "mistakes": ["…"],
  "next_step": "…",
  "confidence_delta": 0.1
}""",
    "progress_update": """{
  "completed": ["step-1"],
  "confidence": {"repo overview": 0.8}
}""",
}

MAY_SAY = {
    "learning_plan": {"coach", "student"},
    "exercise_assigned": {"coach"},
    "assessment_feedback": {"coach"},
    "progress_update": {"student"},
}


def expanded(value: Any) -> list[Any]:
    """All ways to choose one side of every ``a|b``."""
    if isinstance(value, str):
        return list(value.split("|"))
    if isinstance(value, list):
        return [[item] for item in expanded(value[0])]
    if isinstance(value, dict):
        ways: list[dict[str, Any]] = [{}]
        for name, item in value.items():
            ways = [{**way, name: choice} for way in ways for choice in expanded(item)]
        return ways
    return [value]


def events() -> list[dict[str, Any]]:
    return [
        {**envelope, "payload": payload}
        for envelope in expanded({**json.loads(ENVELOPE), "payload": None})
        for payload in expanded(json.loads(PAYLOADS[envelope["event_type"]]))
    ]


def test_the_examples_expand_to_all_alternatives() -> None:
    assert len(events()) == 2 * (1 + 1 + 2 + 1)


@pytest.mark.parametrize("event", events(), ids=lambda event: f"{event['actor']}-{event['event_type']}")
def test_every_alternative_is_an_event_where_its_actor_may_say_it(event: dict[str, Any]) -> None:
    found = judge(json.dumps(event).encode())
    if event["actor"] in MAY_SAY[event["event_type"]]:
        assert isinstance(found, Accepted), found
        assert found.applied
        assert found.event.payload == event["payload"]
        assert (found.event.session_id, found.event.derived) == ("uuid", True)
    else:
        assert isinstance(found, Rejected), found
        assert found.reason == "not_allowed"


def test_the_envelope_as_it_stands_is_no_event() -> None:
    found = judge(ENVELOPE.encode())
    assert isinstance(found, Rejected)
    assert (found.reason, found.session_id) == ("malformed", "uuid")
    assert "actor" in found.detail


@pytest.mark.parametrize("event_type", PAYLOADS)
def test_an_empty_payload_lacks_what_is_required(event_type: str) -> None:
    actor = min(MAY_SAY[event_type])
    found = judge(json.dumps({**json.loads(ENVELOPE), "actor": actor, "event_type": event_type}).encode())
    assert isinstance(found, Rejected)
    assert found.reason == "malformed"


def test_an_unexpanded_grade_is_no_verdict() -> None:
    payload = json.loads(PAYLOADS["assessment_feedback"])
    event = {**json.loads(ENVELOPE), "actor": "coach", "event_type": "assessment_feedback", "payload": payload}
    found = judge(json.dumps(event).encode())
    assert isinstance(found, Rejected)
    assert found.reason == "malformed"
    assert "payload.grade" in found.detail


def test_an_unexpanded_type_is_a_type_nobody_knows() -> None:
    found = judge(json.dumps({**json.loads(ENVELOPE), "actor": "coach"}).encode())
    assert isinstance(found, Accepted)
    assert (found.applied, found.note) == (False, "unknown_type")
