"""What is asked and what is answered: requests, evidence, stuck reports, hints and receipts of one learner.

Answers find what they answer by name, wherever it stands. Those without a name (peers leave them out) answer what
stands before them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from colearner_ls.domain.fold_entries import FeedbackEntry, SubmissionEntry, build_evidence
from colearner_ls.domain.fold_items import Item, as_name, as_text
from colearner_ls.domain.fold_matching import Names, known_name
from colearner_ls.domain.state import Evidence, EvidenceRequest, Hint, Stuck

READ = frozenset({"read", "addressed"})
ALL_MISTAKES = -1


class Asked:
    """Collects questions and answers in fold order, and puts them together at the end."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._requests: dict[str, tuple[Item, bool]] = {}
        self._declined: dict[str, str] = {}
        self._stuck: dict[str, Item] = {}
        self._resolved: dict[str, str] = {}
        self._hints: dict[str, tuple[Item, bool]] = {}
        self._hint_acks: dict[str, None] = {}
        self._nameless_hint_ack: Item | None = None
        self._receipts: list[tuple[Item, str | None]] = []

    # -- collecting -------------------------------------------------------------------------------------------------

    def request(self, item: Item, *, inferred: bool) -> None:
        """An ``evidence_request``."""
        self._requests[item[1]] = (item, inferred)

    def declined(self, item: Item) -> None:
        """An ``evidence_declined``."""
        name = item[4]["r"] or item[4].get("cause")
        if name is not None:
            self._declined[name.lower()] = item[4]["reason"]

    def stuck(self, item: Item) -> None:
        """A ``stuck_reported``."""
        self._stuck[item[1]] = item

    def resolved(self, item: Item) -> None:
        """A ``stuck_resolved``; the first one counts."""
        name = item[4]["k"] or item[4].get("cause")
        if name is not None:
            self._resolved.setdefault(name.lower(), item[1])

    def hint(self, item: Item, *, inferred: bool) -> None:
        """A ``coach_hint``."""
        self._hints[item[1]] = (item, inferred)

    def hint_ack(self, item: Item) -> None:
        """A ``hint_ack``; without a name it answers every hint before it."""
        name = item[4]["h"] or item[4].get("cause")
        if name is None:
            self._nameless_hint_ack = item
        else:
            self._hint_acks[name.lower()] = None

    def receipt(self, item: Item, newest_feedback: str | None) -> None:
        """An ``assessment_feedback_ack``; without a name it is about the newest feedback before it."""
        self._receipts.append((item, newest_feedback))

    # -- putting together -------------------------------------------------------------------------------------------

    def settle_receipts(self, feedback: Mapping[str, FeedbackEntry]) -> None:
        """Marks what was read and addressed."""
        for item, newest in self._receipts:
            fields = item[4]
            entry = feedback.get(known_name(fields["f"] or fields.get("cause") or newest, feedback) or "")
            if entry is None or fields["status"] not in READ:
                continue
            entry.read = True
            if fields["status"] == "addressed":
                entry.addressed.add(ALL_MISTAKES if fields["mistake"] is None else fields["mistake"])

    def evidence(self, items: Sequence[Item], submissions: Mapping[str, SubmissionEntry]) -> tuple[Evidence, ...]:
        """The snapshots that stand, each with its exercise: its own, that of the request it answers, or that of the
        submission it came with. What was taken back before it was sent does not stand."""
        taken_back = {(item[4]["writer"], item[4]["seq"]) for item in items if item[2] == "taken_back"}
        came_with = {event: entry for entry in submissions.values() for event in entry.item[4]["evidence"]}
        standing = []
        for item in items:
            fields = item[4]
            if item[2] != "evidence" or (fields["seq"] is not None and (fields["writer"], fields["seq"]) in taken_back):
                continue
            payload: Mapping[str, Any] = fields["payload"]
            request = as_name(payload.get("request_id")) or fields.get("cause")
            asked = self._requests.get(known_name(request, self._requests) or "")
            exercise = self._names.exercise(as_name(payload.get("exercise_id")))
            if exercise is None and asked is not None:
                exercise = self._exercise_of(asked[0])
            exercise = exercise or self._names.caused(fields.get("cause"))
            inferred = False
            if exercise is None and (entry := came_with.get(item[1])) is not None:
                exercise, inferred = entry.exercise, entry.inferred
            answers = asked[0][1] if asked is not None else as_name(payload.get("request_id"))
            standing.append(build_evidence(item, exercise, answers, inferred=inferred))
        return tuple(standing)

    def _exercise_of(self, item: Item) -> str | None:
        return self._names.exercise(item[4]["x"]) or self._names.caused(item[4].get("cause"))

    def requests(self, evidence: Sequence[Evidence]) -> tuple[EvidenceRequest, ...]:
        """The requests; evidence that names one answers it, whatever was declined before or after."""
        shared = {entry.request_id for entry in evidence}
        return tuple(
            EvidenceRequest(
                id=event,
                hlc=hlc,
                ts=ts,
                path=fields["path"],
                reason=fields["reason"],
                exercise_id=self._exercise_of(item),
                answer="shared" if event in shared else self._declined.get(event),
                inferred=inferred,
                author=fields.get("by"),
            )
            for item, inferred in self._requests.values()
            for hlc, event, _, ts, fields in [item]
        )

    def stuck_reports(self) -> tuple[Stuck, ...]:
        """The reports, each with its hints."""
        hints: dict[str, list[str]] = {}
        for event, (item, _) in self._hints.items():
            if (stuck := self._stuck_of(item)) is not None:
                hints.setdefault(stuck, []).append(event)
        return tuple(
            Stuck(
                id=event,
                hlc=hlc,
                ts=ts,
                summary=fields["summary"],
                exercise_id=self._exercise_of(item),
                anchor=fields["anchor"],
                author=fields.get("by"),
                resolved_by=self._resolved.get(event),
                hints=tuple(hints.get(event, ())),
            )
            for item in self._stuck.values()
            for hlc, event, _, ts, fields in [item]
        )

    def _stuck_of(self, hint: Item) -> str | None:
        return known_name(hint[4]["k"] or hint[4].get("cause"), self._stuck)

    def hints(self) -> tuple[Hint, ...]:
        """The hints, each with the exercise it names or that of the report it answers."""
        hints = []
        for item, inferred in self._hints.values():
            hlc, event, _, ts, fields = item
            stuck = self._stuck_of(item)
            exercise = self._exercise_of(item)
            if exercise is None and stuck is not None:
                exercise = self._exercise_of(self._stuck[stuck])
            followed = self._nameless_hint_ack is not None and self._nameless_hint_ack[:2] > item[:2]
            hints.append(
                Hint(
                    id=event,
                    hlc=hlc,
                    ts=ts,
                    hint=as_text(fields["hint"]),
                    exercise_id=exercise,
                    stuck_id=stuck,
                    anchor=fields["anchor"],
                    author=fields.get("by"),
                    acked=followed or event in self._hint_acks,
                    inferred=inferred,
                )
            )
        return tuple(hints)
