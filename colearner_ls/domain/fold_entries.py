"""What a learner's events speak of, on its way to the frozen records of the state.

Entries change while events come in; their records are made when asked for and kept until the entry changes again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from colearner_ls.contracts.frozen import mutable
from colearner_ls.domain.fold_items import Fields, Item, as_name, as_text
from colearner_ls.domain.state import Evidence, EvidenceRequest, Exercise, Feedback, Hint, Mistake, Stuck, Submission

ALL_MISTAKES: Final = -1


@mutable
class ExerciseEntry:
    """An exercise. ``said`` is what the assignments said, the newer over the older."""

    item: Item
    said: Fields
    inferred: bool
    submissions: list[str]
    feedback: list[tuple[int, str]]
    status: str = "assigned"
    received: bool = False
    ack: str | None = None
    revision: int = 1
    withdrawn_reason: str = ""
    record: Exercise | None = None

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
        self.record = None

    def build(self) -> Exercise:
        """The record for the state."""
        hlc, event, _, ts, _ = self.item
        said = self.said
        self.record = Exercise(
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
            feedback=tuple(event for _, event in sorted(self.feedback)),
            revision=self.revision,
            withdrawn_reason=self.withdrawn_reason,
            ack=self.ack,
            inferred=self.inferred,
        )
        return self.record


@mutable
class SubmissionEntry:
    """A submission."""

    item: Item
    exercise: str | None
    inferred: bool
    assessed_by: str | None
    acked: str | None = None
    record: Submission | None = None

    def build(self) -> Submission:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        self.record = Submission(
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
            assessed_by=self.assessed_by,
            acked=self.acked,
            named=fields["x"],
        )
        return self.record


@mutable
class FeedbackEntry:
    """A feedback. ``addressed`` holds indexes of mistakes, or `ALL_MISTAKES`."""

    item: Item
    exercise: str | None
    submission: str | None
    inferred: bool
    topic: str | None = None
    read: bool = False
    addressed: set[int] = field(default_factory=set)
    record: Feedback | None = None

    def receive(self, status: str, mistake: int | None) -> None:
        """A receipt; other words than these two are none."""
        if status in ("read", "addressed"):
            self.read = True
            self.record = None
        if status == "addressed":
            self.addressed.add(ALL_MISTAKES if mistake is None else mistake)

    def build(self) -> Feedback:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        self.record = Feedback(
            id=event,
            hlc=hlc,
            ts=ts,
            exercise_id=self.exercise,
            submission_id=self.submission,
            grade=fields["grade"],
            mistakes=tuple(
                Mistake(text, anchor, addressed=index in self.addressed or ALL_MISTAKES in self.addressed)
                for index, (text, anchor) in enumerate(fields["mistakes"])
            ),
            next_step=fields["next_step"],
            confidence_delta=fields["delta"],
            topic=self.topic,
            author=fields.get("by"),
            inferred=self.inferred,
            read=self.read,
        )
        return self.record


@mutable
class RequestEntry:
    """A request for evidence. ``shared`` counts more than ``declined``."""

    item: Item
    exercise: str | None
    inferred: bool
    shared: bool = False
    declined: str | None = None
    record: EvidenceRequest | None = None

    def build(self) -> EvidenceRequest:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        self.record = EvidenceRequest(
            id=event,
            hlc=hlc,
            ts=ts,
            path=fields["path"],
            reason=fields["reason"],
            exercise_id=self.exercise,
            answer="shared" if self.shared else self.declined,
            inferred=self.inferred,
            author=fields.get("by"),
        )
        return self.record


@mutable
class StuckEntry:
    """A report of being stuck."""

    item: Item
    exercise: str | None
    resolved_by: str | None = None
    hints: list[str] = field(default_factory=list)
    record: Stuck | None = None

    def build(self) -> Stuck:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        self.record = Stuck(
            id=event,
            hlc=hlc,
            ts=ts,
            summary=fields["summary"],
            exercise_id=self.exercise,
            anchor=fields["anchor"],
            author=fields.get("by"),
            resolved_by=self.resolved_by,
            hints=tuple(self.hints),
        )
        return self.record


@mutable
class HintEntry:
    """A hint."""

    item: Item
    exercise: str | None
    stuck: str | None
    inferred: bool
    acked: bool = False
    record: Hint | None = None

    def build(self) -> Hint:
        """The record for the state."""
        hlc, event, _, ts, fields = self.item
        self.record = Hint(
            id=event,
            hlc=hlc,
            ts=ts,
            hint=fields["hint"],
            exercise_id=self.exercise,
            stuck_id=self.stuck,
            anchor=fields["anchor"],
            author=fields.get("by"),
            acked=self.acked,
            inferred=self.inferred,
        )
        return self.record


def build_evidence(item: Item, exercise: str | None, request: str | None, *, inferred: bool) -> Evidence:
    """The record of an ``evidence_snapshot``."""
    hlc, event, _, ts, fields = item
    payload: Mapping[str, Any] = fields["payload"]
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
