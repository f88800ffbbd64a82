"""What the fold keeps of each event: the fields that matter, taken from a payload of which only little is guaranteed.

An item is ``(hlc, event id, kind, ts, fields)``: plain JSON values, compared and sorted by its first two. ``fields``
holds ``by`` (the author) and ``cause`` (the ``causation_id``) next to what the kind needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from colearner_ls.contracts.event import Event

Fields = dict[str, Any]
Item = tuple[int, str, str, str, Fields]

_OBJECT: Final = (dict, Mapping)
"""What an object of JSON is here. Nearly all are dicts, and that is quick to see; the check for a Mapping is slow."""

PENDING: Final = "pending"
"""Peers' word for the plan status ``todo`` (contracts.md, *What other implementations put on the wire*)."""


def as_text(value: object) -> str:
    """The text, or ``""`` for anything else."""
    return value if isinstance(value, str) else ""


def as_name(value: object) -> str | None:
    """The text, or ``None`` where there is none or it is empty: an empty name names nothing."""
    return value if isinstance(value, str) and value else None


def as_texts(value: object) -> list[str]:
    """The texts of a list; a single text counts as a list of one."""
    if value is None or value == []:  # as nearly always
        return []
    if isinstance(value, str):
        return [value]
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, (list, tuple)) else []


def as_objects(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list."""
    if value is None:
        return []
    return [entry for entry in value if isinstance(entry, _OBJECT)] if isinstance(value, (list, tuple)) else []


def as_object(value: object) -> Mapping[str, Any] | None:
    """The object, or ``None`` for anything else."""
    return value if isinstance(value, _OBJECT) else None


def as_number(value: object) -> float | None:
    """The number as a float, or ``None`` for anything else. ``1`` and ``1.0`` are one JSON number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value)


def as_index(value: object) -> int | None:
    """A whole number ≥ 0, or ``None``."""
    number = as_number(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def item(event: Event, kind: str, fields: Fields) -> Item:
    """The item of an event; adds author and cause to the fields."""
    if event.author is not None:
        fields["by"] = event.author
    if event.causation_id is not None:
        fields["cause"] = event.causation_id
    return (event.hlc, event.id, kind, event.ts, fields)


def _present(payload: Mapping[str, Any], readers: Mapping[str, Callable[[object], Any]]) -> Fields:
    """The fields that the payload says something about: absent and ``null`` are the same."""
    return {name: read(payload[name]) for name, read in readers.items() if payload.get(name) is not None}


def _steps(value: object) -> list[list[str]]:
    """``[id, topic, status]`` per plan step. A step without an id is named by its place, ``step-1`` being the first."""
    steps = []
    for number, entry in enumerate(value if isinstance(value, (list, tuple)) else (), start=1):
        step = entry if isinstance(entry, Mapping) else {"topic": entry}
        status = as_text(step.get("status")) or "todo"
        name = as_name(step.get("id")) or f"step-{number}"
        steps.append([name, as_text(step.get("topic")), "todo" if status == PENDING else status])
    return steps


def plan(event: Event) -> Fields:
    """``learning_plan``: ``goals`` only where the event has them."""
    return {"plan": _steps(event.payload.get("plan")), **_present(event.payload, {"goals": as_texts})}


_ASSIGNED: Final[Mapping[str, Callable[[object], Any]]] = {
    "topic": as_text,
    "exercise": as_text,
    "expected": as_text,
    "tests": as_texts,
    "title": as_text,
    "step_id": as_text,
    "anchors": as_objects,
    "hints": as_texts,
    "due": as_text,
}


def assigned(event: Event) -> Fields:
    """``exercise_assigned``: ``x`` is the exercise's id, the event's own where the payload has none."""
    return {"x": as_name(event.payload.get("exercise_id")) or event.id, **_present(event.payload, _ASSIGNED)}


def withdrawn(event: Event) -> Fields:
    """``exercise_withdrawn``."""
    return {"x": as_name(event.payload.get("exercise_id")), "reason": as_text(event.payload.get("reason"))}


def assigned_ack(event: Event) -> Fields:
    """``exercise_assigned_ack``."""
    return {"x": as_name(event.payload.get("exercise_id")), "status": as_text(event.payload.get("status"))}


def submission(event: Event) -> Fields:
    """``exercise_submission``."""
    payload = event.payload
    return {
        "x": as_name(payload.get("exercise_id")),
        "response": as_text(payload.get("response")),
        "evidence": as_texts(payload.get("evidence")),
        "test_runs": as_objects(payload.get("test_runs")),
        "confidence": as_number(payload.get("confidence")),
    }


def submission_ack(event: Event) -> Fields:
    """``exercise_submission_ack``."""
    payload = event.payload
    return {
        "x": as_name(payload.get("exercise_id")),
        "s": as_name(payload.get("submission_id")),
        "status": as_text(payload.get("status")),
    }


def _mistakes(value: object) -> list[list[Any]]:
    """``[text, anchor or None]`` per mistake: a text, or an object with ``text`` and ``anchor``."""
    mistakes: list[list[Any]] = []
    for entry in value if isinstance(value, (list, tuple)) else ():
        if isinstance(entry, str):
            mistakes.append([entry, None])
        elif isinstance(entry, Mapping):
            mistakes.append([as_text(entry.get("text")), as_object(entry.get("anchor"))])
    return mistakes


def feedback(event: Event) -> Fields:
    """``assessment_feedback``."""
    payload = event.payload
    return {
        "x": as_name(payload.get("exercise_id")),
        "s": as_name(payload.get("submission_id")),
        "grade": as_text(payload.get("grade")),
        "mistakes": _mistakes(payload.get("mistakes")),
        "next_step": as_text(payload.get("next_step")),
        "delta": as_number(payload.get("confidence_delta")),
        "topic": as_name(payload.get("topic")),
    }


def feedback_ack(event: Event) -> Fields:
    """``assessment_feedback_ack``."""
    payload = event.payload
    return {
        "f": as_name(payload.get("feedback_id")),
        "status": as_text(payload.get("status")),
        "mistake": as_index(payload.get("mistake")),
    }


def request(event: Event) -> Fields:
    """``evidence_request``."""
    payload = event.payload
    return {
        "path": as_text(payload.get("path")),
        "reason": as_text(payload.get("reason")),
        "x": as_name(payload.get("exercise_id")),
    }


def declined(event: Event) -> Fields:
    """``evidence_declined``."""
    return {"r": as_name(event.payload.get("request_id")), "reason": as_text(event.payload.get("reason"))}


def stuck(event: Event) -> Fields:
    """``stuck_reported``."""
    payload = event.payload
    return {
        "summary": as_text(payload.get("summary")),
        "x": as_name(payload.get("exercise_id")),
        "anchor": as_object(payload.get("anchor")),
    }


def resolved(event: Event) -> Fields:
    """``stuck_resolved``."""
    return {"k": as_name(event.payload.get("stuck_id"))}


def hint(event: Event) -> Fields:
    """``coach_hint``."""
    payload = event.payload
    return {
        "hint": as_text(payload.get("hint")),
        "x": as_name(payload.get("exercise_id")),
        "k": as_name(payload.get("stuck_id")),
        "anchor": as_object(payload.get("anchor")),
    }


def hint_ack(event: Event) -> Fields:
    """``hint_ack``."""
    return {"h": as_name(event.payload.get("hint_id"))}


def stage(event: Event) -> Fields:
    """``lifecycle`` with a stage."""
    return {"stage": as_text(event.payload.get("stage"))}


def closed(_event: Event) -> Fields:
    """``session_closed``."""
    return {}


READERS: Final[Mapping[str, tuple[str, Callable[[Event], Fields]]]] = {
    "learning_plan": ("plan", plan),
    "exercise_assigned": ("assigned", assigned),
    "exercise_withdrawn": ("withdrawn", withdrawn),
    "exercise_assigned_ack": ("assigned_ack", assigned_ack),
    "exercise_submission": ("submission", submission),
    "exercise_submission_ack": ("submission_ack", submission_ack),
    "assessment_feedback": ("feedback", feedback),
    "assessment_feedback_ack": ("feedback_ack", feedback_ack),
    "evidence_request": ("request", request),
    "evidence_declined": ("declined", declined),
    "stuck_reported": ("stuck", stuck),
    "stuck_resolved": ("resolved", resolved),
    "coach_hint": ("hint", hint),
    "hint_ack": ("hint_ack", hint_ack),
    "session_closed": ("closed", closed),
}
"""Event type → kind of item and its reader. Other types are handled by the fold itself or have no effect."""
