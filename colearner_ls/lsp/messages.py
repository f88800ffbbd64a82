"""Parameters and results of our commands and custom methods, as pydantic models; ``docs/lsp.md`` is made from them.

Input is strict about names: an unknown one is a mistake that would go unnoticed. Ids may be given by any unique
beginning or end of four characters or more. Imported after the reply to ``initialize``, never before.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from colearner_ls.contracts.views import Count, HistoryLine, StateChangedView, StateView, SyncView, WrittenView

Text = Annotated[str, Field(max_length=100_000)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class Input(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Output(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Position(Input):
    """LSP's position: 0-based line, and character in the negotiated encoding."""

    line: Count
    character: Count = 0


class Range(Input):
    """LSP's range; its end is exclusive."""

    start: Position
    end: Position


class PlaceInput(Input):
    """A document, or the lines of it that ``range`` touches."""

    uri: Name
    range: Range | None = None


class MistakeInput(Input):
    """A mistake, at a place where ``uri`` is given."""

    text: Text
    uri: Name | None = None
    range: Range | None = None


class InitArguments(Input):
    """Set this folder up. Without a role the person is asked."""

    role: Literal["coach", "student"] | None = None
    session: Name | None = Field(default=None, description="Default: a new one.")
    student: Name | None = None
    coach: Name | None = None
    title: Text | None = None


class JoinArguments(Input):
    """Set this folder up from an invite."""

    invite: Annotated[str, Field(min_length=1, max_length=8192)]


class AckArguments(Input):
    """Acknowledge exactly one thing; which one it is decides which statuses there are."""

    exercise_id: Name | None = None
    feedback_id: Name | None = None
    hint_id: Name | None = None
    submission_id: Name | None = None
    status: Name | None = Field(
        default=None, description="`accepted`, `declined`, `received`, `completed`; of feedback: `read`, `addressed`."
    )
    mistake: Count | None = Field(default=None, description="Index of the mistake that was addressed.")
    note: Text | None = None

    @model_validator(mode="after")
    def _one_target(self) -> AckArguments:
        given = [each for each in (self.exercise_id, self.feedback_id, self.hint_id, self.submission_id) if each]
        if len(given) != 1:
            raise ValueError("give exactly one of exercise_id, feedback_id, hint_id and submission_id")
        return self

    @property
    def target(self) -> str:
        """The id of what is acknowledged."""
        return self.exercise_id or self.feedback_id or self.hint_id or self.submission_id or ""


class SubmitArguments(Input):
    """Submit an exercise: snapshots of its anchored files and of ``evidence`` leave, after a preview."""

    exercise_id: Name | None = Field(
        default=None, description="Default: the open one; asked for where there are several."
    )
    response: Text = ""
    evidence: list[PlaceInput] = Field(default=[], max_length=50)
    exclude: list[Name] = Field(default=[], max_length=200, description="Anchored paths to leave out.")
    confidence: Fraction | None = None
    confirm: bool = Field(default=False, description="True: the preview was seen and agreed to.")


class AttachEvidenceArguments(Input):
    """Share a snapshot of a document or of lines of it, after a preview."""

    uri: Name
    range: Range | None = None
    exercise_id: Name | None = None
    request_id: Name | None = None
    note: Text | None = None
    confirm: bool = Field(default=False, description="True: the preview was seen and agreed to.")


class MarkDoneArguments(Input):
    """Say that a step of the plan is done: named, or that of an exercise, else the one being worked on."""

    step_id: Name | None = None
    exercise_id: Name | None = None


class StuckArguments(Input):
    """Call for help. Without a summary one is made from the exercise and the place. The quoted lines leave at once."""

    summary: Text | None = None
    exercise_id: Name | None = None
    uri: Name | None = None
    range: Range | None = None


class ResolveStuckArguments(Input):
    """Settle a call for help; asked for where several are open."""

    stuck_id: Name | None = None
    note: Text | None = None


class HintArguments(Input):
    """Give a hint: to an exercise, to a student who is stuck, or at a place."""

    hint: Annotated[str, Field(min_length=1, max_length=100_000)]
    exercise_id: Name | None = None
    stuck_id: Name | None = None
    uri: Name | None = None
    range: Range | None = None


class AssignArguments(Input):
    """Assign an exercise, at a place where ``uri`` (and ``range``) or ``places`` are given."""

    topic: Annotated[str, Field(min_length=1, max_length=1000)]
    exercise: Annotated[str, Field(min_length=1, max_length=100_000)]
    title: Text | None = None
    expected: Text | None = None
    tests: list[Name] = Field(default=[], max_length=100)
    hints: list[Text] = Field(default=[], max_length=100)
    step_id: Name | None = None
    due: Name | None = None
    exercise_id: Name | None = Field(default=None, description="Of a known exercise: revise it.")
    uri: Name | None = None
    range: Range | None = None
    places: list[PlaceInput] = Field(default=[], max_length=50)


class FeedbackArguments(Input):
    """Assess the newest submission of an exercise, or the one that is named."""

    exercise_id: Name
    grade: Literal["pass", "revise"]
    mistakes: list[MistakeInput] = Field(default=[], max_length=100)
    next_step: Text | None = None
    confidence_delta: Annotated[float, Field(ge=-1, le=1)] | None = None
    topic: Name | None = None
    submission_id: Name | None = None


class OpenArguments(Input):
    """Show the place of one thing in the editor; without any, that of the first thing that waits."""

    exercise_id: Name | None = None
    feedback_id: Name | None = None
    hint_id: Name | None = None
    stuck_id: Name | None = None
    submission_id: Name | None = None


class SyncArguments(Input):
    """Send and fetch now."""

    wait: Annotated[float, Field(ge=0, le=30)] = Field(default=5.0, description="Seconds to wait at most.")


class StateParams(Input):
    """No parameters."""


class HistoryParams(Input):
    """A page of the history, newest first."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    before: Name | None = Field(default=None, description="`next` of the page before.")
    types: list[Name] = Field(default=[], max_length=100, description="Only these event types.")


class EvidencePreviewParams(Input):
    """What a submit (without ``uri``) or an attach (with it) would send."""

    exercise_id: Name | None = None
    response: Text = ""
    evidence: list[PlaceInput] = Field(default=[], max_length=50)
    exclude: list[Name] = Field(default=[], max_length=200)
    uri: Name | None = None
    range: Range | None = None
    note: Text | None = None


class RedactionView(Output):
    """How often a rule masked something."""

    rule: str
    count: Count


class PreviewItemView(Output):
    """One snapshot, exactly as it would leave. Lines are 1-based and inclusive."""

    path: str
    start_line: int | None = None
    end_line: int | None = None
    bytes: Count
    hash: str | None = None
    dirty: bool
    deleted: bool
    truncated: bool
    redactions: list[RedactionView] = []
    snippet: str


class LeftOutView(Output):
    """A file that would not leave."""

    path: str
    reason: str


class PreviewView(Output):
    """All that would leave. Also ``data.preview`` of the error ``preview_required``."""

    exercise_id: str | None = None
    items: list[PreviewItemView] = []
    response: str = ""
    masked: list[RedactionView] = Field(default=[], description="What was masked in the response.")
    left_out: list[LeftOutView] = []


class HistoryView(Output):
    """A page of the history: each entry as ``colearner history --json`` prints it. ``next``: more, where given."""

    entries: list[dict[str, Any]]
    next: str | None = None


class OpenedView(Output):
    """Where the thing is, and whether the editor showed it."""

    uri: str | None = None
    range: Range | None = None
    shown: bool = False


class SyncedResult(Output):
    """How it stands after the try."""

    delivered: bool
    fetched: bool
    error: str | None = None
    sync: SyncView


__all__ = ["HistoryLine", "StateChangedView", "StateView", "WrittenView"]
"""Shapes of ours that come from :mod:`colearner_ls.contracts.views`."""
