"""The state of a session: what the fold over its events yields. Frozen, and nothing but plain values inside.

Times are ``hlc`` values (µs since the Unix epoch) next to the ``ts`` text of the event for people. Ids are event ids
unless the name says otherwise. ``inferred`` marks what was matched by a guess (contracts.md, *Matching*).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final

from colearner_ls.contracts.frozen import frozen

STAGES: Final = ("init", "plan", "practice", "review", "done")

STUDENTS_TURN: Final = frozenset({"assigned", "accepted", "revise"})
"""Statuses of an exercise in which the next step is the student's."""

UNFINISHED: Final = STUDENTS_TURN | {"submitted"}
"""Statuses of an exercise that is not over: it is marked in the code, and may be submitted."""

Json = Mapping[str, Any]


@frozen
class PlanStep:
    """One step of the learning plan. ``status``: todo, next, active, done, skipped, or another's word kept as text."""

    id: str
    topic: str
    status: str


@frozen
class Submission:
    """A student's ``exercise_submission`` or, with ``kind='ack'``, nothing else: acks do not stand here."""

    id: str
    hlc: int
    ts: str
    exercise_id: str | None
    response: str
    evidence: tuple[str, ...]
    confidence: float | None
    test_runs: tuple[Json, ...]
    author: str | None
    inferred: bool = False
    assessed_by: str | None = None
    acked: str | None = None
    named: str | None = None
    """The ``exercise_id`` as the student wrote it, which need not name any exercise (``ex-1``)."""


@frozen
class Mistake:
    """One mistake of a feedback. ``anchor`` is the payload's anchor object or ``None`` (then: line 1, or no place)."""

    text: str
    anchor: Json | None
    addressed: bool = False


@frozen
class Feedback:
    """An ``assessment_feedback``. ``read`` is true once a receipt with ``read`` or ``addressed`` came back."""

    id: str
    hlc: int
    ts: str
    exercise_id: str | None
    submission_id: str | None
    grade: str
    mistakes: tuple[Mistake, ...]
    next_step: str
    confidence_delta: float | None
    topic: str | None
    author: str | None
    inferred: bool = False
    read: bool = False


@frozen
class Exercise:
    """An exercise with its latest text.

    ``status``: assigned, accepted, declined, submitted, passed, revise, withdrawn.
    """

    id: str
    event_id: str
    """Event id of the ``exercise_assigned`` that gave the present text."""
    hlc: int
    ts: str
    topic: str
    exercise: str
    expected: str
    tests: tuple[str, ...]
    title: str
    step_id: str | None
    anchors: tuple[Json, ...]
    hints: tuple[str, ...]
    due: str | None
    author: str | None
    status: str
    received: bool = False
    """A receipt (any ack of the student's) has been seen."""
    submissions: tuple[str, ...] = ()
    feedback: tuple[str, ...] = ()
    revision: int = 1
    withdrawn_reason: str = ""
    ack: str | None = None
    """Status of the newest ``exercise_assigned_ack``: received, accepted, declined, completed (the student's word)."""
    inferred: bool = False
    """The event named a learner nobody knows and was given to the sole learner."""


@frozen
class Evidence:
    """An ``evidence_snapshot``."""

    id: str
    hlc: int
    ts: str
    path: str
    hash: str | None
    exercise_id: str | None
    request_id: str | None
    trigger: str | None
    dirty: bool
    payload: Json
    author: str | None = None
    inferred: bool = False
    complete: bool = True
    """False: ``snippet`` and ``hunks`` of this older snapshot were left in the journal; read the event by its id."""


@frozen
class EvidenceRequest:
    """An ``evidence_request``.

    ``answer``: None while open, ``shared`` (an evidence names it) or the reason why it was declined.
    """

    id: str
    hlc: int
    ts: str
    path: str
    reason: str
    exercise_id: str | None
    answer: str | None = None
    inferred: bool = False
    author: str | None = None


@frozen
class Stuck:
    """A ``stuck_reported``; ``resolved_by`` is the event id of its ``stuck_resolved``, else ``None``."""

    id: str
    hlc: int
    ts: str
    summary: str
    exercise_id: str | None
    anchor: Json | None
    author: str | None
    resolved_by: str | None = None
    hints: tuple[str, ...] = ()


@frozen
class Hint:
    """A ``coach_hint``. ``acked`` is true once a ``hint_ack`` names it (or, without a name, follows it)."""

    id: str
    hlc: int
    ts: str
    hint: str
    exercise_id: str | None
    stuck_id: str | None
    anchor: Json | None
    author: str | None
    acked: bool = False
    inferred: bool = False


@frozen
class LearnerState:
    """All that the fold knows of one learner in one session. Tuples are in fold order."""

    student_id: str | None
    stage: str = "init"
    irregular: bool = False
    goals: tuple[str, ...] = ()
    plan: tuple[PlanStep, ...] = ()
    completed: tuple[str, ...] = ()
    """Ids of completed steps, in the order of completion; only ever grows."""
    confidence: Mapping[str, float] = field(default_factory=dict)
    active_step: str | None = None
    blockers: tuple[str, ...] = ()
    files_changed: tuple[Json, ...] = ()
    """``files_changed`` of the newest progress event that had any."""
    exercises: tuple[Exercise, ...] = ()
    submissions: tuple[Submission, ...] = ()
    feedback: tuple[Feedback, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    """Of snapshots that a save alone caused only new ones (`fold_streams.FULL_EVIDENCE`); the journal has all."""
    requests: tuple[EvidenceRequest, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    hints: tuple[Hint, ...] = ()
    sharing: str | None = None
    last_student_hlc: int | None = None
    """``hlc`` of the newest event said by the student: the last sign of life."""
    last_coach_hlc: int | None = None
    """``hlc`` of the coach's newest assignment, withdrawal, feedback, request or hint for this learner."""
    closed: bool = False
    """``session_closed`` was said for this learner, or for everyone."""
    scope_policy: Json | None = None
    """Payload of the newest ``scope_policy`` that is for this learner."""
    dismissed: tuple[Json, ...] = ()
    """``blocker_dismissed``: ``{"id", "hlc", "rule", "cause", "until", "note"}``."""


@frozen
class SessionState:
    """A session and its learners, keyed and sorted by student id (the one key is ``""`` where no id is known)."""

    session_id: str
    title: str = ""
    coach_id: str | None = None
    repo: Json | None = None
    scope_policy: Json | None = None
    closed: bool = False
    remarks: tuple[Json, ...] = ()
    """``note`` and ``insight`` lifecycle events: ``{"id","ts","stage","note","actor"}``."""
    learners: Mapping[str, LearnerState] = field(default_factory=dict)
    events: int = 0
    """Number of events in the fold."""
    not_applied: int = 0
    waiting: Mapping[str, LearnerState] = field(default_factory=dict)
    """What waits for learners that the coach named and that nobody knows yet, by student id."""
    everyone: LearnerState = field(default_factory=lambda: LearnerState(student_id=None))
    """What the events without a student id say: what a learner who comes later will find. Empty while there is a sole
    learner, who stands for everyone."""

    def learner(self, student_id: str | None) -> LearnerState:
        """The learner of that id, or what waits for it; else the sole learner; else what is said to everyone.

        Without an id, and while nobody is known: the one for whom something waits, if there is exactly one.
        """
        if student_id is not None and student_id in self.learners:
            return self.learners[student_id]
        if student_id is not None and student_id in self.waiting:
            return self.waiting[student_id]
        if student_id is None and len(self.waiting) == 1 and "" in self.learners:
            return next(iter(self.waiting.values()))
        if len(self.learners) == 1:
            return next(iter(self.learners.values()))
        return replace(self.everyone, student_id=student_id)
