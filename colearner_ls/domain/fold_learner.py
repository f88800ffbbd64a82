"""What the items of one learner mean, taken together (contracts.md, *What events do to the state*).

One pass in fold order. An event that belongs to something standing after it (a feedback whose writer's clock was slow,
an answer to an exercise named before it was assigned) takes effect right after that thing: the state is then the one
that right clocks would have given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import merge
from typing import Any, Final

from colearner_ls.domain.fold_asked import Asked, Standing
from colearner_ls.domain.fold_entries import ExerciseEntry, FeedbackEntry, SubmissionEntry
from colearner_ls.domain.fold_items import Item
from colearner_ls.domain.fold_matching import Match, Matcher
from colearner_ls.domain.fold_names import Names
from colearner_ls.domain.fold_streams import PROGRESS, Newest, Reading, Stream
from colearner_ls.domain.learning import Learning
from colearner_ls.domain.lifecycle import Lifecycle
from colearner_ls.domain.state import STUDENTS_TURN, UNFINISHED, LearnerState


class LearnerPass:
    """The pass over one learner's streams; it goes on with what comes later as long as that changes nothing before.

    ``own``: the stream for everyone and the learner's; ``borrowed``: those for ids that nobody knows, where the learner
    is the sole one. What comes from them is marked ``inferred``.
    """

    def __init__(
        self,
        student_id: str | None,
        own: Sequence[Stream],
        borrowed: Sequence[Stream],
        links: Mapping[str, str],
    ) -> None:
        self._student_id = student_id
        self._readings = [Reading(stream) for stream in (*own, *borrowed)]
        self._own = len(own)
        self._links = dict(links)
        self._versions: tuple[int, ...] | None = None
        self._state: LearnerState | None = None
        self._strange: set[str] = set()
        self._names = Names(self._links)
        self._matcher = Matcher(self._names)
        self._standing = Standing()
        self._asked = Asked(self._names, self._standing)
        self._life = Lifecycle()
        self._learning = Learning()
        self._exercises: dict[str, ExerciseEntry] = {}
        self._submissions: dict[str, SubmissionEntry] = {}
        self._feedback: dict[str, FeedbackEntry] = {}
        self._submissions_of: dict[str | None, list[str]] = {}
        self._unreceived: dict[str, None] = {}
        self._submitted = 0
        self._coach_hlc: int | None = None
        self._closed = False

    # -- going on ---------------------------------------------------------------------------------------------------

    def fits(self, own: Sequence[Stream], borrowed: Sequence[Stream], links: Mapping[str, str]) -> bool:
        """Whether the pass was over these streams and links, and what it read of them still stands."""
        return (
            len(own) == self._own
            and len(own) + len(borrowed) == len(self._readings)
            and all(reading.stream is stream for reading, stream in zip(self._readings, (*own, *borrowed), strict=True))
            and all(reading.holds() for reading in self._readings)
            and self._links == links
        )

    def advance(self) -> bool:
        """Takes in what is new. False where that would change what earlier items mean: then begin a new pass."""
        versions = tuple(reading.stream.version for reading in self._readings)
        if versions == self._versions:
            return True
        begun = self._versions is not None
        items, evidence = self._new_items(), list(self._new_evidence())
        if begun and self._unsettled(items, evidence):
            return False
        self._names.add(items)
        self._matcher.foresee(items)
        for item in items:
            _MEANINGS[item[2]](self, item)
        self._take_evidence(evidence)
        self._versions, self._state = versions, None
        return True

    def _new_items(self) -> list[Item]:
        fresh = [reading.new_items() for reading in self._readings]
        for items in fresh[self._own :]:
            self._strange.update(item[1] for item in items)
        filled = [items for items in fresh if items]
        return filled[0] if len(filled) == 1 else list(merge(*filled))

    def _new_evidence(self) -> Iterator[Item]:
        filled = [evidence for reading in self._readings if (evidence := reading.new_evidence())]
        return iter(filled[0]) if len(filled) == 1 else merge(*filled)

    def _unsettled(self, items: Sequence[Item], evidence: Sequence[Item]) -> bool:
        return (
            any(self._names.unsettle(item) for item in items)
            or any(self._matcher.unsettle(item) for item in items)
            or any(item[2] == "taken_back" for item in evidence)
        )

    def _take_evidence(self, evidence: Sequence[Item]) -> None:
        for item in evidence:
            if item[2] == "taken_back":
                self._asked.take_back(item)
        for item in evidence:
            if item[2] == "evidence":
                self._asked.snapshot(item)
        for reading in self._readings:
            for item in reading.newly_old():
                self._asked.age(item)

    # -- plan and stages --------------------------------------------------------------------------------------------

    def _plan(self, item: Item) -> None:
        self._learning.replace_plan(item[4]["plan"], item[4].get("goals"))
        self._life.planned()

    def _progress(self, item: Item) -> None:
        self._learning.complete(item[4]["completed"])
        for topic, value in item[4]["confidence"].items():
            self._learning.state_confidence(topic, value)
        self._life.progressed()

    def _stage(self, item: Item) -> None:
        self._life.jump(item[4]["stage"])

    def _close(self, _item: Item) -> None:
        self._closed = True
        self._life.closed()

    # -- exercises --------------------------------------------------------------------------------------------------

    def _assigned(self, item: Item) -> None:
        self._coach_hlc = item[0]
        exercise = item[4]["x"]
        inferred = item[1] in self._strange
        self._life.assigned(reviews_waiting=bool(self._submitted or self._matcher.unassessed.get(None)))
        entry = self._exercises.get(exercise)
        if entry is None:
            submissions = self._submissions_of.setdefault(exercise, [])
            entry = self._exercises[exercise] = ExerciseEntry(item, item[4], inferred, submissions, [])
            self._unreceived[exercise] = None
            self._set_status(entry, "assigned")
            self._standing.stands(("exercise", exercise))
            return
        entry.revise(item, inferred=inferred)
        if entry.status == "passed":
            self._set_status(entry, "assigned")

    def _set_status(self, entry: ExerciseEntry, status: str) -> None:
        self._submitted += (status == "submitted") - (entry.status == "submitted")
        entry.status, entry.record = status, None
        if status in UNFINISHED:
            self._matcher.open[entry.id] = None
        else:
            self._matcher.open.pop(entry.id, None)

    def _withdrawn(self, item: Item) -> None:
        self._coach_hlc = item[0]
        exercise = self._names.exercise_of(item)
        if exercise is not None:
            self._standing.after(("exercise", exercise), lambda: self._withdraw(exercise, item[4]["reason"]))

    def _withdraw(self, exercise: str, reason: str) -> None:
        entry = self._exercises[exercise]
        entry.withdrawn_reason = reason
        self._set_status(entry, "withdrawn")

    def _assigned_ack(self, item: Item) -> None:
        exercise = self._names.exercise_of(item)
        if exercise is None and item[4]["x"] is None:
            exercise = _only(self._unreceived) or _only(self._matcher.open)
        if exercise is not None:
            self._standing.after(("exercise", exercise), lambda: self._acknowledge(exercise, item[4]["status"]))

    def _acknowledge(self, exercise: str, status: str) -> None:
        """``completed`` is the student's word: the exercise counts as taken on until there is a submission."""
        entry = self._exercises[exercise]
        entry.received, entry.ack, entry.record = True, status, None
        self._unreceived.pop(exercise, None)
        if status in ("accepted", "completed") and entry.status in ("assigned", "declined"):
            self._set_status(entry, "accepted")
        elif status == "declined" and entry.status in STUDENTS_TURN:
            self._set_status(entry, "declined")

    # -- submissions and feedback -----------------------------------------------------------------------------------

    def _submission(self, item: Item) -> None:
        match = self._matcher.submission(item)
        entry = SubmissionEntry(item, match.exercise, match.inferred, self._matcher.assessed.get(item[1]))
        self._submissions[item[1]] = entry
        self._submissions_of.setdefault(match.exercise, []).append(item[1])
        if match.exercise in self._exercises:
            self._exercises[match.exercise].record = None
        self._asked.submitted(entry)
        self._standing.after(_exercise(match.exercise), lambda: self._submit(match.exercise, item[1]))

    def _submit(self, exercise: str | None, submission: str) -> None:
        """What is passed or withdrawn stays so: only the coach takes that back."""
        entry = self._exercises[exercise] if exercise is not None else None
        if entry is not None and entry.status not in ("passed", "withdrawn"):
            self._set_status(entry, "submitted")
        self._life.submitted()
        self._standing.stands(("submission", submission))

    def _submission_ack(self, item: Item) -> None:
        submission = self._acknowledged(item)
        if submission is not None:
            status = item[4]["status"]
            self._standing.after(("submission", submission), lambda: self._receive(submission, status))

    def _acknowledged(self, item: Item) -> str | None:
        """The submission it names, else the newest before it of the exercise it names, else the newest before it."""
        fields = item[4]
        named = self._names.submission(fields["s"]) or self._names.submission(fields.get("cause"))
        if named is not None or fields["s"] is not None:
            return named
        if fields["x"] is None:
            return next(reversed(self._submissions), None)
        exercise = self._names.exercise(fields["x"])
        return next(reversed(self._submissions_of.get(exercise, ())), None) if exercise is not None else None

    def _receive(self, submission: str, status: str) -> None:
        entry = self._submissions[submission]
        entry.acked, entry.record = status, None

    def _assessment(self, item: Item) -> None:
        self._coach_hlc = item[0]
        match = self._matcher.feedback(item)
        for submission in match.assessed:
            if submission in self._submissions:
                entry = self._submissions[submission]
                entry.assessed_by, entry.record = item[1], None
        feedback = FeedbackEntry(item, match.exercise, match.submission, match.inferred or item[1] in self._strange)
        self._feedback[item[1]] = feedback
        self._standing.stands(("feedback", item[1]))
        submitted = None if match.submission is None else ("submission", match.submission)
        self._standing.after(submitted, lambda: self._place(feedback, match))

    def _place(self, feedback: FeedbackEntry, match: Match) -> None:
        if feedback.exercise is None and match.submission is not None:
            feedback.exercise = self._matcher.exercise_of(match.submission)
        self._standing.after(_exercise(feedback.exercise), lambda: self._assess(feedback))

    def _assess(self, feedback: FeedbackEntry) -> None:
        hlc, event, _, _, fields = feedback.item
        entry = self._exercises[feedback.exercise] if feedback.exercise is not None else None
        feedback.topic = fields["topic"] or (entry.topic if entry is not None else None)
        feedback.record = None
        if entry is not None:
            entry.feedback.append((hlc, event))
            entry.record = None
        if fields["grade"] == "pass" and entry is not None:
            self._set_status(entry, "passed")
            self._learning.pass_step(entry.step_id)
        elif fields["grade"] == "revise":
            if entry is not None:
                self._set_status(entry, "revise")
            self._life.revised()
        if fields["delta"] is not None:
            self._learning.move_confidence(fields["delta"], feedback.topic)

    def _receipt(self, item: Item) -> None:
        """Of the feedback it names, else of the newest before it."""
        fields = item[4]
        name = fields["f"] or fields.get("cause") or next(reversed(self._feedback), None)
        feedback = self._names.known(name, self._names.feedback)
        if feedback is not None:
            told = fields["status"], fields["mistake"]
            self._standing.after(("feedback", feedback), lambda: self._feedback[feedback].receive(*told))

    # -- what is asked and answered ---------------------------------------------------------------------------------

    def _request(self, item: Item) -> None:
        self._coach_hlc = item[0]
        self._asked.request(item, inferred=item[1] in self._strange)

    def _hint(self, item: Item) -> None:
        self._coach_hlc = item[0]
        self._asked.hint(item, inferred=item[1] in self._strange)

    def _declined(self, item: Item) -> None:
        self._asked.declined(item)

    def _stuck(self, item: Item) -> None:
        self._asked.report(item)

    def _resolved(self, item: Item) -> None:
        self._asked.resolved(item)

    def _hint_ack(self, item: Item) -> None:
        self._asked.hint_ack(item)

    # -- the state --------------------------------------------------------------------------------------------------

    def state(self) -> LearnerState:
        """The state; the same object as long as nothing changes."""
        if self._state is None:
            self._state = self._build()
        return self._state

    def _build(self) -> LearnerState:
        newest = _newest([reading.stream for reading in self._readings])
        dismissed = merge(*(reading.stream.dismissed for reading in self._readings))
        asked = self._asked
        return LearnerState(
            student_id=self._student_id,
            stage=self._life.stage,
            irregular=self._life.irregular,
            goals=self._learning.goals,
            plan=self._learning.plan,
            completed=self._learning.completed,
            confidence=dict(self._learning.confidence),
            active_step=_value(newest, "active_step"),
            blockers=tuple(_value(newest, "blockers") or ()),
            files_changed=tuple(_value(newest, "files_changed") or ()),
            exercises=tuple([entry.record or entry.build() for entry in self._exercises.values()]),
            submissions=tuple([entry.record or entry.build() for entry in self._submissions.values()]),
            feedback=tuple([entry.record or entry.build() for entry in self._feedback.values()]),
            evidence=tuple(asked.evidence.values()),
            requests=tuple([entry.record or entry.build() for entry in asked.requests.values()]),
            stuck=tuple([entry.record or entry.build() for entry in asked.stuck.values()]),
            hints=tuple([entry.record or entry.build() for entry in asked.hints.values()]),
            sharing=_value(newest, "sharing"),
            last_student_hlc=newest["student"][0] if "student" in newest else None,
            last_coach_hlc=self._coach_hlc,
            closed=self._closed,
            scope_policy=_value(newest, "scope"),
            dismissed=tuple({"id": item[1], "hlc": item[0], **item[4]} for item in dismissed),
        )


def _exercise(exercise: str | None) -> tuple[str, str] | None:
    return None if exercise is None else ("exercise", exercise)


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


_MEANINGS: Final[Mapping[str, Callable[[LearnerPass, Item], None]]] = {
    PROGRESS: LearnerPass._progress,
    "plan": LearnerPass._plan,
    "stage": LearnerPass._stage,
    "closed": LearnerPass._close,
    "assigned": LearnerPass._assigned,
    "withdrawn": LearnerPass._withdrawn,
    "assigned_ack": LearnerPass._assigned_ack,
    "submission": LearnerPass._submission,
    "submission_ack": LearnerPass._submission_ack,
    "feedback": LearnerPass._assessment,
    "feedback_ack": LearnerPass._receipt,
    "request": LearnerPass._request,
    "declined": LearnerPass._declined,
    "stuck": LearnerPass._stuck,
    "resolved": LearnerPass._resolved,
    "hint": LearnerPass._hint,
    "hint_ack": LearnerPass._hint_ack,
}
