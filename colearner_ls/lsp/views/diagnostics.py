"""Diagnostics: a hint on an exercise's range, a warning on each mistake, and anchors that are lost."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

from lsprotocol import types

from colearner_ls.contracts.frozen import frozen
from colearner_ls.lsp.views import proto
from colearner_ls.lsp.views.marks import DocumentView, Located, OfExercise, OfHint, OfMistake, OfStuck
from colearner_ls.lsp.views.words import name_of, one_line, plain

SOURCE: Final = "colearner"
MESSAGE_LENGTH: Final = 500
"""Longest text of a stranger in a diagnostic's message, in code points."""

Severity = types.DiagnosticSeverity


@frozen
class Able:
    """What the client takes in a diagnostic. ``docs``: the page that explains the codes, or ``None``."""

    related: bool = False
    data: bool = False
    docs: str | None = None


def diagnostics(view: DocumentView, able: Able) -> list[types.Diagnostic]:
    """All diagnostics of the document, in the order of their places."""
    found = [_made(view, located, able) for located in view.located]
    return sorted(
        (each for each in found if each is not None),
        key=lambda each: (each.range.start.line, each.range.start.character, str(each.code)),
    )


def fingerprint(items: list[types.Diagnostic]) -> str:
    """A result id for pulled diagnostics: the same for the same list."""
    return hashlib.sha256(repr([_parts(item) for item in items]).encode()).hexdigest()[:16]


def _parts(item: types.Diagnostic) -> tuple[Any, ...]:
    start, end = item.range.start, item.range.end
    return (start.line, start.character, end.line, end.character, item.severity, item.code, item.message, item.data)


def feedback_ids(view: DocumentView) -> Iterator[str]:
    """The feedback that the document's diagnostics show, lost places included."""
    for located in view.located:
        if isinstance(located.mark.subject, OfMistake):
            yield located.mark.subject.feedback.id


def _made(view: DocumentView, located: Located, able: Able) -> types.Diagnostic | None:
    code, severity, message, ids = _content(located)
    if located.lost:
        severity = Severity.Warning if located.mark.kind == "mistake" else Severity.Information
        code, message = "lost-anchor", _lost(located, message)
    elif view.role == "coach" and located.mark.kind == "exercise":
        return None  # the coach wrote it; the lens shows where it is
    return types.Diagnostic(
        range=proto.shown_range(view, located),
        message=message,
        severity=severity,
        code=code,
        code_description=types.CodeDescription(href=able.docs) if able.docs else None,
        source=SOURCE,
        related_information=_related(view, located) if able.related else None,
        data=ids if able.data else None,
    )


def _content(located: Located) -> tuple[str, types.DiagnosticSeverity, str, dict[str, Any]]:
    """Code, severity, message and ids of what a mark is about."""
    match located.mark.subject:
        case OfExercise(exercise=exercise):
            text = f"{name_of(exercise)}: {_text(exercise.exercise)}"
            return "exercise", Severity.Hint, text, {"exercise_id": exercise.id}
        case OfMistake(feedback=feedback, number=number, mistake=mistake):
            ids = {"feedback_id": feedback.id, "mistake": number, "exercise_id": feedback.exercise_id}
            return "mistake", Severity.Warning, _text(mistake.text), ids
        case OfHint(hint=hint):
            return "hint", Severity.Information, f"Hint: {_text(hint.hint)}", {"hint_id": hint.id}
        case OfStuck(stuck=stuck, student_id=student):
            who = one_line(student or "A student", 30)
            return "stuck", Severity.Information, f"{who} is stuck: {_text(stuck.summary)}", {"stuck_id": stuck.id}


def _text(text: str) -> str:
    text = plain(text).strip()
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


def _lost(located: Located, message: str) -> str:
    anchor = located.mark.anchor
    quote = one_line(anchor.exact or "", 120) if anchor is not None else ""
    quoted = f" It was about: “{quote}”." if quote else ""
    return f"{message}\nIts place in this file cannot be found: {located.lost}.{quoted}"


def _related(view: DocumentView, located: Located) -> list[types.DiagnosticRelatedInformation] | None:
    """From a mistake to the place of the exercise it was made in, saying which submission was assessed."""
    subject = located.mark.subject
    if not isinstance(subject, OfMistake):
        return None
    feedback = subject.feedback
    submission = next((each for each in view.me.submissions if each.id == feedback.submission_id), None)
    for other in view.of("exercise"):
        exercise = other.mark.subject
        if isinstance(exercise, OfExercise) and exercise.exercise.id == feedback.exercise_id:
            said = f"the submission of {submission.ts}" if submission else "the exercise"
            place = types.Location(uri=view.uri, range=proto.shown_range(view, other))
            return [types.DiagnosticRelatedInformation(location=place, message=f"{said}: {name_of(exercise.exercise)}")]
    return None
