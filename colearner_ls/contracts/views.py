"""The shapes of every ``--json`` output of the command line (cli.md) and of ``colearner/state`` (editor.md).

Surfaces fill them from the workspace's view of a session; they are exported by ``colearner schema json`` and turned
into the clients' types. Fields may be added; none is renamed or taken away. Fields with a default may be left out.
Times are RFC 3339 text in UTC. Ids are event ids, save ``exercise_id``, which may be any text.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from colearner_ls.contracts.envelope import Envelope
from colearner_ls.contracts.key_views import CoachJoinedView, InviteView, KeysView, PinnedView, TrustView

Role = Literal["coach", "student"]
Delivery = Literal["sent", "local", "kept"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class View(BaseModel):
    """Strict both ways: a field that is not declared here is a mistake of ours."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class EntryView(View):
    """One entry of a list; it says whose it is, so that lists of several sessions can be put together."""

    session_id: str
    student_id: str | None = None


class PlanStepView(EntryView):
    """One step of the plan. ``completed`` is the fold's word, whatever the ``status`` of the plan says."""

    id: str
    topic: str = ""
    status: str = ""
    completed: bool | None = None


class LearnerView(View):
    """What is known of the learner; ``level`` comes from a peer's ``learning.json``."""

    level: str | None = None
    goals: list[str] = []


class ProgressView(View):
    """How far the learner is; ``confidence`` is topic → 0 to 1."""

    completed: list[str] = []
    confidence: dict[str, Fraction] = {}
    active_step: str | None = None
    blockers: list[str] = []


class ExerciseView(EntryView):
    """An exercise with its latest text. ``event_id`` names the event that gave it."""

    exercise_id: str
    event_id: str | None = None
    topic: str
    exercise: str
    status: Literal["assigned", "accepted", "declined", "submitted", "passed", "revise", "withdrawn"]
    expected: str = ""
    tests: list[str] = []
    title: str = ""
    step_id: str | None = None
    anchors: list[dict[str, Any]] = []
    hints: list[str] = []
    due: str | None = None
    author: str | None = None
    ts: str | None = None
    received: bool = False
    revision: Annotated[int, Field(ge=1)] = 1
    submissions: list[str] = []
    feedback: list[str] = []
    withdrawn_reason: str = ""


class SubmissionView(EntryView):
    """A student's answer. ``inferred``: which exercise it belongs to was worked out, not said."""

    submission_id: str
    exercise_id: str | None = None
    response: str = ""
    evidence: list[str] = []
    test_runs: list[dict[str, Any]] = []
    confidence: Fraction | None = None
    author: str | None = None
    ts: str | None = None
    inferred: bool = False
    assessed_by: str | None = None


class MistakeView(View):
    """One mistake; ``anchor`` as in the payload."""

    text: str
    anchor: dict[str, Any] | None = None
    addressed: bool = False


class FeedbackView(EntryView):
    """A verdict of the coach. ``read``: a receipt came back."""

    feedback_id: str
    exercise_id: str | None = None
    submission_id: str | None = None
    grade: Literal["pass", "revise"]
    mistakes: list[MistakeView] = []
    next_step: str = ""
    confidence_delta: Annotated[float, Field(ge=-1, le=1)] | None = None
    topic: str | None = None
    author: str | None = None
    ts: str | None = None
    inferred: bool = False
    read: bool = False


class EvidenceView(EntryView):
    """A snapshot of a file or of lines of it. Lists may leave the ``snippet`` out."""

    evidence_id: str
    path: str
    hash: str | None = None
    range: dict[str, Any] | None = None
    snippet: str | None = None
    language: str | None = None
    exercise_id: str | None = None
    request_id: str | None = None
    trigger: str | None = None
    note: str | None = None
    summary: str | None = None
    dirty: bool = False
    deleted: bool = False
    truncated: bool = False
    redactions: list[dict[str, Any]] = []
    commit: str | None = None
    author: str | None = None
    ts: str | None = None
    inferred: bool = False


class RequestView(EntryView):
    """What a coach asks to see. ``answer``: absent while open, ``shared``, or the reason it was declined for."""

    request_id: str
    path: str
    reason: str = ""
    range: dict[str, Any] | None = None
    exercise_id: str | None = None
    author: str | None = None
    ts: str | None = None
    answer: str | None = None


class StuckView(EntryView):
    """A student's call for help. ``resolved_by``: absent while open."""

    stuck_id: str
    summary: str
    exercise_id: str | None = None
    anchor: dict[str, Any] | None = None
    author: str | None = None
    ts: str | None = None
    resolved_by: str | None = None
    hints: list[str] = []


class HintView(EntryView):
    """A coach's hint. ``acked``: the student has answered it."""

    hint_id: str
    hint: str
    exercise_id: str | None = None
    stuck_id: str | None = None
    anchor: dict[str, Any] | None = None
    author: str | None = None
    ts: str | None = None
    acked: bool = False


class SyncView(View):
    """How the workspace stands with its bus. ``bus`` has no credentials; ``seen``: when it last answered."""

    bus: str | None = None
    connected: bool = False
    waiting: Count = 0
    last_error: str | None = None
    refused: Count = 0
    embedded: bool | None = None
    seen: str | None = None
    holder_pid: int | None = None
    loading: list[str] = []


class InboxItemView(EntryView):
    """One thing that waits for me. ``id`` is what the verbs that answer it take."""

    kind: Literal["exercise", "feedback", "hint", "request", "submission", "evidence", "stuck"]
    id: str
    exercise_id: str | None = None
    text: str
    ts: str
    path: str | None = None
    line: Annotated[int, Field(ge=1)] | None = None


class QueueItemView(InboxItemView):
    """One thing that waits for the coach, in order of need; ``waiting_s`` in seconds."""

    waiting_s: Annotated[float, Field(ge=0)] | None = None


class InboxView(View):
    """``inbox``."""

    items: list[InboxItemView] = []


class StatusView(View):
    """``status``."""

    session_id: str
    role: Role
    student_id: str | None = None
    title: str = ""
    author: str | None = None
    stage: str
    irregular: bool = False
    learner: LearnerView = LearnerView()
    plan: list[PlanStepView] = []
    progress: ProgressView = ProgressView()
    exercises: list[ExerciseView] = []
    submissions: list[SubmissionView] = []
    feedback: list[FeedbackView] = []
    evidence: list[EvidenceView] = []
    requests: list[RequestView] = []
    stuck: list[StuckView] = []
    hints: list[HintView] = []
    students: list[str] = []
    sharing: str | None = None
    sync: SyncView
    trust: TrustView = TrustView()
    notices: list[str] = []


class StateView(View):
    """The answer to ``colearner/state``. Without a live session ``session``, ``role`` and ``stage`` are ``null``."""

    revision: Count
    role: Role | None = None
    session: str | None = None
    student: str | None = None
    title: str = ""
    stage: str | None = None
    exercises: list[ExerciseView] = []
    plan: list[PlanStepView] = []
    progress: ProgressView = ProgressView()
    submissions: list[SubmissionView] = []
    feedback: list[FeedbackView] = []
    evidence: list[EvidenceView] = []
    queue: list[QueueItemView] = []
    requests: list[RequestView] = []
    stuck: list[StuckView] = []
    hints: list[HintView] = []
    sharing: str | None = None
    sync: SyncView
    trust: TrustView = TrustView()
    notices: list[str] = []


class StateChangedView(View):
    """The parameters of the notification ``colearner/stateChanged``."""

    revision: Count


class WrittenView(View):
    """What every writing verb prints. ``delivery``: the broker has it, this machine's bus has it, or it is kept."""

    event_id: str
    event_type: str
    session_id: str
    delivery: Delivery
    exercise_id: str | None = None
    evidence: list[str] | None = None
    student_id: str | None = None
    waiting: Count | None = None
    invite: str | None = None


class LinkedView(View):
    """``link``: a local record, so there is no event."""

    target_id: str
    exercise_id: str
    session_id: str


class HistoryLine(Envelope):
    """One line of ``history`` and ``watch``, and ``show``: the envelope as received, and what we know about it."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True, defer_build=True, populate_by_name=True)

    known_id: str | None = Field(default=None, alias="_id", description="The event's id, also where it was derived.")
    known_hlc: int | None = Field(default=None, alias="_hlc", description="Its place in the order, in µs.")
    delivery: str | None = Field(
        default=None,
        alias="_delivery",
        description="`sent`, `local` or `kept` for own events, `received` for others, `refused` with the bus's reason.",
    )
    exercise: str | None = Field(default=None, alias="_exercise_id", description="The exercise it was matched with.")
    inferred: bool | None = Field(default=None, alias="_inferred", description="The match was worked out, not said.")
    applied: bool | None = Field(default=None, alias="_applied", description="False: kept, but without effect.")
    note: str | None = Field(default=None, alias="_note", description="Why it has no effect.")
    verified: bool | None = Field(default=None, alias="_verified", description="Its signature was checked.")


class SettingView(View):
    """One setting and where its value comes from."""

    name: str
    value: str | None = None
    source: str


class FindingView(View):
    """One thing that ``doctor`` found; ``hint`` says what to do about it."""

    level: Literal["ok", "info", "warning", "error"]
    topic: str
    text: str
    hint: str = ""


class DoctorView(View):
    """``doctor``."""

    settings: list[SettingView]
    findings: list[FindingView]
    facts: dict[str, Any] = {}


class QuarantinedView(View):
    """One record that could not be used, and where it came from. ``show`` adds its text."""

    number: Count
    reason: str
    detail: str = ""
    session_id: str | None = None
    event_id: str | None = None
    bus: str | None = None
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    seen: str | None = None
    size: Count | None = None
    text: str | None = None


class QuarantineView(View):
    """``quarantine``. ``uncounted``: records beyond what is kept, of which only the number is known."""

    items: list[QuarantinedView] = []
    uncounted: Count = 0


class SharingView(View):
    """``share`` without an argument."""

    mode: Literal["auto", "ask", "off"]
    source: str | None = None


class SyncedView(View):
    """``sync``: how many events went out and came in, and how it stands now."""

    sent: Count = 0
    received: Count = 0
    sync: SyncView


VIEWS: Final[dict[str, type[BaseModel]]] = {
    "status": StatusView,
    "inbox": InboxView,
    "written": WrittenView,
    "link": LinkedView,
    "history": HistoryLine,
    "doctor": DoctorView,
    "quarantine": QuarantineView,
    "share": SharingView,
    "sync": SyncedView,
    "keys": KeysView,
    "keys trust": PinnedView,
    "invite": InviteView,
    "coach join": CoachJoinedView,
    "colearner/state": StateView,
    "colearner/stateChanged": StateChangedView,
}
"""Verb or method → the model of what it gives. ``written`` is every writing verb, ``history`` also ``watch`` and
``show``."""
