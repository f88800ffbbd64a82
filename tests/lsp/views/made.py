"""States and documents for the tests of the views, made by hand."""

from __future__ import annotations

from typing import Any

from colearner_ls.domain.anchors import make_anchor
from colearner_ls.domain.state import Exercise, Feedback, Hint, LearnerState, Mistake, PlanStep, SessionState, Stuck
from colearner_ls.domain.text import Encoding, Span
from colearner_ls.lsp.views.marks import DocumentView, Located, locate_all, marks_of

PATH = "src/graph.py"
URI = "file:///w/src/graph.py"
TEXT = "def order(needs):\n    done = []\n    while needs:\n        pass\n    return done\n"


def anchor(start: int, end: int, text: str = TEXT, path: str = PATH) -> dict[str, Any]:
    """An anchor at 1-based lines."""
    return make_anchor(path, text, start, end).to_payload()


def exercise(**changes: Any) -> Exercise:
    """An exercise at line 3."""
    values: dict[str, Any] = {
        "id": "ex-1",
        "event_id": "event-1",
        "hlc": 1,
        "ts": "2026-01-01T00:00:00.000001Z",
        "topic": "dependency graph",
        "exercise": "Find the loop.",
        "expected": "",
        "tests": (),
        "title": "",
        "step_id": None,
        "anchors": (anchor(3, 4),),
        "hints": (),
        "due": None,
        "author": "eve",
        "status": "assigned",
    }
    return Exercise(**{**values, **changes})


def feedback(*mistakes: Mistake, **changes: Any) -> Feedback:
    """Feedback on that exercise."""
    values: dict[str, Any] = {
        "id": "fb-1",
        "hlc": 9,
        "ts": "2026-01-01T00:00:00.000009Z",
        "exercise_id": "ex-1",
        "submission_id": None,
        "grade": "revise",
        "mistakes": mistakes,
        "next_step": "",
        "confidence_delta": None,
        "topic": None,
        "author": "eve",
    }
    return Feedback(**{**values, **changes})


def hint(text: str, **changes: Any) -> Hint:
    """A hint at line 2."""
    values: dict[str, Any] = {
        "id": "hint-1",
        "hlc": 5,
        "ts": "2026-01-01T00:00:00.000005Z",
        "hint": text,
        "exercise_id": None,
        "stuck_id": None,
        "anchor": anchor(2, 2),
        "author": "eve",
    }
    return Hint(**{**values, **changes})


def stuck(text: str, **changes: Any) -> Stuck:
    """A call for help at line 5."""
    values: dict[str, Any] = {
        "id": "stuck-1",
        "hlc": 5,
        "ts": "2026-01-01T00:00:00.000005Z",
        "summary": text,
        "exercise_id": None,
        "anchor": anchor(5, 5),
        "author": "ada",
    }
    return Stuck(**{**values, **changes})


def learner(*exercises: Exercise, student: str | None = "ada", **changes: Any) -> LearnerState:
    """A learner with these exercises."""
    return LearnerState(student, exercises=exercises, **changes)


PLAN = (PlanStep("s1", "graphs", "next"), PlanStep("s2", "tests", "todo"))


def view(
    me: LearnerState,
    *others: LearnerState,
    text: str = TEXT,
    role: str = "student",
    encoding: Encoding = "utf-16",
    path: str = PATH,
) -> DocumentView:
    """What the views of ``path`` are computed from, the places found in ``text``."""
    session = SessionState("s", learners={each.student_id or "": each for each in (me, *others)})
    marks = marks_of(session, me, role).get(path, ())
    places = locate_all(marks, text)
    located = tuple(
        Located(mark, place if isinstance(place, Span) else None, place if isinstance(place, str) else "")
        for mark in marks
        for place in [places[mark.key]]
    )
    return DocumentView(URI, path, 1, text, encoding, role, me, located)
