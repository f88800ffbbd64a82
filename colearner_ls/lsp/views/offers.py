"""What a person can do, as commands with every argument filled in: a client that knows nothing of colearner can run
them."""

from __future__ import annotations

from typing import Final

from lsprotocol import types

from colearner_ls.domain.state import Exercise, Hint, PlanStep
from colearner_ls.lsp.views import proto
from colearner_ls.lsp.views.marks import DocumentView, OfMistake, OfStuck
from colearner_ls.lsp.views.words import name_of, one_line

TEMPLATES: Final = (
    ("explain", "explain this code", "Explain what these lines do, and why they are written this way."),
    ("test", "write a test for this code", "Write a test that shows that these lines do what they should."),
    ("improve", "improve this code", "Find what could be better in these lines, and change it."),
)
"""(topic, title, text) of the exercises that a coach can assign without typing, since LSP cannot ask for a text."""


def accept(exercise: Exercise, title: str) -> types.Command:
    """Accept an exercise."""
    return proto.command(title, "colearner.ack", {"exercise_id": exercise.id, "status": "accepted"})


def submit(exercise: Exercise, title: str) -> types.Command:
    """Submit an exercise; the preview is asked for when it runs."""
    return proto.command(title, "colearner.submit", {"exercise_id": exercise.id})


def attach(view: DocumentView, exercise: Exercise | None, selection: types.Range) -> types.Command:
    """Share the selected lines as evidence; the preview is asked for when it runs."""
    what = f" for “{name_of(exercise)}”" if exercise else ""
    return proto.command(
        f"Attach selection as evidence{what}",
        "colearner.attachEvidence",
        {
            "uri": view.uri,
            "range": proto.range_argument(selection),
            "exercise_id": exercise.id if exercise else None,
        },
    )


def done(step: PlanStep) -> types.Command:
    """Say that a step of the plan is done."""
    return proto.command(
        f"Mark step “{one_line(step.topic or step.id)}” done", "colearner.markDone", {"step_id": step.id}
    )


def stuck(view: DocumentView, exercise: Exercise | None, place: types.Range, title: str) -> types.Command:
    """Call for help at a place; the words name the exercise and the line, since LSP cannot ask for a text."""
    where = f"{view.path}:{place.start.line + 1}"
    summary = f"Stuck on “{name_of(exercise)}” at {where}" if exercise else f"Stuck at {where}"
    return proto.command(
        title,
        "colearner.stuck",
        {
            "summary": summary,
            "exercise_id": exercise.id if exercise else None,
            "uri": view.uri,
            "range": proto.range_argument(place),
        },
    )


def addressed(mistake: OfMistake) -> types.Command:
    """Say that a mistake was dealt with."""
    return proto.command(
        f"Mark as addressed: {one_line(mistake.mistake.text)}",
        "colearner.ack",
        {"feedback_id": mistake.feedback.id, "status": "addressed", "mistake": mistake.number},
    )


def thanks(hint: Hint) -> types.Command:
    """Acknowledge a hint; it is not shown any more."""
    return proto.command("Got it", "colearner.ack", {"hint_id": hint.id, "status": "read"})


def resolve(mark: OfStuck) -> types.Command:
    """Settle a call for help."""
    who = one_line(mark.student_id or "A student", 30)
    title = f"{who} is stuck: {one_line(mark.stuck.summary)} · Resolve"
    return proto.command(title, "colearner.resolveStuck", {"stuck_id": mark.stuck.id})


def passed(exercise: Exercise, student: str | None) -> types.Command:
    """Pass the newest submission."""
    arguments = {"exercise_id": exercise.id, "submission_id": _newest(exercise), "grade": "pass"}
    return proto.command(f"{_who(student)}: Pass", "colearner.feedback", arguments)


def revise(exercise: Exercise, student: str | None) -> types.Command:
    """Hand the newest submission back."""
    arguments = {"exercise_id": exercise.id, "submission_id": _newest(exercise), "grade": "revise"}
    return proto.command(f"{_who(student)}: Revise", "colearner.feedback", arguments)


def revise_here(view: DocumentView, exercise: Exercise, student: str | None, place: types.Range) -> types.Command:
    """Hand the newest submission back, pointing at the selected lines."""
    mistake = {"text": "Look at these lines again.", "uri": view.uri, "range": proto.range_argument(place)}
    return proto.command(
        f"{_who(student)}: Revise “{name_of(exercise)}”, look here again",
        "colearner.feedback",
        {
            "exercise_id": exercise.id,
            "submission_id": _newest(exercise),
            "grade": "revise",
            "mistakes": [mistake],
        },
    )


def assign(view: DocumentView, place: types.Range) -> list[types.Command]:
    """Assign an exercise at a place, in the words of :data:`TEMPLATES`."""
    return [
        proto.command(
            f"Assign here: {title}",
            "colearner.assign",
            {"topic": topic, "exercise": text, "uri": view.uri, "range": proto.range_argument(place)},
        )
        for topic, title, text in TEMPLATES
    ]


def _newest(exercise: Exercise) -> str | None:
    return exercise.submissions[-1] if exercise.submissions else None


def _who(student: str | None) -> str:
    return one_line(student or "Submission", 30)
