"""Payloads of evidence, and of what may be shared."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from colearner_ls.contracts.payloads.parts import Count, LineRange, Part, Payload

SharingMode = Literal["auto", "ask", "off"]


class Redaction(Part):
    """How often a rule masked something."""

    rule: str = Field(description="Name of the rule.")
    count: Count = Field(description="Number of places that it masked.")


class EvidenceSnapshot(Payload):
    """Payload of ``evidence_snapshot``."""

    path: str = Field(description="Relative to the workspace folder, with `/`.")
    hash: str | None = Field(
        default=None,
        description="`sha256:` and hex of the whole file's bytes on disk, or of the buffer when `dirty`; "
        "left out when anything was masked.",
    )
    snippet: str | None = Field(default=None, description="The text that is shown.")
    range: LineRange | None = Field(default=None, description="The lines that the snippet has.")
    hunks: list[dict[str, Any]] | None = Field(default=None, description="Changed places.")
    language: str | None = Field(default=None, description="LSP language id.")
    note: str | None = Field(default=None, description="The student's remark.")
    summary: str | None = Field(default=None, description="What it shows, in a sentence.")
    exercise_id: str | None = Field(default=None, description="The exercise that it belongs to.")
    request_id: str | None = Field(default=None, description="Event id of the `evidence_request` that it answers.")
    trigger: Literal["save", "submit", "request", "stuck"] | None = Field(default=None, description="What caused it.")
    dirty: bool | None = Field(default=None, description="It is of an unsaved buffer.")
    deleted: bool | None = Field(default=None, description="The file is gone.")
    commit: str | None = Field(default=None, description="The commit that was checked out.")
    redactions: list[Redaction] | None = Field(default=None, description="What was masked, by rule.")
    truncated: bool | None = Field(default=None, description="The snippet was cut at the size limit.")


class EvidenceRequest(Payload):
    """Payload of ``evidence_request``."""

    path: str = Field(description="A file or a glob.")
    reason: str | None = Field(default=None, description="What it is wanted for.")
    exercise_id: str | None = Field(default=None, description="The exercise that it belongs to.")
    range: LineRange | None = Field(default=None, description="The lines that are wanted.")


class EvidenceDeclined(Payload):
    """Payload of ``evidence_declined``."""

    request_id: str = Field(description="Event id of the `evidence_request`.")
    reason: Literal["declined", "out_of_scope", "not_found", "paused"] = Field(description="Why not.")
    note: str | None = Field(default=None, description="A remark.")


class EvidenceWithdrawn(Payload):
    """Payload of ``evidence_withdrawn``."""

    writer_seq: int = Field(ge=1, description="The `seq` of the event that was taken back before it was sent.")


class SharingChanged(Payload):
    """Payload of ``sharing_changed``."""

    mode: SharingMode = Field(description="The student's own switch.")


class ScopePolicy(Payload):
    """Payload of ``scope_policy``."""

    scope: str = Field(description="Name or root of the scope.")
    allow: list[str] | None = Field(default=None, description="Globs in gitignore syntax that may be shared.")
    deny: list[str] | None = Field(default=None, description="Globs in gitignore syntax that may not.")
    max_snippet_bytes: Count | None = Field(default=None, description="Longest snippet, in bytes.")
    share: SharingMode | None = Field(
        default=None, description="The most that is asked for; the student's own mode may be stricter."
    )
    commands: list[str] | None = Field(
        default=None, description="Command lines that a student may be asked to run; others are refused before asking."
    )
