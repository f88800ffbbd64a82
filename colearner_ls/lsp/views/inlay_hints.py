"""Inlay hints: at the end of the anchored line what is to be done there, and the next step of a feedback."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from colearner_ls.domain.state import Feedback
from colearner_ls.lsp.views import proto
from colearner_ls.lsp.views.marks import DocumentView, Located, OfExercise, OfMistake
from colearner_ls.lsp.views.words import LABEL_LENGTH, count, one_line, status_word


def inlay_hints(view: DocumentView, lines: tuple[int, int]) -> list[types.InlayHint]:
    """The hints on 0-based lines ``lines[0]`` to ``lines[1]``, both included."""
    hints = []
    for line, label, tooltip in [*_exercises(view), *_next_steps(view)]:
        if lines[0] <= line <= lines[1]:
            hints.append(
                types.InlayHint(position=proto.end_of_line(view, line), label=label, tooltip=tooltip, padding_left=True)
            )
    return hints


def label_of(view: DocumentView, subject: OfExercise) -> str:
    """``◆ dependency graph · next``; a coach sees of how many students it was turned in."""
    exercise = subject.exercise
    what = one_line(exercise.topic or exercise.title, LABEL_LENGTH - 20) or "exercise"
    if view.role != "coach":
        return f"◆ {what} · {status_word(exercise, view.me)}"
    submitted = sum(stand.status == "submitted" for _, stand in subject.learners)
    if len(subject.learners) > 1 and submitted:
        return f"◆ {what} · {count(submitted, 'submission')} of {len(subject.learners)}"
    return f"◆ {what} · {exercise.status}"


def _exercises(view: DocumentView) -> Iterator[tuple[int, str, str]]:
    for located in view.of("exercise"):
        if isinstance(located.mark.subject, OfExercise):
            subject = located.mark.subject
            yield view.line_of(located), label_of(view, subject), one_line(subject.exercise.exercise, 200)


def _next_steps(view: DocumentView) -> Iterator[tuple[int, str, str]]:
    """The next step of the newest feedback of each exercise, at the first place in this file that it is about."""
    if view.role == "coach":
        return
    seen: set[str] = set()
    for located, feedback in _feedback_places(view):
        if feedback.next_step and feedback.id not in seen:
            seen.add(feedback.id)
            yield view.line_of(located), f"→ {one_line(feedback.next_step)}", one_line(feedback.next_step, 400)


def _feedback_places(view: DocumentView) -> Iterator[tuple[Located, Feedback]]:
    newest = {feedback.exercise_id: feedback for feedback in view.me.feedback if feedback.exercise_id}
    for located in view.of("exercise"):
        if isinstance(located.mark.subject, OfExercise):
            feedback = newest.get(located.mark.subject.exercise.id)
            if feedback is not None and feedback.grade == "revise":
                yield located, feedback
    for located in view.of("mistake"):
        if isinstance(located.mark.subject, OfMistake):
            yield located, located.mark.subject.feedback
