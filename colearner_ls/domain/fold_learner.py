"""What the items of one learner mean, taken together (contracts.md, *What events do to the state*).

One pass in fold order. An event that belongs to something standing after it (a feedback whose writer's clock was slow,
an answer to an exercise named before it was assigned) takes effect right after that thing: the state is then the one
that right clocks would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from heapq import merge
from typing import Any, Final

from colearner_ls.domain.fold_asked import Asked
from colearner_ls.domain.fold_entries import OPEN, ExerciseEntry, FeedbackEntry, SubmissionEntry
from colearner_ls.domain.fold_items import Item
from colearner_ls.domain.fold_matching import Matcher, Names
from colearner_ls.domain.fold_streams import PROGRESS, Newest, Stream, lighten
from colearner_ls.domain.learning import Learning
from colearner_ls.domain.lifecycle import Lifecycle
from colearner_ls.domain.state import LearnerState

Thing = tuple[str, str]
"""``("exercise", id)`` or ``("submission", event id)``: what an effect may have to wait for."""


def learner_state(
    student_id: str | None, own: Sequence[Stream], borrowed: Sequence[Stream], links: Mapping[str, str]
) -> LearnerState:
    """The state of one learner.

    ``own``: the stream for everyone and the learner's; ``borrowed``: those for ids that nobody knows, where the
    learner is the sole one. What comes from them is marked ``inferred``.
    """
    streams = [*own, *borrowed]
    filled = [stream.items for stream in streams if stream.items]
    items = filled[0] if len(filled) == 1 else list(merge(*filled))
    strange = frozenset(item[1] for stream in borrowed for item in stream.items)
    return _LearnerPass(items, strange, links).run().state(student_id, streams)


class _LearnerPass:
    def __init__(self, items: Sequence[Item], strange: frozenset[str], links: Mapping[str, str]) -> None:
        self._items = items
        self._strange = strange
        self._names = Names.of(items, links)
        self._matcher = Matcher(self._names)
        self._asked = Asked(self._names)
        self._life = Lifecycle()
        self._learning = Learning()
        self._exercises: dict[str, ExerciseEntry] = {}
        self._submissions: dict[str, SubmissionEntry] = {}
        self._feedback: dict[str, FeedbackEntry] = {}
        self._unreceived: dict[str, None] = {}
        self._newest_submission: dict[str | None, str] = {}
        self._submitted = 0
        self._standing: set[Thing] = set()
        self._held: dict[Thing, list[Callable[[], None]]] = {}
        self._coach_hlc: int | None = None
        self._closed = False

    def run(self) -> _LearnerPass:
        for item in self._items:
            _MEANINGS[item[2]](self, item)
        return self

    # -- effects wait for what they are about ----------------------------------------------------------------------

    def _after(self, thing: Thing | None, effect: Callable[[], None]) -> None:
        """Runs the effect as soon as the thing stands: now, or right after it."""
        if thing is None or thing in self._standing:
            effect()
        else:
            self._held.setdefault(thing, []).append(effect)

    def _stands(self, thing: Thing) -> None:
        self._standing.add(thing)
        for effect in self._held.pop(thing, ()):
            effect()

    def _set_status(self, entry: ExerciseEntry, status: str) -> None:
        self._submitted += (status == "submitted") - (entry.status == "submitted")
        entry.status = status
        if status in OPEN:
            self._matcher.open[entry.id] = None
        else:
            self._matcher.open.pop(entry.id, None)

    # -- plan and stages --------------------------------------------------------------------------------------------

    def plan(self, item: Item) -> None:
        self._learning.replace_plan(item[4]["plan"], item[4].get("goals"))
        self._life.planned()

    def progress(self, item: Item) -> None:
        self._learning.complete(item[4]["completed"])
        for topic, value in item[4]["confidence"].items():
            self._learning.state_confidence(topic, value)
        self._life.progressed()

    def stage(self, item: Item) -> None:
        self._life.jump(item[4]["stage"])

    def closed(self, _item: Item) -> None:
        self._closed = True
        self._life.closed()

    # -- exercises --------------------------------------------------------------------------------------------------

    def assigned(self, item: Item) -> None:
        self._coach_hlc = item[0]
        exercise = item[4]["x"]
        inferred = item[1] in self._strange
        self._life.assigned(reviews_waiting=bool(self._submitted or self._matcher.unassessed.get(None)))
        entry = self._exercises.get(exercise)
        if entry is None:
            entry = self._exercises[exercise] = ExerciseEntry(item, item[4], inferred)
            self._unreceived[exercise] = None
            self._set_status(entry, "assigned")
            self._stands(("exercise", exercise))
            return
        entry.revise(item, inferred=inferred)
        if entry.status == "passed":
            self._set_status(entry, "assigned")

    def withdrawn(self, item: Item) -> None:
        self._coach_hlc = item[0]
        exercise = self._names.exercise(item[4]["x"]) or self._names.caused(item[4].get("cause"))
        if exercise is not None:
            self._after(("exercise", exercise), lambda: self._withdraw(exercise, item[4]["reason"]))

    def _withdraw(self, exercise: str, reason: str) -> None:
        entry = self._exercises[exercise]
        entry.withdrawn_reason = reason
        self._set_status(entry, "withdrawn")

    def assigned_ack(self, item: Item) -> None:
        fields = item[4]
        exercise = self._names.exercise(fields["x"]) or self._names.caused(fields.get("cause"))
        if exercise is None and fields["x"] is None:
            exercise = _only(self._unreceived) or _only(self._matcher.open)
        if exercise is not None:
            self._after(("exercise", exercise), lambda: self._acknowledge(exercise, fields["status"]))

    def _acknowledge(self, exercise: str, status: str) -> None:
        """``completed`` is the student's word: the exercise counts as taken on until there is a submission."""
        entry = self._exercises[exercise]
        entry.received = True
        entry.ack = status
        self._unreceived.pop(exercise, None)
        if status in ("accepted", "completed") and entry.status in ("assigned", "declined"):
            self._set_status(entry, "accepted")
        elif status == "declined" and entry.status in ("assigned", "accepted", "revise"):
            self._set_status(entry, "declined")

    # -- submissions and feedback -----------------------------------------------------------------------------------

    def submission(self, item: Item) -> None:
        match = self._matcher.submission(item)
        self._submissions[item[1]] = SubmissionEntry(item, match.exercise, match.inferred)
        self._newest_submission[match.exercise] = item[1]
        exercise = None if match.exercise is None else ("exercise", match.exercise)
        self._after(exercise, lambda: self._submit(match.exercise, item[1]))

    def _submit(self, exercise: str | None, submission: str) -> None:
        """What is passed or withdrawn stays so: only the coach takes that back."""
        entry = self._exercises.get(exercise) if exercise is not None else None
        if entry is not None and entry.status not in ("passed", "withdrawn"):
            self._set_status(entry, "submitted")
        self._life.submitted()
        self._stands(("submission", submission))

    def submission_ack(self, item: Item) -> None:
        fields = item[4]
        submission = self._names.submission(fields["s"]) or self._names.submission(fields.get("cause"))
        if submission is None and fields["s"] is None:
            exercise = self._names.exercise(fields["x"])
            unnamed = next(reversed(self._submissions), None) if fields["x"] is None else None
            submission = self._newest_submission.get(exercise) if exercise is not None else unnamed
        if submission is not None:
            self._after(("submission", submission), lambda: self._acknowledge_submission(submission, fields["status"]))

    def _acknowledge_submission(self, submission: str, status: str) -> None:
        self._submissions[submission].acked = status

    def feedback(self, item: Item) -> None:
        self._coach_hlc = item[0]
        match = self._matcher.feedback(item)
        inferred = match.inferred or item[1] in self._strange
        entry = FeedbackEntry(item, match.exercise, match.submission, inferred)
        self._feedback[item[1]] = entry
        submission = None if match.submission is None else ("submission", match.submission)
        self._after(submission, lambda: self._answer(entry))

    def _answer(self, entry: FeedbackEntry) -> None:
        if entry.exercise is None and entry.submission is not None:
            entry.exercise = self._matcher.exercise_of(entry.submission)
        exercise = None if entry.exercise is None else ("exercise", entry.exercise)
        self._after(exercise, lambda: self._assess(entry))

    def _assess(self, feedback: FeedbackEntry) -> None:
        fields = feedback.item[4]
        entry = self._exercises.get(feedback.exercise) if feedback.exercise is not None else None
        feedback.topic = fields["topic"] or (entry.topic if entry is not None else None)
        if fields["grade"] == "pass" and entry is not None:
            self._set_status(entry, "passed")
            self._learning.pass_step(entry.step_id)
        elif fields["grade"] == "revise":
            if entry is not None:
                self._set_status(entry, "revise")
            self._life.revised()
        if fields["delta"] is not None:
            self._learning.move_confidence(fields["delta"], feedback.topic)

    def feedback_ack(self, item: Item) -> None:
        self._asked.receipt(item, next(reversed(self._feedback), None))

    # -- what is asked and answered ---------------------------------------------------------------------------------

    def request(self, item: Item) -> None:
        self._coach_hlc = item[0]
        self._asked.request(item, inferred=item[1] in self._strange)

    def declined(self, item: Item) -> None:
        self._asked.declined(item)

    def stuck(self, item: Item) -> None:
        self._asked.stuck(item)

    def resolved(self, item: Item) -> None:
        self._asked.resolved(item)

    def hint(self, item: Item) -> None:
        self._coach_hlc = item[0]
        self._asked.hint(item, inferred=item[1] in self._strange)

    def hint_ack(self, item: Item) -> None:
        self._asked.hint_ack(item)

    # -- the state --------------------------------------------------------------------------------------------------

    def state(self, student_id: str | None, streams: Sequence[Stream]) -> LearnerState:
        for event, submission in self._submissions.items():
            if submission.exercise is not None:
                self._exercises[submission.exercise].submissions.append(event)
        for event, feedback in self._feedback.items():
            if feedback.exercise is not None:
                self._exercises[feedback.exercise].feedback.append(event)
        self._asked.settle_receipts(self._feedback)
        kept = [lighten(stream.evidence) for stream in streams if stream.evidence]
        evidence = self._asked.evidence(kept[0] if len(kept) == 1 else list(merge(*kept)), self._submissions)
        dismissed = merge(*(stream.dismissed for stream in streams))
        newest = _newest(streams)
        return LearnerState(
            student_id=student_id,
            stage=self._life.stage,
            irregular=self._life.irregular,
            goals=self._learning.goals,
            plan=self._learning.plan,
            completed=self._learning.completed,
            confidence=self._learning.confidence,
            active_step=_value(newest, "active_step"),
            blockers=tuple(_value(newest, "blockers") or ()),
            files_changed=tuple(_value(newest, "files_changed") or ()),
            exercises=tuple(entry.build() for entry in self._exercises.values()),
            submissions=tuple(
                entry.build(self._matcher.assessed.get(event)) for event, entry in self._submissions.items()
            ),
            feedback=tuple(entry.build() for entry in self._feedback.values()),
            evidence=evidence,
            requests=self._asked.requests(evidence),
            stuck=self._asked.stuck_reports(),
            hints=self._asked.hints(),
            sharing=_value(newest, "sharing"),
            last_student_hlc=newest["student"][0] if "student" in newest else None,
            last_coach_hlc=self._coach_hlc,
            closed=self._closed,
            scope_policy=_value(newest, "scope"),
            dismissed=tuple({"id": item[1], "hlc": item[0], **item[4]} for item in dismissed),
        )


def _only(candidates: Mapping[str, Any]) -> str | None:
    return next(iter(candidates)) if len(candidates) == 1 else None


def _newest(streams: Sequence[Stream]) -> dict[str, Newest]:
    """The newest word on each thing, whichever stream it stands in."""
    newest: dict[str, Newest] = {}
    for stream in streams:
        for name, said in stream.newest.items():
            if name not in newest or said[:2] > newest[name][:2]:
                newest[name] = said
    return newest


def _value(newest: Mapping[str, Newest], name: str) -> Any:
    said = newest.get(name)
    return None if said is None else said[2]


_MEANINGS: Final[Mapping[str, Callable[[_LearnerPass, Item], None]]] = {
    PROGRESS: _LearnerPass.progress,
    "plan": _LearnerPass.plan,
    "stage": _LearnerPass.stage,
    "closed": _LearnerPass.closed,
    "assigned": _LearnerPass.assigned,
    "withdrawn": _LearnerPass.withdrawn,
    "assigned_ack": _LearnerPass.assigned_ack,
    "submission": _LearnerPass.submission,
    "submission_ack": _LearnerPass.submission_ack,
    "feedback": _LearnerPass.feedback,
    "feedback_ack": _LearnerPass.feedback_ack,
    "request": _LearnerPass.request,
    "declined": _LearnerPass.declined,
    "stuck": _LearnerPass.stuck,
    "resolved": _LearnerPass.resolved,
    "hint": _LearnerPass.hint,
    "hint_ack": _LearnerPass.hint_ack,
}
