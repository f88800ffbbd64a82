"""Marks: what in a session is about a place in a file, and where in the text that place is now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.anchors import Anchor, Found, Page, locate
from colearner_ls.domain.paths import safe_path
from colearner_ls.domain.state import (
    UNFINISHED,
    Exercise,
    Feedback,
    Hint,
    Json,
    LearnerState,
    Mistake,
    SessionState,
    Stuck,
)
from colearner_ls.domain.text import Encoding, Span, TextIndex

Kind = Literal["exercise", "mistake", "hint", "stuck"]


@frozen
class OfExercise:
    """An exercise. ``learners``: (student id, the exercise as it stands for them), the folder's own learner first."""

    exercise: Exercise
    learners: tuple[tuple[str | None, Exercise], ...]


@frozen
class OfMistake:
    """One mistake of a feedback; ``number`` is its index there."""

    feedback: Feedback
    number: int
    mistake: Mistake


@frozen
class OfHint:
    """A coach's hint."""

    hint: Hint


@frozen
class OfStuck:
    """A student who is stuck."""

    stuck: Stuck
    student_id: str | None


Subject = OfExercise | OfMistake | OfHint | OfStuck


@frozen
class Mark:
    """Something that is about a place in the file ``path``; without an anchor it is about the file, shown on line 1.

    ``key`` names this place of this thing: it stays the same as long as the anchor does.
    """

    key: str
    kind: Kind
    path: str
    anchor: Anchor | None
    subject: Subject


@frozen
class Located:
    """A mark in a text: its ``span`` in code points, or the reason why its place is ``lost``."""

    mark: Mark
    span: Span | None
    lost: str = ""


@dataclass(frozen=True)
class DocumentView:
    """All that the views of one document are computed from. Immutable."""

    uri: str
    path: str
    version: int | None
    text: str
    encoding: Encoding
    role: str
    me: LearnerState
    located: tuple[Located, ...]

    @cached_property
    def index(self) -> TextIndex:
        """Line starts of the text; made once."""
        return TextIndex(self.text)

    def line_of(self, located: Located) -> int:
        """0-based line on which a mark is shown; line 0 where its place is lost or the file as a whole."""
        return self.index.line_at(located.span.start) if located.span is not None else 0

    def of(self, kind: Kind) -> Iterator[Located]:
        """The marks of one kind whose place is known."""
        return (each for each in self.located if each.mark.kind == kind and each.span is not None)


Marks = Mapping[str, tuple[Mark, ...]]
"""Path (relative to the workspace root, normalised) → its marks."""


def marks_of(session: SessionState, me: LearnerState, role: str) -> Marks:
    """All marks of a session as one role sees them. Anchors with a hostile or missing path are left out."""
    found: dict[str, list[Mark]] = {}
    for mark in _all(session, me, role):
        found.setdefault(mark.path, []).append(mark)
    return {path: tuple(marks) for path, marks in found.items()}


def _all(session: SessionState, me: LearnerState, role: str) -> Iterator[Mark]:
    learners = [me, *(each for each in session.learners.values() if each.student_id != me.student_id)]
    if role != "coach":
        learners = [me]
    yield from _exercises(learners)
    for learner in learners:
        yield from _mistakes(learner, role)
        yield from _hints(learner)
        if role == "coach":
            yield from _stuck(learner)


def _exercises(learners: list[LearnerState]) -> Iterator[Mark]:
    by_id: dict[str, list[tuple[str | None, Exercise]]] = {}
    for learner in learners:
        for exercise in learner.exercises:
            if exercise.status in UNFINISHED:
                by_id.setdefault(exercise.id, []).append((learner.student_id, exercise))
    for stands in by_id.values():
        exercise = stands[0][1]
        subject = OfExercise(exercise, tuple(stands))
        for number, payload in enumerate(exercise.anchors):
            key = f"exercise:{exercise.id}:{exercise.event_id}:{number}"
            yield from _anchored(key, "exercise", payload, subject)


def _mistakes(learner: LearnerState, role: str) -> Iterator[Mark]:
    exercises = {exercise.id: exercise for exercise in learner.exercises}
    newest = {feedback.exercise_id or feedback.id: feedback for feedback in learner.feedback}
    for feedback in newest.values():
        exercise = exercises.get(feedback.exercise_id or "")
        if not _still_matters(feedback, exercise):
            continue
        for number, mistake in enumerate(feedback.mistakes):
            if mistake.addressed:
                continue
            key, subject = f"mistake:{feedback.id}:{number}", OfMistake(feedback, number, mistake)
            if mistake.anchor is not None:
                yield from _anchored(key, "mistake", mistake.anchor, subject)
            elif role == "student" and exercise is not None and (path := _first_path(exercise)) is not None:
                yield Mark(key, "mistake", path, None, subject)


def _still_matters(feedback: Feedback, exercise: Exercise | None) -> bool:
    """The newest feedback of an exercise, until it is passed and the verdict was read; or a stray one until read."""
    if exercise is None:
        return feedback.grade == "revise" or not feedback.read
    return exercise.status in UNFINISHED or (exercise.status == "passed" and not feedback.read)


def _hints(learner: LearnerState) -> Iterator[Mark]:
    for hint in learner.hints:
        if not hint.acked and hint.anchor is not None:
            yield from _anchored(f"hint:{hint.id}", "hint", hint.anchor, OfHint(hint))


def _stuck(learner: LearnerState) -> Iterator[Mark]:
    for stuck in learner.stuck:
        if stuck.resolved_by is None and stuck.anchor is not None:
            yield from _anchored(f"stuck:{stuck.id}", "stuck", stuck.anchor, OfStuck(stuck, learner.student_id))


def _anchored(key: str, kind: Kind, payload: Json, subject: Subject) -> Iterator[Mark]:
    try:
        anchor = Anchor.from_payload(payload)
        path = safe_path(anchor.path)
    except BadInput:
        return
    yield Mark(key, kind, path, anchor, subject)


def _first_path(exercise: Exercise) -> str | None:
    for payload in exercise.anchors:
        for mark in _anchored("", "exercise", payload, OfExercise(exercise, ())):
            return mark.path
    return None


def locate_all(marks: Iterable[Mark], text: str) -> dict[str, Span | str | None]:
    """Key → where each mark is in ``text``: its span, or the reason (text) why it is lost; ``None``: no anchor.

    Costs one pass over the text and, for an anchor that was edited, a fuzzy search; not for the event loop.
    """
    page = Page(text)
    found: dict[str, Span | str | None] = {}
    for mark in marks:
        if mark.anchor is None:
            found[mark.key] = None
            continue
        result = locate(mark.anchor, page)
        found[mark.key] = result.span if isinstance(result, Found) else result.reason
    return found
