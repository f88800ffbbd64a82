"""Hover: everything about the exercise, the mistakes and the hints at a place."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.state import Exercise
from colearner_ls.lsp.views import markdown, proto
from colearner_ls.lsp.views.marks import DocumentView, Located, OfExercise, OfHint, OfMistake, OfStuck
from colearner_ls.lsp.views.words import name_of, one_line, plain, status_word


@frozen
class Hovered:
    """A hover and the feedback that the person has thereby read."""

    hover: types.Hover
    feedback: tuple[str, ...]


def hover(view: DocumentView, at: types.Position, *, as_markdown: bool) -> Hovered | None:
    """What is known of the place; ``None`` where there is nothing of ours."""
    here = [located for located in view.located if _covers(view, located, at)]
    if not here:
        return None
    parts = [_markdown(view, located) if as_markdown else _plain(view, located) for located in here]
    kind = types.MarkupKind.Markdown if as_markdown else types.MarkupKind.PlainText
    value = ("\n\n---\n\n" if as_markdown else "\n\n").join(parts)
    read = tuple(located.mark.subject.feedback.id for located in here if isinstance(located.mark.subject, OfMistake))
    content = types.MarkupContent(kind=kind, value=value)
    return Hovered(types.Hover(contents=content, range=proto.shown_range(view, here[0])), read)


def _covers(view: DocumentView, located: Located, at: types.Position) -> bool:
    if located.span is None:
        return at.line == 0
    first = view.index.line_at(located.span.start)
    last = view.index.line_at(max(located.span.start, located.span.end - 1))
    return first <= at.line <= last


def _markdown(view: DocumentView, located: Located) -> str:
    match located.mark.subject:
        case OfExercise(exercise=exercise):
            return "\n\n".join(_exercise_markdown(view, exercise))
        case OfMistake(feedback=feedback, mistake=mistake):
            parts = [f"**Mistake** ({markdown.escaped(feedback.grade)})", markdown.safe(mistake.text)]
            if feedback.next_step:
                parts += [f"**Next step:** {markdown.safe(feedback.next_step)}"]
            return "\n\n".join(parts)
        case OfHint(hint=given):
            return f"**Hint**\n\n{markdown.safe(given.hint)}"
        case OfStuck(stuck=stuck, student_id=student):
            return f"**{markdown.escaped(one_line(student or 'A student', 40))} is stuck**\n\n{markdown.safe(stuck.summary)}"


def _exercise_markdown(view: DocumentView, exercise: Exercise) -> Iterator[str]:
    yield f"**{markdown.escaped(name_of(exercise))}** · {markdown.escaped(status_word(exercise, view.me))}"
    yield markdown.safe(exercise.exercise)
    if exercise.expected:
        yield f"**Expected:** {markdown.safe(exercise.expected)}"
    if exercise.tests:
        yield "**Tests:**\n\n" + "\n".join(f"- {markdown.code(test)}" for test in exercise.tests)
    hints = [*exercise.hints, *(hint.hint for hint in view.me.hints if hint.exercise_id == exercise.id)]
    if hints:
        yield "**Hints:**\n\n" + "\n".join(f"- {markdown.escaped(one_line(text, 300))}" for text in hints)
    if exercise.due:
        yield f"**Due:** {markdown.escaped(one_line(exercise.due))}"


def _plain(view: DocumentView, located: Located) -> str:
    match located.mark.subject:
        case OfExercise(exercise=exercise):
            lines = [f"{name_of(exercise)} ({status_word(exercise, view.me)})", plain(exercise.exercise)]
            lines += [f"Expected: {plain(exercise.expected)}"] if exercise.expected else []
            lines += [f"Test: {one_line(test, 200)}" for test in exercise.tests]
            lines += [f"Hint: {one_line(text, 300)}" for text in exercise.hints]
            return "\n".join(lines)
        case OfMistake(feedback=feedback, mistake=mistake):
            step = f"\nNext step: {plain(feedback.next_step)}" if feedback.next_step else ""
            return f"Mistake: {plain(mistake.text)}{step}"
        case OfHint(hint=given):
            return f"Hint: {plain(given.hint)}"
        case OfStuck(stuck=stuck, student_id=student):
            return f"{one_line(student or 'A student', 40)} is stuck: {plain(stuck.summary)}"
