"""Payloads of being stuck, of hints, and of the coach's own bookkeeping."""

from __future__ import annotations

from pydantic import Field

from colearner_ls.contracts.payloads.parts import Anchor, Part, Payload


class PackedEvidence(Part):
    """A piece of a file that goes with a report of being stuck."""

    path: str = Field(description="Relative to the workspace folder, with `/`.")
    hash: str | None = Field(default=None, description="`sha256:` and hex, as in `evidence_snapshot`.")
    snippet: str | None = Field(default=None, description="The text that is shown, screened.")


class StuckReported(Payload):
    """Payload of ``stuck_reported``."""

    summary: str = Field(description="What the student is stuck on.")
    session_id: str | None = Field(default=None, description="Same as the envelope's.")
    exercise_id: str | None = Field(default=None, description="The exercise that it belongs to.")
    branch: str | None = Field(default=None, description="The branch that is checked out.")
    commit: str | None = Field(default=None, description="The commit that is checked out.")
    step_id: str | None = Field(default=None, description="The step of the plan.")
    step_topic: str | None = Field(default=None, description="The topic of that step.")
    anchor: Anchor | None = Field(default=None, description="Where.")
    evidence_pack: list[PackedEvidence] | None = Field(default=None, description="Pieces of files that show it.")


class StuckResolved(Payload):
    """Payload of ``stuck_resolved``."""

    stuck_id: str = Field(description="Event id of the `stuck_reported`.")
    note: str | None = Field(default=None, description="A remark.")


class CoachHint(Payload):
    """Payload of ``coach_hint``."""

    hint: str = Field(description="The hint.")
    session_id: str | None = Field(default=None, description="Same as the envelope's.")
    exercise_id: str | None = Field(default=None, description="The exercise that it belongs to.")
    anchor: Anchor | None = Field(default=None, description="Where.")
    stuck_id: str | None = Field(default=None, description="Event id of the `stuck_reported` that it answers.")


class HintAck(Payload):
    """Payload of ``hint_ack``."""

    note: str = Field(description="What the student says to it.")
    session_id: str | None = Field(default=None, description="Same as the envelope's.")
    hint_id: str | None = Field(default=None, description="Event id of the `coach_hint`.")


class BlockerDismissed(Payload):
    """Payload of ``blocker_dismissed``."""

    rule: str = Field(description="Name of the rule that saw the blocker.")
    cause: str = Field(description="Event id or signature of what caused it.")
    until: str | None = Field(default=None, description="From when on it may be told again (RFC 3339).")
    note: str | None = Field(default=None, description="A remark.")


class StudentsLinked(Payload):
    """Payload of ``students_linked``."""

    student_ids: list[str] = Field(description="Student ids that are one person.")


class StudentsUnlinked(Payload):
    """Payload of ``students_unlinked``."""

    student_ids: list[str] = Field(description="Student ids that are not one person.")
