"""Exercises, submissions, feedback and evidence on their way from items to the frozen records of the state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from colearner_ls.domain.fold_items import Fields, Item, as_name, as_text
from colearner_ls.domain.state import Evidence, Exercise, Feedback, Mistake, Submission

OPEN: Final = frozenset({"assigned", "accepted", "submitted", "revise"})
"""Statuses of an exercise that is not finished."""


@dataclass(slots=True)
class ExerciseEntry:
    """An exercise while the pass goes on. ``said`` is what the assignments said, the newer over the older."""

    item: Item
    said: Fields
    inferred: bool
    status: str = "assigned"
    received: bool = False
    ack: str | None = None
    revision: int = 1
    withdrawn_reason: str = ""
    submissions: list[str] = field(default_factory=list)
    feedback: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The exercise id."""
        return str(self.said["x"])

    @property
    def topic(self) -> str | None:
        """The topic, where it has one."""
        return as_name(self.said.get("topic"))

    @property
    def step_id(self) -> str | None:
        """The plan step it belongs to."""
        return as_name(self.said.get("step_id"))

    def revise(self, item: Item, *, inferred: bool) -> None:
        """Another assignment with the same id: its texts and anchors replace those it speaks of."""
        self.item = item
        self.said = {**self.said, **item[4]}
        self.inferred = inferred
        self.revision += 1

    def build(self) -> Exercise:
        """The record for the state."""
        hlc, event, _, ts, _ = self.item
        said = self.said
        return Exercise(
            id=self.id,
            event_id=event,
            hlc=hlc,
            ts=ts,
            topic=as_text(said.get("topic")),
            exercise=as_text(said.get("exercise")),
            expected=as_text(said.get("expected")),
            tests=tuple(said.get("tests", ())),
            title=as_text(said.get("title")),
            step_id=self.step_id,
            anchors=tuple(said.get("anchors", ())),
            hints=tuple(said.get("hints", ())),
            due=as_name(said.get("due")),
            author=said.get("by"),
            status=self.status,
            received=self.received,
            submissions=tuple(self.submissions),
            feedback=tuple(self.feedback),
            revision=self.revision,
            withdrawn_reason=self.withdrawn_reason,
            ack=self.ack,
            inferred=self.inferred,
        )


@dataclass(slots=True)
class SubmissionEntry:
    """A submission while the pass goes on."""

    item: Item
    exercise: str | None
    inferred: bool
    acked: str | None = None

    def build(self, assessed_by: str | None) -> Submission:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        return Submission(
            id=event,
            hlc=hlc,
            ts=ts,
            exercise_id=self.exercise,
            response=fields["response"],
            evidence=tuple(fields["evidence"]),
            confidence=fields["confidence"],
            test_runs=tuple(fields["test_runs"]),
            author=fields.get("by"),
            inferred=self.inferred,
            assessed_by=assessed_by,
            acked=self.acked,
            named=fields["x"],
        )


@dataclass(slots=True)
class FeedbackEntry:
    """A feedback while the pass goes on. ``addressed`` holds indexes of mistakes; −1 stands for all of them."""

    item: Item
    exercise: str | None
    submission: str | None
    inferred: bool
    topic: str | None = None
    read: bool = False
    addressed: set[int] = field(default_factory=set)

    def build(self) -> Feedback:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        return Feedback(
            id=event,
            hlc=hlc,
            ts=ts,
            exercise_id=self.exercise,
            submission_id=self.submission,
            grade=fields["grade"],
            mistakes=tuple(
                Mistake(text, anchor, addressed=index in self.addressed or -1 in self.addressed)
                for index, (text, anchor) in enumerate(fields["mistakes"])
            ),
            next_step=fields["next_step"],
            confidence_delta=fields["delta"],
            topic=self.topic,
            author=fields.get("by"),
            inferred=self.inferred,
            read=self.read,
        )


def build_evidence(item: Item, exercise: str | None, request: str | None, *, inferred: bool) -> Evidence:
    """The record of an ``evidence_snapshot``."""
    hlc, event, _, ts, fields = item
    payload: dict[str, Any] = fields["payload"]
    return Evidence(
        id=event,
        hlc=hlc,
        ts=ts,
        path=as_text(payload.get("path")),
        hash=as_name(payload.get("hash")),
        exercise_id=exercise,
        request_id=request,
        trigger=as_name(payload.get("trigger")),
        dirty=payload.get("dirty") is True,
        payload=payload,
        author=fields.get("by"),
        inferred=inferred,
        complete="light" not in fields,
    )
