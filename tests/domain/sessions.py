"""Sessions written down in tests: who said what, one second after the other unless a test says otherwise."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

from colearner_ls.contracts.event import Event
from colearner_ls.domain.fold import SessionFold, fold_events, state_bytes
from colearner_ls.domain.state import LearnerState, SessionState
from colearner_ls.domain.timeline import Timeline

START_US = 1_790_000_000_000_000
"""2026-09-21, in µs."""

SECOND_US = 1_000_000


class Session:
    """The events of one session in the order in which they were written down."""

    def __init__(self, session_id: str = "onboarding-01") -> None:
        self.session_id = session_id
        self.events: list[Event] = []
        self._second = 0

    def coach(self, event_type: str, **told: Any) -> Event:
        """The coach says something. ``to``: the student it names; ``at``: seconds from the start of the session;
        ``causation``: its causation_id, ``author``, ``writer``, ``seq``: the envelope's; the rest is the payload."""
        return self._said("coach", event_type, told)

    def student(self, event_type: str, **told: Any) -> Event:
        """A student says something; ``to`` is the student's own id."""
        return self._said("student", event_type, told)

    def service(self, event_type: str, **told: Any) -> Event:
        """The hub says something."""
        return self._said("service", event_type, told)

    def _said(self, actor: str, event_type: str, told: dict[str, Any]) -> Event:
        self._second = second = told.pop("at", self._second + 1)
        number = len(self.events) + 1
        event = Event(
            id=f"00000000-0000-7000-8000-{number:012x}",
            hlc=START_US + round(second * SECOND_US),
            ts=f"2026-09-21T14:{number // 60 % 60:02}:{number % 60:02}.000000Z",
            actor=actor,
            session_id=self.session_id,
            event_type=event_type,
            student_id=told.pop("to", None),
            causation_id=told.pop("causation", None),
            author=told.pop("author", None),
            writer=told.pop("writer", None),
            seq=told.pop("seq", None),
            payload=told,
        )
        self.events.append(event)
        return event

    def assign(self, **told: Any) -> str:
        """An assignment; returns the exercise id."""
        event = self.coach("exercise_assigned", **{"topic": "graphs", "exercise": "draw it", **told})
        return str(event.payload.get("exercise_id") or event.id)

    def submit(self, exercise: str, **told: Any) -> str:
        """A submission; returns its event id."""
        return self.student("exercise_submission", exercise_id=exercise, **told).id

    def assess(self, grade: str, **told: Any) -> str:
        """A feedback; returns its event id."""
        return self.coach("assessment_feedback", grade=grade, **told).id

    def state(self, links: Mapping[str, str] | None = None) -> SessionState:
        """The state, folded straight, and on the way checked against other ways that must give the same bytes: a
        timeline fed backwards with repetitions, one fed in a random order, and a fold that went through a snapshot."""
        links = links or {}
        state = fold_events(self.session_id, self.events).view(links)
        wanted = state_bytes(state)
        backwards = [event for event in reversed(self.events) for _ in range(2)]
        shuffled = random.Random(len(wanted)).sample(self.events, len(self.events))
        for order in (backwards, shuffled):
            timeline = Timeline(self.session_id, mark_every=3)
            for event in order:
                timeline.insert([event])
            assert state_bytes(timeline.state(links)) == wanted
        assert state_bytes(through_snapshots(self.session_id, self.events).view(links)) == wanted
        return state

    def learner(self, student_id: str | None = None, links: Mapping[str, str] | None = None) -> LearnerState:
        """The state of the learner with that id, else of the sole one."""
        learners = self.state(links).learners
        if student_id is not None:
            return learners[student_id]
        [learner] = learners.values()
        return learner


def through_snapshots(session_id: str, events: Iterable[Event]) -> SessionFold:
    """The fold with a dump and a load after each event."""
    fold = SessionFold.new(session_id)
    for event in sorted(events, key=lambda event: event.position):
        fold.apply(event)
        fold = SessionFold.load(fold.dump())
    return fold


def statuses(learner: LearnerState) -> dict[str, str]:
    """Exercise id → status."""
    return {exercise.id: exercise.status for exercise in learner.exercises}


def steps(learner: LearnerState) -> dict[str, str]:
    """Step id → status."""
    return {step.id: step.status for step in learner.plan}
