"""Payloads of the plan and of the way through it."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from colearner_ls.contracts.payloads.parts import Count, Fraction, Part, Payload

MAX_FILES_CHANGED: Final = 200

_SAYING: Final = ("completed", "confidence", "active_step", "files_changed", "blockers")
"""At least one of these is in every ``progress_update``."""


class PlanStep(Part):
    """One step of a learning plan."""

    id: str = Field(description="Names the step within the plan.")
    topic: str | None = Field(default=None, description="What it is about; the key of its confidence.")
    status: str | None = Field(
        default=None,
        description="`todo` (= `pending`), `next`, `active`, `done` or `skipped`; any other word is kept as text.",
    )


class LearningPlan(Payload):
    """Payload of ``learning_plan``."""

    goals: list[str] | None = Field(default=None, description="What the learner wants to reach.")
    plan: list[PlanStep] = Field(description="The steps, in order.")


class ChangedFile(Part):
    """A file that the student saved."""

    path: str = Field(description="Relative to the workspace folder, with `/`.")
    sha256: str | None = Field(default=None, description="SHA-256 of its bytes; left out where it may not be shared.")
    bytes: Count | None = Field(default=None, description="Its size in bytes.")


class ProgressUpdate(Payload):
    """Payload of ``progress_update``."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in _SAYING]
        }
    )

    completed: list[str] | None = Field(
        default=None, description="Ids of completed steps; only ever adds. Peers want it in every update, if empty."
    )
    confidence: dict[str, Fraction] | None = Field(
        default=None, description="Topic → 0 to 1: the person's own statement, never a program's."
    )
    active_step: str | None = Field(default=None, description="Id of the step being worked on.")
    files_changed: Annotated[list[ChangedFile], Field(max_length=MAX_FILES_CHANGED)] | None = Field(
        default=None, description="Files saved since the last update, at most 200 of them."
    )
    files_total: Count | None = Field(default=None, description="How many there were, where not all are listed.")
    from_commit: str | None = Field(default=None, description="Commit before the changes.")
    to_commit: str | None = Field(default=None, description="Commit after the changes.")
    blockers: list[str] | None = Field(default=None, description="What is in the way, in the student's words.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(getattr(self, name) is None for name in _SAYING):
            raise ValueError(f"at least one of {', '.join(_SAYING)} must be there")
        return self
