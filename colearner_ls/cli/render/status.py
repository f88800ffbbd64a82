"""``status`` for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from colearner_ls.cli.render.layout import Cell, Row, Style, table
from colearner_ls.cli.render.plain import plain
from colearner_ls.cli.render.words import ago, count, percent, place, short
from colearner_ls.domain.inbox import named
from colearner_ls.domain.state import Exercise, Feedback, LearnerState, PlanStep, SessionState

if TYPE_CHECKING:
    from colearner_ls.workspace.results import Snapshot, SyncStatus

SHOWN_FEEDBACK: Final = 5
"""Newest feedback that ``status`` lists; ``history`` has all."""
SHOWN_LEARNERS: Final = 10

COLORS: Final = {
    "assigned": ("cyan",),
    "accepted": ("cyan",),
    "submitted": ("blue",),
    "revise": ("yellow",),
    "passed": ("green",),
    "pass": ("green",),
    "declined": ("dim",),
    "withdrawn": ("dim",),
}


def status_lines(snapshot: Snapshot, now_us: int, style: Style) -> list[str]:
    """The session at a glance. ``now_us`` is the clock (µs), for the age of the news."""
    me = snapshot.me
    lines = [_head(snapshot, style)]
    lines += _learners(snapshot.session, me)
    lines += _section("Goals", [[plain(goal)] for goal in me.goals], style)
    lines += _section(_plan_title(me), [_step(step, me) for step in me.plan], style)
    lines += _section("Exercises", [_exercise(each) for each in me.exercises], style)
    lines += _section("Feedback", [_feedback(each) for each in me.feedback[-SHOWN_FEEDBACK:]], style)
    stuck = [each for each in me.stuck if each.resolved_by is None]
    lines += _section("Stuck", [[short(each.id), plain(each.summary)] for each in stuck], style)
    confidence = sorted(me.confidence.items())
    lines += _section("Confidence", [[plain(topic), percent(share)] for topic, share in confidence], style)
    lines += _section("Delivery", [[text] for text in sync_words(snapshot.sync, now_us)], style)
    lines += _section("Notices", [[plain(notice)] for notice in snapshot.notices], style)
    return lines


def _head(snapshot: Snapshot, style: Style) -> str:
    session, me = snapshot.session, snapshot.me
    parts = [f"Session {style.heading(plain(session.title) or short(snapshot.session_id))}"]
    if session.title:
        parts.append(short(snapshot.session_id))
    student = f" of {plain(snapshot.student_id)}" if snapshot.role == "coach" and snapshot.student_id else ""
    parts.append(f"you are its {snapshot.role}{student}")
    parts.append(f"stage {me.stage}{' (irregular)' if me.irregular else ''}")
    if session.closed:
        parts.append("closed")
    if snapshot.role == "student":
        parts.append(f"sharing {snapshot.sharing}")
    return " · ".join(parts)


def _learners(session: SessionState, me: LearnerState) -> list[str]:
    """Where several learn in one session, the others by name: this page is about one of them."""
    others = [plain(name) for name in session.learners if name and name != me.student_id]
    if not others:
        return []
    more = f" and {len(others) - SHOWN_LEARNERS} more" if len(others) > SHOWN_LEARNERS else ""
    return [f"  also here: {', '.join(others[:SHOWN_LEARNERS])}{more}"]


def _section(title: str, rows: Iterable[Row], style: Style) -> list[str]:
    found = list(rows)
    return ["", style.heading(title), *table(found, style)] if found else []


def _plan_title(me: LearnerState) -> str:
    done = sum(_is_done(step, me) for step in me.plan)
    return f"Plan: {done} of {count(len(me.plan), 'step')} done"


def _is_done(step: PlanStep, me: LearnerState) -> bool:
    return step.status == "done" or step.id in me.completed


def _step(step: PlanStep, me: LearnerState) -> Row:
    done = _is_done(step, me)
    status = "done" if done else step.status
    if not done and me.active_step == step.id:
        status = "active"
    mark = {"done": "✓", "active": "▸", "next": "▹"}.get(status, "·")
    colors = {"done": ("green",), "active": ("cyan", "bold"), "next": ("cyan",)}.get(status, ("dim",))
    return [Cell(mark, colors), plain(step.id), Cell(plain(status), colors), plain(step.topic)]


def _exercise(each: Exercise) -> Row:
    text = plain(named(each))
    where = place(each.anchors[0]) if each.anchors else ""
    due = f" · due {plain(each.due)}" if each.due else ""
    return [short(each.id), Cell(each.status, COLORS.get(each.status, ())), where, f"{text}{due}"]


def _feedback(each: Feedback) -> Row:
    mistakes = f"{count(len(each.mistakes), 'mistake')}; " if each.mistakes else ""
    text = f"{mistakes}next: {plain(each.next_step)}" if each.next_step else mistakes.rstrip("; ")
    exercise = f"exercise {short(each.exercise_id)}" if each.exercise_id else "no exercise"
    guessed = " (guessed)" if each.inferred else ""
    return [short(each.id), Cell(plain(each.grade), COLORS.get(each.grade, ())), exercise + guessed, text]


def sync_words(sync: SyncStatus, now_us: int) -> list[str]:
    """How it stands with the bus, and how old the news is."""
    where = "this machine's bus" if sync.embedded else plain(sync.bus)
    seen = f"news from {ago((now_us - sync.seen_us) / 1e6)}" if sync.seen_us is not None else "never heard from yet"
    lines = [f"{where}: {'connected, ' if sync.connected and sync.holder_pid else ''}{seen}"]
    if sync.last_error:
        lines.append(f"last problem: {plain(sync.last_error)}")
    if sync.waiting:
        lines.append(f"{count(sync.waiting, 'event')} of yours not delivered yet")
    if sync.refused:
        lines.append(f"{count(sync.refused, 'event')} of yours refused by the bus; colearner doctor says why")
    if sync.loading:
        lines.append(f"loading history of {', '.join(short(session) for session in sync.loading)}")
    return lines
