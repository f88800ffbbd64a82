"""What a front end asks for: one frozen dataclass per use case, in plain values.

Lines are 1-based and inclusive. Paths are relative to the workspace root, with ``/``. ``buffers`` map such paths to the
text of unsaved editors, which then counts instead of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from colearner_ls.contracts.frozen import frozen


@frozen
class Place:
    """A file, or lines of it; without ``start_line`` the whole file is meant."""

    path: str
    start_line: int | None = None
    end_line: int | None = None


@frozen
class InitSession:
    """Set this folder up. Without ``session_id`` a new session (a UUID) is made."""

    role: str
    session_id: str | None = None
    student_id: str | None = None
    coach_id: str | None = None
    title: str | None = None


@frozen
class JoinSession:
    """Set this folder up from an invite: its ``colearner://join?…`` form or the base64 text."""

    invite: str


@frozen
class AddKey:
    """Let one more key speak for the coach; said (and signed) by a coach whose own key counts."""

    public_key: str
    note: str | None = None


@frozen
class RevokeKey:
    """Let a key count no more. ``kid``: whole, or a unique beginning or end of 4 characters or more."""

    kid: str
    note: str | None = None


@frozen
class Step:
    """One step of a plan. ``status`` as in ``learning_plan``; empty: ``next`` for the first of those, ``todo`` else."""

    id: str
    topic: str
    status: str = ""


@frozen
class SetPlan:
    """Replace the learning plan."""

    steps: tuple[Step, ...]
    goals: tuple[str, ...] = ()


@frozen
class Assign:
    """Assign an exercise; with ``exercise_id`` of an existing one, revise it."""

    topic: str
    exercise: str
    expected: str | None = None
    tests: tuple[str, ...] = ()
    places: tuple[Place, ...] = ()
    hints: tuple[str, ...] = ()
    step_id: str | None = None
    title: str | None = None
    due: str | None = None
    exercise_id: str | None = None
    buffers: Mapping[str, str] = field(default_factory=dict)


@frozen
class Withdraw:
    """Take an exercise back."""

    exercise_id: str
    reason: str | None = None


@frozen
class MistakeAt:
    """A mistake, anchored where ``place`` is given."""

    text: str
    place: Place | None = None


@frozen
class GiveFeedback:
    """Assess an exercise (its newest submission, unless ``submission_id`` names one)."""

    exercise_id: str
    grade: str
    mistakes: tuple[MistakeAt, ...] = ()
    next_step: str | None = None
    confidence_delta: float | None = None
    topic: str | None = None
    submission_id: str | None = None
    buffers: Mapping[str, str] = field(default_factory=dict)


@frozen
class Submit:
    """Submit an exercise with snapshots of its anchored files and of ``evidence``.

    ``exercise_id`` may be left out when exactly one exercise is open. ``confirmed`` says that the preview was shown and
    agreed to; without it nothing is written and :class:`~.results.PreviewRequired` is raised.
    """

    exercise_id: str | None = None
    response: str = ""
    evidence: tuple[Place, ...] = ()
    confidence: float | None = None
    confirmed: bool = False
    buffers: Mapping[str, str] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    """Anchored paths the student left out in the preview."""


@frozen
class ShareEvidence:
    """Share one snapshot of a file or of lines of it; ``confirmed`` as in :class:`Submit`."""

    place: Place
    exercise_id: str | None = None
    note: str | None = None
    request_id: str | None = None
    confirmed: bool = False
    buffers: Mapping[str, str] = field(default_factory=dict)


@frozen
class Acknowledge:
    """Acknowledge what ``target_id`` names: an exercise, a submission, feedback or a hint decide which ack it is."""

    target_id: str
    status: str | None = None
    note: str | None = None
    mistake: int | None = None
    automatic: bool = False
    """A receipt that a program sends by itself: sent once per workspace, whoever asks (``done`` key)."""


@frozen
class ReportProgress:
    """A student's own statement of progress."""

    completed: tuple[str, ...] = ()
    confidence: Mapping[str, float] = field(default_factory=dict)
    active_step: str | None = None


@frozen
class GiveHint:
    """A coach's hint, to an exercise, a stuck report or a place."""

    hint: str
    exercise_id: str | None = None
    stuck_id: str | None = None
    place: Place | None = None
    buffers: Mapping[str, str] = field(default_factory=dict)


@frozen
class ReportStuck:
    """A student is stuck, perhaps at a place; shares the words and the anchor, so ``confirmed`` is implied."""

    summary: str
    exercise_id: str | None = None
    place: Place | None = None
    buffers: Mapping[str, str] = field(default_factory=dict)


@frozen
class ResolveStuck:
    """A stuck report is settled."""

    stuck_id: str
    note: str | None = None


@frozen
class Link:
    """Settle by hand which exercise a submission or feedback belongs to (a local record, never sent)."""

    target_id: str
    exercise_id: str


@frozen
class MoveStage:
    """Move the lifecycle, or write a remark (``note``, ``insight``)."""

    stage: str
    note: str | None = None


@frozen
class CloseSession:
    """Close the session."""

    note: str | None = None


@frozen
class SetSharing:
    """The student's switch: ``auto``, ``ask`` or ``off``."""

    mode: str


UseCase = (
    SetPlan
    | Assign
    | Withdraw
    | GiveFeedback
    | GiveHint
    | Submit
    | ShareEvidence
    | Acknowledge
    | ReportProgress
    | ReportStuck
    | ResolveStuck
    | MoveStage
    | CloseSession
    | Link
    | SetSharing
    | AddKey
    | RevokeKey
)
"""Everything that an open workspace can be asked to do."""
