"""Code actions: the lightbulb on an anchored range (quickfix), and the same anywhere (source)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lsprotocol import types

from colearner_ls.domain.state import STUDENTS_TURN, Exercise, PlanStep
from colearner_ls.lsp.views import offers, proto
from colearner_ls.lsp.views.diagnostics import SOURCE
from colearner_ls.lsp.views.marks import DocumentView, Located, OfExercise, OfHint, OfMistake, OfStuck
from colearner_ls.lsp.views.words import name_of

Action = tuple[types.CodeActionKind, types.Command]

QUICKFIX = types.CodeActionKind.QuickFix
SOURCE_KIND = types.CodeActionKind.Source
MOST_ANYWHERE = 3
"""Most exercises that are offered away from their places; more would drown the menu."""


def code_actions(
    view: DocumentView, selection: types.Range, context: types.CodeActionContext
) -> list[types.CodeAction]:
    """What can be done with the selection. Every action carries a command with all its arguments."""
    found = list(_coach(view, selection) if view.role == "coach" else _student(view, selection))
    return [
        types.CodeAction(
            title=command.title,
            kind=kind,
            command=command,
            diagnostics=_ours(context.diagnostics, command) if kind is QUICKFIX else None,
        )
        for kind, command in found
        if _wanted(kind, context.only)
    ]


def _wanted(kind: types.CodeActionKind, only: Sequence[types.CodeActionKind | str] | None) -> bool:
    """A kind is wanted where it or a parent of it was asked for (LSP 3.17, *CodeActionKind*)."""
    if only is None:
        return True
    wanted = [str(getattr(each, "value", each)) for each in only]
    return any(each == "" or kind.value == each or kind.value.startswith(each + ".") for each in wanted)


def _ours(given: Sequence[types.Diagnostic], command: types.Command) -> list[types.Diagnostic] | None:
    """The diagnostics of ours at this place that the command is about."""
    arguments = command.arguments[0] if command.arguments else {}
    ids = {value for key, value in arguments.items() if key.endswith("_id")} if isinstance(arguments, dict) else set()
    found = [each for each in given if each.source == SOURCE and ids & set(_ids(each))]
    return found or None


def _ids(diagnostic: types.Diagnostic) -> list[str]:
    data = diagnostic.data
    return [value for value in data.values() if isinstance(value, str)] if isinstance(data, dict) else []


def _touched(view: DocumentView, selection: types.Range) -> Iterator[Located]:
    """The marks whose lines the selection touches."""
    for located in view.located:
        place = proto.shown_range(view, located)
        if place.start.line <= selection.end.line and selection.start.line <= place.end.line:
            yield located


def _student(view: DocumentView, selection: types.Range) -> Iterator[Action]:
    here: list[Exercise] = []
    for located in _touched(view, selection):
        match located.mark.subject:
            case OfExercise(exercise=exercise) if exercise not in here:
                here.append(exercise)
                yield from ((QUICKFIX, command) for command in _on_exercise(view, exercise, selection))
            case OfMistake() as mistake:
                yield QUICKFIX, offers.addressed(mistake)
            case OfHint(hint=hint):
                yield QUICKFIX, offers.thanks(hint)
    yield from _anywhere(view, here, selection)


def _on_exercise(view: DocumentView, exercise: Exercise, selection: types.Range) -> Iterator[types.Command]:
    name = name_of(exercise)
    if exercise.status == "assigned":
        yield offers.accept(exercise, f"Accept “{name}”")
    yield offers.submit(exercise, f"Submit evidence for “{name}”")
    yield offers.attach(view, exercise, _lines(view, selection))
    step = _step(view, exercise.step_id)
    if step is not None:
        yield offers.done(step)
    yield offers.stuck(view, exercise, _lines(view, selection), "I'm stuck here")


def _anywhere(view: DocumentView, here: list[Exercise], selection: types.Range) -> Iterator[Action]:
    """The same away from an exercise's place: for the open exercises, and for the step that is being worked on."""
    elsewhere = [each for each in view.me.exercises if each.status in STUDENTS_TURN and each not in here]
    for exercise in elsewhere[:MOST_ANYWHERE]:
        if exercise.status == "assigned":
            yield SOURCE_KIND, offers.accept(exercise, f"Accept “{name_of(exercise)}”")
        yield SOURCE_KIND, offers.submit(exercise, f"Submit evidence for “{name_of(exercise)}”")
    if here:
        return
    only = elsewhere[0] if len(elsewhere) == 1 else None
    if elsewhere:
        yield SOURCE_KIND, offers.attach(view, only, _lines(view, selection))
    current = next((each for each in view.me.plan if each.status in ("active", "next")), None)
    if current is not None and _step(view, current.id) is not None:
        yield SOURCE_KIND, offers.done(current)
    if elsewhere or view.me.plan:
        yield SOURCE_KIND, offers.stuck(view, only, _lines(view, selection), "I'm stuck here")


def _step(view: DocumentView, step_id: str | None) -> PlanStep | None:
    """The step of that id, unless it is done."""
    step = next((each for each in view.me.plan if each.id == step_id), None)
    return step if step is not None and step.status != "done" and step.id not in view.me.completed else None


def _lines(view: DocumentView, selection: types.Range) -> types.Range:
    """The whole lines of a selection; one that ends at the start of a line does not include that line."""
    last = selection.end.line
    if last > selection.start.line and selection.end.character == 0:
        last -= 1
    return proto.range_of(view, view.index.lines_span(selection.start.line, last))


def _coach(view: DocumentView, selection: types.Range) -> Iterator[Action]:
    for located in _touched(view, selection):
        match located.mark.subject:
            case OfExercise(learners=learners):
                for student, stands in learners:
                    if stands.status == "submitted":
                        yield QUICKFIX, offers.passed(stands, student)
                        yield QUICKFIX, offers.revise(stands, student)
                        yield QUICKFIX, offers.revise_here(view, stands, student, _lines(view, selection))
            case OfStuck() as stuck:
                yield QUICKFIX, offers.resolve(stuck)
    yield from ((SOURCE_KIND, command) for command in offers.assign(view, _lines(view, selection)))
