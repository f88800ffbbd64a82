"""What waits for whom: pure views of the state, in the order in which a person should see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from colearner_ls.domain.state import Exercise, LearnerState, SessionState, Submission

TO_DO: Final = frozenset({"assigned", "accepted", "revise"})
"""Statuses in which an exercise waits for the student; a submitted one waits for the coach."""

BY_ITSELF: Final = frozenset({"save", "submit", "stuck"})
"""Triggers of evidence that comes by itself or with something that waits for the coach anyway."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that waits. ``kind``: ``exercise``, ``feedback``, ``hint``, ``request`` (for a student); ``stuck``,
    ``submission``, ``evidence`` (for a coach). ``id`` is an event id, for ``exercise`` the exercise id. ``hlc`` is in
    µs, ``ts`` the same for people."""

    kind: str
    id: str
    exercise_id: str | None
    text: str
    ts: str
    hlc: int
    session_id: str
    student_id: str | None


def student_inbox(state: SessionState, student_id: str | None) -> tuple[Need, ...]:
    """What waits for the student, oldest first: exercises to work on, unread feedback, hints without an answer and
    open requests for evidence."""
    learner = state.learner(student_id)
    session = state.session_id
    needs = [
        Need("exercise", entry.id, entry.id, _title(entry), entry.ts, entry.hlc, session, learner.student_id)
        for entry in learner.exercises
        if entry.status in TO_DO
    ]
    needs += [
        Need("feedback", entry.id, entry.exercise_id, text, entry.ts, entry.hlc, session, learner.student_id)
        for entry in learner.feedback
        if not entry.read
        for text in [": ".join(part for part in (entry.grade, entry.next_step) if part)]
    ]
    needs += [
        Need("hint", entry.id, entry.exercise_id, entry.hint, entry.ts, entry.hlc, session, learner.student_id)
        for entry in learner.hints
        if not entry.acked
    ]
    needs += [
        Need("request", entry.id, entry.exercise_id, text, entry.ts, entry.hlc, session, learner.student_id)
        for entry in learner.requests
        if entry.answer is None
        for text in [": ".join(part for part in (entry.path, entry.reason) if part)]
    ]
    return tuple(sorted(needs, key=lambda need: (need.hlc, need.id)))


def coach_queue(state: SessionState) -> tuple[Need, ...]:
    """What waits for the coach, over all learners: who is stuck first, then submissions, then evidence that arrived
    since the coach last said something to that learner; within each the longest waiting first."""
    needs = [need for learner in state.learners.values() for need in _for_coach(state.session_id, learner)]
    return tuple(sorted(needs, key=lambda need: (_URGENCY[need.kind], need.hlc, need.id, need.student_id or "")))


_URGENCY: Final = {"stuck": 0, "submission": 1, "evidence": 2}


def _for_coach(session: str, learner: LearnerState) -> Iterator[Need]:
    student = learner.student_id
    exercises = {entry.id: entry for entry in learner.exercises}
    for report in learner.stuck:
        if report.resolved_by is None:
            yield Need("stuck", report.id, report.exercise_id, report.summary, report.ts, report.hlc, session, student)
    passed = {entry.exercise_id: entry.hlc for entry in learner.feedback if entry.grade == "pass"}
    for entry in learner.submissions:
        exercise = exercises.get(entry.exercise_id or "")
        if entry.assessed_by is None and not _settled(entry, exercise, passed):
            text = _title(exercise) if exercise is not None else entry.named or entry.response
            yield Need("submission", entry.id, entry.exercise_id, text, entry.ts, entry.hlc, session, student)
    submitted = {event for entry in learner.submissions for event in entry.evidence}
    for piece in learner.evidence:
        if piece.trigger in BY_ITSELF or piece.id in submitted or piece.hlc < (learner.last_coach_hlc or 0):
            continue
        yield Need("evidence", piece.id, piece.exercise_id, piece.path, piece.ts, piece.hlc, session, student)


def _settled(entry: Submission, exercise: Exercise | None, passed: Mapping[str | None, int]) -> bool:
    """Whether nobody need look at a submission although no feedback is about it: its exercise was withdrawn, or passed
    after it on the strength of another submission."""
    if exercise is None:
        return False
    if exercise.status == "withdrawn":
        return True
    return exercise.status == "passed" and entry.hlc < passed.get(exercise.id, 0)


def _title(exercise: Exercise) -> str:
    return exercise.title or exercise.topic or exercise.exercise
