"""Code lenses above an anchored place: what can be done about it, each a command with all its arguments."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from colearner_ls.lsp.views import offers, proto
from colearner_ls.lsp.views.inlay_hints import label_of
from colearner_ls.lsp.views.marks import DocumentView, Located, OfExercise, OfHint, OfStuck
from colearner_ls.lsp.views.words import one_line


def code_lenses(view: DocumentView, *, with_labels: bool) -> list[types.CodeLens]:
    """The lenses of a document; ``with_labels`` for a client without inlay hints: the label comes first."""
    lenses: list[types.CodeLens] = []
    for located in view.located:
        if located.span is None:
            continue
        line = view.line_of(located)
        place = types.Range(start=types.Position(line, 0), end=types.Position(line, 0))
        lenses += [types.CodeLens(range=place, command=command) for command in _commands(view, located, with_labels)]
    return lenses


def _commands(view: DocumentView, located: Located, with_labels: bool) -> Iterator[types.Command]:
    match located.mark.subject:
        case OfExercise() as subject:
            # A coach's lens always says which exercise it is: there is no diagnostic for it.
            if with_labels or view.role == "coach":
                yield proto.command(label_of(view, subject), "colearner.open", {"exercise_id": subject.exercise.id})
            yield from _of_exercise(view, located, subject)
        case OfHint(hint=hint):
            yield proto.command(f"Hint: {one_line(hint.hint)}", "colearner.open", {"hint_id": hint.id})
            if view.role != "coach":
                yield offers.thanks(hint)
        case OfStuck() as stuck:
            yield offers.resolve(stuck)


def _of_exercise(view: DocumentView, located: Located, subject: OfExercise) -> Iterator[types.Command]:
    exercise = subject.exercise
    if view.role == "coach":
        for student, stands in subject.learners:
            if stands.status == "submitted":
                yield offers.passed(stands, student)
                yield offers.revise(stands, student)
        return
    if exercise.status == "assigned":
        yield offers.accept(exercise, "Accept")
    yield offers.submit(exercise, "Submit again" if exercise.status == "submitted" else "Submit")
    yield offers.stuck(view, exercise, proto.shown_range(view, located), "I'm stuck")
