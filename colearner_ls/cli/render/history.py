"""Events one by one: lines for ``history`` and ``watch``, everything for ``show``, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.cli.render.layout import Cell, Row, Style, indented, table
from colearner_ls.cli.render.plain import plain, plain_lines
from colearner_ls.cli.render.status import COLORS
from colearner_ls.cli.render.words import clock, count, percent, place, short
from colearner_ls.domain.state import Exercise, LearnerState
from colearner_ls.workspace.json_views import Known, event_view

if TYPE_CHECKING:
    from colearner_ls.journal.records import Stored

Json = Mapping[str, Any]

__all__ = [
    "Known",
    "event_lines",
    "event_rows",
    "event_view",
    "exercise_lines",
    "payload_lines",
    "show_lines",
    "summary",
]

_ACTOR_WIDTH: Final = 7
_TYPE_WIDTH: Final = 23
"""Longest of our own, so that rows printed one by one (``watch``) stand below each other."""
_ACTOR_COLORS: Final = {"coach": ("cyan",), "student": ("green",)}


def event_rows(events: Iterable[Stored], known: Known) -> list[Row]:
    """One row an event: when, who, what, id, in words."""
    return [_row(stored, known) for stored in events]


def event_lines(events: Iterable[Stored], known: Known, style: Style) -> list[str]:
    """The rows as a table."""
    return table(event_rows(events, known), style, indent="")


def _row(stored: Stored, known: Known) -> Row:
    event = stored.event
    text = summary(event.event_type, event.payload)
    exercise_id, inferred = known.matched(event.id)
    if exercise_id is not None and exercise_id != event.id:
        text = f"{text} · exercise {short(exercise_id)}{' (guessed)' if inferred else ''}".removeprefix(" · ")
    delivery = known.delivery(stored)
    if delivery in ("kept", "refused"):
        text = f"{text} · {delivery}".removeprefix(" · ")
    if not stored.applied:
        text = f"{text} · without effect".removeprefix(" · ")
    return [
        Cell(clock(event.hlc), ("dim",)),
        Cell(f"{event.actor:<{_ACTOR_WIDTH}}", _ACTOR_COLORS.get(event.actor, ())),
        short(event.id),
        f"{plain(event.event_type):<{_TYPE_WIDTH}}",
        text,
    ]


def _text(payload: Json, name: str) -> str:
    value = payload.get(name)
    return plain(value) if isinstance(value, str) else ""


def _list(payload: Json, name: str) -> list[Any]:
    value = payload.get(name)
    return value if isinstance(value, list) else []


def _assigned(payload: Json) -> str:
    anchors = [place(anchor) for anchor in _list(payload, "anchors")[:1]]
    return " · ".join(part for part in (_text(payload, "title") or _text(payload, "topic"), *anchors) if part)


def _submission(payload: Json) -> str:
    evidence = _list(payload, "evidence")
    return " · ".join(
        part for part in (_text(payload, "response"), f"{len(evidence)} evidence" if evidence else "") if part
    )


def _feedback(payload: Json) -> str:
    mistakes = _list(payload, "mistakes")
    next_step = _text(payload, "next_step")
    parts = [_text(payload, "grade"), count(len(mistakes), "mistake") if mistakes else ""]
    return " · ".join(part for part in (*parts, f"next: {next_step}" if next_step else "") if part)


def _progress(payload: Json) -> str:
    confidence = payload.get("confidence")
    shares = confidence.items() if isinstance(confidence, Mapping) else ()
    parts = [
        f"done: {', '.join(plain(str(step)) for step in _list(payload, 'completed'))}" * bool(payload.get("completed"))
    ]
    parts += [f"{plain(topic)} {percent(share)}" for topic, share in shares if isinstance(share, int | float)]
    active, files = _text(payload, "active_step"), _list(payload, "files_changed")
    parts += [f"working on {active}" if active else "", count(len(files), "file") + " changed" if files else ""]
    return " · ".join(part for part in parts if part)


def _evidence(payload: Json) -> str:
    return " · ".join(part for part in (place(payload), _text(payload, "note"), _text(payload, "trigger")) if part)


def _at(name: str) -> Callable[[Json], str]:
    def words(payload: Json) -> str:
        return " · ".join(part for part in (_text(payload, name), place(payload.get("anchor"))) if part)

    return words


def _joined(*names: str) -> Callable[[Json], str]:
    return lambda payload: " · ".join(part for part in (_text(payload, name) for name in names) if part)


_SUMMARIES: Final[Mapping[str, Callable[[Json], str]]] = {
    "session_started": _joined("title", "student_id"),
    "learning_plan": lambda payload: count(len(_list(payload, "plan")), "step"),
    "exercise_assigned": _assigned,
    "exercise_withdrawn": _joined("reason"),
    "exercise_submission": _submission,
    "assessment_feedback": _feedback,
    "progress_update": _progress,
    "evidence_snapshot": _evidence,
    "evidence_request": _joined("path", "reason"),
    "evidence_declined": _joined("reason", "note"),
    "sharing_changed": _joined("mode"),
    "stuck_reported": _at("summary"),
    "coach_hint": _at("hint"),
    "lifecycle": _joined("stage", "note"),
}
_ANY: Final = _joined("status", "note", "summary", "text")


def summary(event_type: str, payload: Json) -> str:
    """A payload in a few words; whatever it holds, this raises nothing and the words are harmless."""
    return _SUMMARIES.get(event_type, _ANY)(payload)


def show_lines(stored: Stored, known: Known, style: Style) -> list[str]:
    """One event in full."""
    event = stored.event
    exercise_id, inferred = known.matched(event.id)
    rows: list[tuple[str, str]] = [
        ("id", event.id),
        ("said", f"{plain(event.ts)} by {event.actor} {plain(event.author or '')}".rstrip()),
        ("student", plain(event.student_id or "")),
        ("session", plain(event.session_id)),
        ("exercise", f"{plain(exercise_id or '')}{' (guessed)' if inferred else ''}"),
        ("answers", event.causation_id or ""),
        ("delivery", known.delivery(stored)),
        ("effect", "" if stored.applied else "none: kept, but of a kind or version that is not understood here"),
    ]
    head = [f"{style.heading(plain(event.event_type))}  {style.paint(short(event.id), 'dim')}"]
    lines = [*head, *table([[Cell(name, ("dim",)), value] for name, value in rows if value], Style(style.color))]
    return [*lines, "", *payload_lines(event.payload)]


def exercise_lines(exercise: Exercise, me: LearnerState, style: Style) -> list[str]:
    """An exercise in full, with what became of it."""
    rows: list[tuple[str, str]] = [
        ("id", plain(exercise.id)),
        ("topic", plain(exercise.topic)),
        ("step", plain(exercise.step_id or "")),
        ("due", plain(exercise.due or "")),
        ("at", ", ".join(filter(None, (place(anchor) for anchor in exercise.anchors)))),
        ("by", plain(exercise.author or "")),
        ("revised", count(exercise.revision - 1, "time") if exercise.revision > 1 else ""),
        ("withdrawn", plain(exercise.withdrawn_reason)),
    ]
    title = plain(exercise.title or exercise.topic)
    head = f"{style.heading(title)}  {style.paint(exercise.status, *COLORS.get(exercise.status, ()))}"
    lines = [head, *table([[Cell(name, ("dim",)), value] for name, value in rows if value], Style(style.color))]
    for name, text in (("Task", exercise.exercise), ("Expected", exercise.expected)):
        if text:
            lines += ["", style.heading(name), *indented(plain_lines(text))]
    for name, texts in (("Tests", exercise.tests), ("Hints", exercise.hints)):
        if texts:
            lines += ["", style.heading(name), *(f"  - {plain(text)}" for text in texts)]
    return [*lines, *_what_became(exercise, me, style)]


def _what_became(exercise: Exercise, me: LearnerState, style: Style) -> list[str]:
    submissions = [each for each in me.submissions if each.id in exercise.submissions]
    feedback = [each for each in me.feedback if each.id in exercise.feedback]
    lines: list[str] = []
    if submissions:
        rows: list[Row] = [[short(each.id), plain(each.ts), plain(each.response)] for each in submissions]
        lines += ["", style.heading("Submissions"), *table(rows, style)]
    for verdict in feedback:
        grade = style.paint(verdict.grade, *COLORS.get(verdict.grade, ()))
        lines += ["", f"{style.heading('Feedback')} {short(verdict.id)}  {grade}"]
        for mistake in verdict.mistakes:
            where = place(mistake.anchor)
            done = " (addressed)" if mistake.addressed else ""
            lines.append(f"  - {where + ': ' if where else ''}{plain(mistake.text)}{done}")
        if verdict.next_step:
            lines.append(f"  next: {plain(verdict.next_step)}")
    return lines


def payload_lines(value: Json) -> list[str]:
    """A payload as an outline: every field it has, long texts on lines of their own."""
    return [line for name, each in value.items() for line in _field(plain(str(name)), each)]


def _field(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"{name}:", *indented(payload_lines(value))]
    if isinstance(value, list):
        return (
            [f"{name}:", *indented(line for each in value for line in _field("-", each))]
            if value
            else [f"{name}: none"]
        )
    if isinstance(value, str) and ("\n" in value or "\r" in value):
        return [f"{name}:", *indented(plain_lines(value), "  │ ")]
    text = plain(value) if isinstance(value, str) else json.dumps(value)
    return [f"{name} {text}" if name == "-" else f"{name}: {text}"]
