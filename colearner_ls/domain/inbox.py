"""What waits for whom: worked out from the state alone, the same for every surface."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, TypedDict

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.state import (
    STUDENTS_TURN,
    Evidence,
    Exercise,
    Feedback,
    Json,
    LearnerState,
    SessionState,
    Submission,
)

Kind = Literal["stuck", "submission", "evidence", "request", "feedback", "hint", "exercise"]

TOLD: Final = ("submit", "request", "stuck")
"""Triggers of evidence that a person chose to share; what a save sends by itself waits for nobody."""

_COACH_ORDER: Final = ("stuck", "submission", "evidence")
_STUDENT_ORDER: Final = ("request", "feedback", "hint", "exercise")
_NEVER: Final = "~"
"""Sorts after every time that begins with a digit."""


@frozen
class Waiting:
    """One thing that waits for a person. ``id`` is an event id, for an exercise the exercise id.

    ``since`` is the hlc (µs) from which it waits; ``ts`` the wall clock of the event, for people. ``status`` is the
    exercise's or the feedback's grade, else empty. ``path`` and ``line`` (1-based) are the first place it is about.
    """

    kind: Kind
    id: str
    student_id: str | None
    exercise_id: str | None
    text: str
    ts: str
    since: int
    status: str = ""
    due: str | None = None
    path: str | None = None
    line: int | None = None


def waiting_for_student(me: LearnerState) -> tuple[Waiting, ...]:
    """Requests, unread feedback, unanswered hints, then exercises: those with the nearest due time first."""
    found = [*_requests(me), *_feedback(me), *_hints(me), *_exercises(me)]
    return tuple(
        sorted(found, key=lambda item: (_STUDENT_ORDER.index(item.kind), item.due or _NEVER, item.since, item.id))
    )


def waiting_for_coach(session: SessionState) -> tuple[Waiting, ...]:
    """Of all learners: who is stuck, then what waits for an assessment, then evidence; the longest waiting first."""
    found = [item for learner in session.learners.values() for item in _of_learner(learner)]
    return tuple(sorted(found, key=lambda item: (_COACH_ORDER.index(item.kind), item.since, item.id)))


def named(exercise: Exercise) -> str:
    """What people call an exercise: its title, else its topic."""
    return exercise.title or exercise.topic


def _requests(me: LearnerState) -> Iterable[Waiting]:
    for each in me.requests:
        if each.answer is None:
            text = each.reason or each.path
            yield Waiting("request", each.id, me.student_id, each.exercise_id, text, each.ts, each.hlc, path=each.path)


def _feedback(me: LearnerState) -> Iterable[Waiting]:
    for each in me.feedback:
        if not each.read:
            yield Waiting(
                "feedback",
                each.id,
                me.student_id,
                each.exercise_id,
                _verdict(each),
                each.ts,
                each.hlc,
                status=each.grade,
                **_first_place([mistake.anchor for mistake in each.mistakes]),
            )


def _verdict(feedback: Feedback) -> str:
    mistakes = [mistake.text for mistake in feedback.mistakes[:1]]
    return next((text for text in (feedback.next_step, *mistakes) if text), feedback.grade)


def _hints(me: LearnerState) -> Iterable[Waiting]:
    for each in me.hints:
        if not each.acked:
            where = _first_place([each.anchor])
            yield Waiting("hint", each.id, me.student_id, each.exercise_id, each.hint, each.ts, each.hlc, **where)


def _exercises(me: LearnerState) -> Iterable[Waiting]:
    for each in me.exercises:
        if each.status in STUDENTS_TURN:
            yield Waiting(
                "exercise",
                each.id,
                me.student_id,
                each.id,
                named(each),
                each.ts,
                each.hlc,
                status=each.status,
                due=each.due,
                **_first_place(each.anchors),
            )


def _of_learner(me: LearnerState) -> Iterable[Waiting]:
    for stuck in me.stuck:
        if stuck.resolved_by is None:
            where = _first_place([stuck.anchor])
            yield Waiting(
                "stuck", stuck.id, me.student_id, stuck.exercise_id, stuck.summary, stuck.ts, stuck.hlc, **where
            )
    yield from _submissions(me)
    yield from _evidence(me)


def _settled(submission: Submission, exercise: Exercise | None, passed: Mapping[str | None, int]) -> bool:
    """Nobody need look at it although no feedback names it: its exercise was withdrawn, or passed later on another one."""
    if exercise is None:
        return False
    if exercise.status == "withdrawn":
        return True
    return exercise.status == "passed" and submission.hlc < passed.get(exercise.id, 0)


def _submissions(me: LearnerState) -> Iterable[Waiting]:
    """The newest unassessed submission of each exercise; it waits since the first of them."""
    exercises = {exercise.id: exercise for exercise in me.exercises}
    passed = {feedback.exercise_id: feedback.hlc for feedback in me.feedback if feedback.grade == "pass"}
    first: dict[str, int] = {}
    newest: dict[str, Submission] = {}
    for each in me.submissions:
        exercise = exercises.get(each.exercise_id or "")
        if each.assessed_by is not None or _settled(each, exercise, passed):
            continue
        key = each.exercise_id or each.id
        first.setdefault(key, each.hlc)
        newest[key] = each
    for key, each in newest.items():
        exercise = exercises.get(each.exercise_id or "")
        text = each.response or (named(exercise) if exercise else "")
        where = _first_place(exercise.anchors if exercise else ())
        yield Waiting("submission", each.id, me.student_id, each.exercise_id, text, each.ts, first[key], **where)


def _evidence(me: LearnerState) -> Iterable[Waiting]:
    """What was shared apart from a submission and after the coach's last word on its exercise."""
    submitted = {event_id for submission in me.submissions for event_id in submission.evidence}
    assessed: dict[str | None, int] = {}
    for feedback in me.feedback:
        for key in (feedback.exercise_id, None):
            assessed[key] = max(assessed.get(key, 0), feedback.hlc)
    for each in me.evidence:
        told = each.trigger is None or each.trigger in TOLD
        if told and each.id not in submitted and each.hlc > assessed.get(each.exercise_id, 0):
            where = _first_place([{"path": each.path, "range": each.payload.get("range")}])
            text = _evidence_text(each)
            yield Waiting("evidence", each.id, me.student_id, each.exercise_id, text, each.ts, each.hlc, **where)


def _evidence_text(evidence: Evidence) -> str:
    note = evidence.payload.get("note") or evidence.payload.get("summary")
    return note if isinstance(note, str) and note else evidence.path


class _Where(TypedDict):
    path: str | None
    line: int | None


def _first_place(anchors: Sequence[Json | None]) -> _Where:
    for anchor in anchors:
        if anchor is not None and isinstance(anchor.get("path"), str):
            return {"path": anchor["path"], "line": _line_of(anchor)}
    return {"path": None, "line": None}


def _line_of(place: Mapping[str, Any]) -> int | None:
    found = place.get("range")
    line = found.get("start_line") if isinstance(found, Mapping) else None
    return line if isinstance(line, int) and line >= 1 else None
