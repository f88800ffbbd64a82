"""What is asked and what is answered: requests and evidence, reports of being stuck, hints.

Answers find what they answer by name, wherever it stands. Those without a name (peers leave them out) answer what
stands before them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from colearner_ls.domain.fold_entries import HintEntry, RequestEntry, StuckEntry, SubmissionEntry, build_evidence
from colearner_ls.domain.fold_items import Item, as_name
from colearner_ls.domain.fold_names import Names
from colearner_ls.domain.fold_streams import automatic, without_bodies
from colearner_ls.domain.state import Evidence

Thing = tuple[str, str]
"""A kind and an id, such as ``("exercise", id)``: what an effect may have to wait for."""


class Standing:
    """What stands at this place in the order, and the effects that wait for what does not yet."""

    def __init__(self) -> None:
        self._standing: set[Thing] = set()
        self._held: dict[Thing, list[Callable[[], None]]] = {}

    def after(self, thing: Thing | None, effect: Callable[[], None]) -> None:
        """Runs the effect as soon as the thing stands: now, or right after it."""
        if thing is None or thing in self._standing:
            effect()
        else:
            self._held.setdefault(thing, []).append(effect)

    def stands(self, thing: Thing) -> None:
        """The thing stands from here on."""
        self._standing.add(thing)
        for effect in self._held.pop(thing, ()):
            effect()


class Asked:
    """Questions and answers of one learner, taken in fold order; evidence after everything else."""

    def __init__(self, names: Names, standing: Standing) -> None:
        self._names = names
        self._standing = standing
        self.requests: dict[str, RequestEntry] = {}
        self.stuck: dict[str, StuckEntry] = {}
        self.hints: dict[str, HintEntry] = {}
        self.evidence: dict[str, Evidence] = {}
        self._unacked: dict[str, HintEntry] = {}
        self._taken_back: set[tuple[Any, Any]] = set()
        self._came_with: dict[str, SubmissionEntry] = {}

    def request(self, item: Item, *, inferred: bool) -> None:
        """An ``evidence_request``."""
        self.requests[item[1]] = RequestEntry(item, self._names.exercise_of(item), inferred)
        self._standing.stands(("request", item[1]))

    def declined(self, item: Item) -> None:
        """An ``evidence_declined``; the newest one counts."""
        request = self._names.known(item[4]["r"] or item[4].get("cause"), self._names.requests)
        if request is not None:
            self._standing.after(("request", request), lambda: self._decline(request, item[4]["reason"]))

    def _decline(self, request: str, reason: str) -> None:
        entry = self.requests[request]
        entry.declined, entry.record = reason, None

    def report(self, item: Item) -> None:
        """A ``stuck_reported``."""
        self.stuck[item[1]] = StuckEntry(item, self._names.exercise_of(item))
        self._standing.stands(("stuck", item[1]))

    def resolved(self, item: Item) -> None:
        """A ``stuck_resolved``; the first one counts."""
        stuck = self._names.known(item[4]["k"] or item[4].get("cause"), self._names.stuck)
        if stuck is not None:
            self._standing.after(("stuck", stuck), lambda: self._resolve(stuck, item[1]))

    def _resolve(self, stuck: str, event: str) -> None:
        entry = self.stuck[stuck]
        entry.resolved_by, entry.record = entry.resolved_by or event, None

    def hint(self, item: Item, *, inferred: bool) -> None:
        """A ``coach_hint``: for the exercise it names, else for that of the report it answers."""
        stuck = self._names.known(item[4]["k"] or item[4].get("cause"), self._names.stuck)
        exercise = self._names.exercise_of(item)
        if exercise is None and stuck is not None:
            exercise = self._names.exercise_of(self._names.stuck[stuck])
        entry = self.hints[item[1]] = self._unacked[item[1]] = HintEntry(item, exercise, stuck, inferred)
        if stuck is not None:
            self._standing.after(("stuck", stuck), lambda: self._answer(stuck, entry.item[1]))
        self._standing.stands(("hint", item[1]))

    def _answer(self, stuck: str, hint: str) -> None:
        entry = self.stuck[stuck]
        entry.hints.append(hint)
        entry.record = None

    def hint_ack(self, item: Item) -> None:
        """A ``hint_ack``; without a name it answers every hint before it."""
        name = item[4]["h"] or item[4].get("cause")
        if name is None:
            for hint in list(self._unacked):
                self._acknowledge(hint)
        elif (named := self._names.known(name, self._names.hints)) is not None:
            self._standing.after(("hint", named), lambda: self._acknowledge(named))

    def _acknowledge(self, hint: str) -> None:
        entry = self.hints[hint]
        entry.acked, entry.record = True, None
        self._unacked.pop(hint, None)

    # -- evidence ---------------------------------------------------------------------------------------------------

    def take_back(self, item: Item) -> None:
        """An ``evidence_withdrawn``: what the same writer gave that ``seq`` was never sent and does not stand."""
        self._taken_back.add((item[4]["writer"], item[4]["seq"]))

    def snapshot(self, item: Item) -> None:
        """An ``evidence_snapshot``. Its exercise is its own, else that of the request it answers, else that of what
        caused it, else that of the submission it came with."""
        fields = item[4]
        if fields["seq"] is not None and (fields["writer"], fields["seq"]) in self._taken_back:
            return
        payload: Mapping[str, Any] = fields["payload"]
        named = as_name(payload.get("request_id"))
        request = self._names.known(named or fields.get("cause"), self._names.requests)
        exercise = self._names.exercise(as_name(payload.get("exercise_id")))
        if request is not None:
            entry = self.requests[request]
            entry.shared, entry.record = True, None
            exercise = exercise or entry.exercise
        exercise = exercise or self._names.exercise_of(item)
        self.evidence[item[1]] = build_evidence(item, exercise, request or named, inferred=False)
        if exercise is None and (submission := self._came_with.get(item[1])) is not None:
            self._place(item[1], submission)

    def submitted(self, submission: SubmissionEntry) -> None:
        """A submission names the evidence it comes with; of several the first one counts."""
        for event in submission.item[4]["evidence"]:
            if self._came_with.setdefault(event, submission) is submission and event in self.evidence:
                self._place(event, submission)

    def _place(self, event: str, submission: SubmissionEntry) -> None:
        snapshot = self.evidence[event]
        if snapshot.exercise_id is None and submission.exercise is not None:
            found = replace(snapshot, exercise_id=submission.exercise, inferred=submission.inferred)
            self.evidence[event] = found

    def age(self, item: Item) -> None:
        """Leaves the body of a snapshot that is old by now to the journal, and all of it where it was automatic."""
        event = item[1]
        if automatic(item):
            self.evidence.pop(event, None)
            return
        snapshot = self.evidence.get(event)
        if snapshot is not None and (payload := without_bodies(snapshot.payload)) is not snapshot.payload:
            self.evidence[event] = replace(snapshot, payload=payload, complete=False)
