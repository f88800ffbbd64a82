"""Stages (contracts.md, *Lifecycle*): who moves them, and what is irregular."""

from __future__ import annotations

import pytest

from colearner_ls.domain.lifecycle import Lifecycle
from colearner_ls.domain.state import STAGES
from tests.domain.sessions import Session

REGULAR = {(a, b) for i, a in enumerate(STAGES) for j, b in enumerate(STAGES) if j - i in (0, 1)}


@pytest.mark.parametrize("before", STAGES)
@pytest.mark.parametrize("after", STAGES)
def test_an_explicit_jump_is_applied_and_irregular_when_it_skips_or_goes_back(before: str, after: str) -> None:
    life = Lifecycle(stage=before)
    life.jump(after)
    assert life.stage == after
    assert life.irregular is ((before, after) not in REGULAR)


PLAN = ("coach", "learning_plan", {"plan": []})
ASSIGN = ("coach", "exercise_assigned", {"topic": "t", "exercise": "e", "exercise_id": "e1"})
ANOTHER = ("coach", "exercise_assigned", {"topic": "t", "exercise": "e", "exercise_id": "e2"})
PROGRESS = ("student", "progress_update", {"completed": []})
SUBMIT = ("student", "exercise_submission", {"exercise_id": "e1"})
PASS = ("coach", "assessment_feedback", {"grade": "pass"})
REVISE = ("coach", "assessment_feedback", {"grade": "revise"})
CLOSE = ("coach", "session_closed", {})


def stage(name: str) -> tuple[str, str, dict[str, str]]:
    return ("coach", "lifecycle", {"stage": name})


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], "init"),
        ([PLAN], "plan"),
        ([PLAN, PLAN], "plan"),
        ([ASSIGN], "practice"),
        ([PLAN, ASSIGN], "practice"),
        ([PROGRESS], "practice"),
        ([PLAN, PROGRESS], "practice"),
        ([ASSIGN, PLAN], "practice"),  # a plan moves only from init
        ([ASSIGN, SUBMIT], "review"),
        ([SUBMIT], "review"),  # from init too, and though it belongs to nothing
        ([ASSIGN, SUBMIT, PLAN], "review"),
        ([ASSIGN, SUBMIT, PROGRESS], "review"),  # progress moves only from init and plan
        ([ASSIGN, SUBMIT, ANOTHER], "review"),  # something waits for review
        ([ASSIGN, SUBMIT, PASS], "review"),
        ([ASSIGN, SUBMIT, PASS, ANOTHER], "practice"),  # nothing waits any more
        ([ASSIGN, SUBMIT, PASS, ASSIGN], "practice"),  # a second assignment with the same id is one too
        ([ASSIGN, SUBMIT, REVISE], "practice"),
        ([REVISE], "practice"),
        ([ASSIGN, SUBMIT, REVISE, SUBMIT], "review"),
        ([CLOSE], "done"),
        ([ASSIGN, SUBMIT, CLOSE], "done"),
        *[([CLOSE, late], "done") for late in (PLAN, ASSIGN, PROGRESS, SUBMIT, REVISE)],
        ([CLOSE, ASSIGN, SUBMIT, PASS, ANOTHER], "done"),
    ],
)
def test_automatic_moves(said: list[tuple[str, str, dict[str, object]]], expected: str) -> None:
    session = Session()
    for actor, event_type, payload in said:
        session._said(actor, event_type, dict(payload))
    learner = session.learner()
    assert learner.stage == expected
    assert learner.irregular is False, "automatic moves are never irregular"


def test_later_events_still_count_after_done() -> None:
    session = Session()
    session.coach("session_closed")
    session.assign(exercise_id="e1")
    session.submit("e1")
    session.assess("pass", confidence_delta=0.5)
    learner = session.learner()
    assert (learner.stage, learner.exercises[0].status, learner.confidence) == ("done", "passed", {"graphs": 0.5})


def test_an_explicit_move_leaves_done_and_is_irregular() -> None:
    session = Session()
    session.coach("session_closed")
    session.coach("lifecycle", stage="practice")
    assert (session.learner().stage, session.learner().irregular) == ("practice", True)


def test_an_assignment_moves_on_from_init_and_plan_whatever_waits_for_review() -> None:
    for name in ("init", "plan"):
        session = Session()
        session.assign(exercise_id="e1")
        session.submit("e1")
        session.coach("lifecycle", stage=name)
        session.assign(exercise_id="e2")
        assert session.learner().stage == "practice"


def test_irregular_stays_after_regular_moves() -> None:
    session = Session()
    session.student("lifecycle", stage="review")
    session.student("lifecycle", stage="done")
    assert (session.learner().stage, session.learner().irregular) == ("done", True)


def test_the_whole_way_step_by_step_is_regular() -> None:
    session = Session()
    for name in STAGES:
        session.coach("lifecycle", stage=name)
    assert (session.learner().stage, session.learner().irregular) == ("done", False)


@pytest.mark.parametrize("word", ["note", "insight"])
def test_remarks_change_no_stage_and_are_kept(word: str) -> None:
    session = Session()
    session.assign()
    event = session.student("lifecycle", stage=word, note="edges are directed")
    state = session.state()
    assert state.learner(None).stage == "practice"
    assert state.learner(None).irregular is False
    assert state.remarks == (
        {"id": event.id, "ts": event.ts, "stage": word, "note": "edges are directed", "actor": "student"},
    )


def test_session_closed_is_said_of_the_session_and_of_its_learners() -> None:
    session = Session()
    session.coach("session_started", to="ada")
    session.coach("session_started", to="bob")
    session.coach("session_closed", to="ada")
    state = session.state()
    assert state.closed is False
    assert {name: (each.stage, each.closed) for name, each in state.learners.items()} == {
        "ada": ("done", True),
        "bob": ("init", False),
    }
    session.coach("session_closed")
    assert session.state().closed is True


def test_a_feedback_that_stands_before_its_submission_moves_the_stage_as_if_it_came_after() -> None:
    """A peer's slow clock: the answer is ordered before what it answers, and nothing waits for review."""
    session = Session()
    session.assign(exercise_id="e1")
    session.assess("revise", at=60)
    session.submit("e1", at=90)
    assert session.learner().stage == "practice"
