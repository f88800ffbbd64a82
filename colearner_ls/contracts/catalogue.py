"""The catalogue: every event type of coach and student, its version, its topics, and who may say it (contracts.md).

Names only, no models: importing it is cheap. `model_for` loads pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from colearner_ls.contracts.errors import BadInput, NotAllowed
from colearner_ls.contracts.frozen import frozen

if TYPE_CHECKING:
    from pydantic import BaseModel

ASSIGNMENTS: Final = "colearner.assignments.v1"
FEEDBACK: Final = "colearner.feedback.v1"
PROGRESS: Final = "colearner.progress.v1"
COACH: Final = "colearner.coach.v1"
SESSIONS: Final = "colearner.sessions.v1"
EVENTS: Final = "colearner.events.v1"

TOPICS: Final = (ASSIGNMENTS, FEEDBACK, PROGRESS, COACH, SESSIONS, EVENTS)
"""Base names of the topics; a bus may put a prefix before them. All are read, whatever the type."""


@frozen
class EventType:
    """One row of the catalogue. ``topics``: actor → base name of the topic that this actor's events are written to."""

    name: str
    version: int
    topics: Mapping[str, str]
    actors: frozenset[str]
    model: str
    """Name of the pydantic model of the payload's newest version, in `colearner_ls.contracts.payloads`."""
    summary: str


def _row(name: str, topics: Mapping[str, str], summary: str) -> EventType:
    model = "".join(word.capitalize() for word in name.split("_"))
    return EventType(name, 1, MappingProxyType(dict(topics)), frozenset(topics), model, summary)


def _coach(topic: str) -> Mapping[str, str]:
    return {"coach": topic}


def _student(topic: str) -> Mapping[str, str]:
    return {"student": topic}


def _both(topic: str) -> Mapping[str, str]:
    return {"coach": topic, "student": topic}


_ROWS: Final = (
    _row("session_started", _both(SESSIONS), "A session begins, or one more learner joins it."),
    _row(
        "learning_plan",
        {"coach": ASSIGNMENTS, "student": PROGRESS},
        "The steps to go through. A new plan replaces the steps; completed ones stay done.",
    ),
    _row("exercise_assigned", _coach(ASSIGNMENTS), "An exercise. The same id again revises its text and anchors."),
    _row("exercise_withdrawn", _coach(ASSIGNMENTS), "The exercise is no longer wanted."),
    _row("exercise_assigned_ack", _student(PROGRESS), "What the student says to an exercise."),
    _row("exercise_submission", _student(PROGRESS), "The student's answer to an exercise."),
    _row("exercise_submission_ack", _coach(FEEDBACK), "What the coach's side says to a submission."),
    _row("assessment_feedback", _coach(FEEDBACK), "The coach's verdict on a submission."),
    _row("assessment_feedback_ack", _student(PROGRESS), "The student has read the feedback, or dealt with a mistake."),
    _row("progress_update", _student(PROGRESS), "How far the student is. At least one field of its own is there."),
    _row("evidence_snapshot", _student(PROGRESS), "A piece of a file as it was at that moment, with its hash."),
    _row("evidence_request", _coach(ASSIGNMENTS), "The coach asks to see a file."),
    _row("evidence_declined", _student(PROGRESS), "The request is not granted, and why."),
    _row("evidence_withdrawn", _student(PROGRESS), "Stands in the place of an event taken back before it was sent."),
    _row("sharing_changed", _student(PROGRESS), "The student's own sharing switch."),
    _row("scope_policy", _coach(ASSIGNMENTS), "What may be shared at most, and which commands may be asked for."),
    _row("stuck_reported", _student(COACH), "The student is stuck and asks for help."),
    _row("stuck_resolved", _both(COACH), "A report of being stuck is settled."),
    _row("coach_hint", _coach(COACH), "A hint."),
    _row("hint_ack", _student(COACH), "What the student says to a hint."),
    _row("blocker_dismissed", _coach(COACH), "The coach does not want to be told of this blocker any more."),
    _row("students_linked", _coach(COACH), "These student ids are one person."),
    _row("students_unlinked", _coach(COACH), "These student ids are not one person after all."),
    _row("key_added", _coach(SESSIONS), "One more key speaks for the coach; signed by a key that is pinned already."),
    _row("key_revoked", _coach(SESSIONS), "A key does not count any more; signed by a key that is pinned already."),
    _row("lifecycle", _both(EVENTS), "The session moves to a stage; note and insight are remarks and move nothing."),
    _row("session_closed", _both(SESSIONS), "The session is over; later events still count."),
)

CATALOGUE: Mapping[str, EventType] = MappingProxyType({row.name: row for row in _ROWS})
"""Event type → its row, in the order of the documentation."""


def row_of(name: str) -> EventType:
    """Return the row of that name. Raises `BadInput` where there is none."""
    row = CATALOGUE.get(name)
    if row is None:
        raise BadInput(f"There is no event type {name[:60]!r}.", f"Known are: {', '.join(CATALOGUE)}.")
    return row


def topic_for(event_type: str, actor: str) -> str:
    """Return the base name of the topic on which ``actor`` writes events of that type.

    A type that this version does not know (kept from a newer one) goes to the shared stream ``colearner.events.v1``.
    Raises `NotAllowed` where the catalogue does not let ``actor`` say it.
    """
    row = CATALOGUE.get(event_type)
    if row is None:
        return EVENTS
    topic = row.topics.get(actor)
    if topic is None:
        raise NotAllowed(f"A {actor} may not say {event_type}.", f"Only a {' or a '.join(sorted(row.actors))} may.")
    return topic


def may_say(event_type: str, actor: str) -> bool:
    """Tell whether the catalogue lets ``actor`` say that; false for a type it does not have."""
    row = CATALOGUE.get(event_type)
    return row is not None and actor in row.actors


def model_for(event_type: str) -> type[BaseModel]:
    """Return the pydantic model of the payload's newest version (loads pydantic). Raises `BadInput` where unknown."""
    from colearner_ls.contracts import payloads

    model: type[BaseModel] = getattr(payloads, row_of(event_type).model)
    return model
