"""Plan and progress (contracts.md, *Plan*, *Feedback* and the row of ``progress_update``)."""

from __future__ import annotations

import pytest

from tests.domain.sessions import Session, steps


def plan(*entries: str) -> list[dict[str, str]]:
    """``"s1:next"`` → a step."""
    pairs = [entry.split(":") for entry in entries]
    return [{"id": name, "topic": f"about {name}", "status": status} for name, status in pairs]


def test_a_new_plan_replaces_the_steps() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s1:next", "s2:todo"), goals=["onboard"])
    session.coach("learning_plan", plan=plan("s3:todo", "s1:todo"))
    learner = session.learner()
    assert [(step.id, step.topic, step.status) for step in learner.plan] == [
        ("s3", "about s3", "todo"),
        ("s1", "about s1", "todo"),
    ]
    assert learner.goals == ("onboard",), "a plan that names no goals leaves them"


def test_goals_are_replaced_by_a_plan_that_has_some() -> None:
    session = Session()
    session.coach("learning_plan", plan=[], goals=["a", "b"])
    session.student("learning_plan", plan=[], goals=[])
    assert session.learner().goals == ()


def test_steps_completed_by_id_stay_done_and_confidence_stays() -> None:
    session = Session()
    session.student("progress_update", completed=["s2"], confidence={"t": 0.5})
    session.coach("learning_plan", plan=plan("s1:todo", "s2:todo", "s3:active"))
    learner = session.learner()
    assert steps(learner) == {"s1": "todo", "s2": "done", "s3": "active"}
    assert dict(learner.confidence) == {"t": 0.5}


def test_a_step_that_only_a_plan_called_done_may_be_reopened_by_the_next_plan() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s1:done"))
    session.coach("learning_plan", plan=plan("s1:todo"))
    assert steps(session.learner()) == {"s1": "todo"}
    assert session.learner().completed == ()


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("todo", "todo"),
        ("pending", "todo"),
        ("next", "next"),
        ("active", "active"),
        ("done", "done"),
        ("skipped", "skipped"),
        ("paused", "paused"),
    ],
)
def test_status_words(said: str, kept: str) -> None:
    session = Session()
    session.student("learning_plan", plan=plan(f"s1:{said}"))
    assert steps(session.learner()) == {"s1": kept}


def test_completed_only_ever_adds() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s1:next", "s2:todo"))
    session.student("progress_update", completed=["s1", "elsewhere"])
    session.student("progress_update", completed=["s2", "s1"])
    session.student("progress_update", completed=[])
    learner = session.learner()
    assert learner.completed == ("s1", "elsewhere", "s2")
    assert steps(learner) == {"s1": "done", "s2": "done"}


def test_pass_completes_the_step_of_the_exercise_and_the_next_todo_step_becomes_next() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s0:todo", "s1:next", "s2:skipped", "s3:pending", "s4:todo"))
    exercise = session.assign(step_id="s1")
    session.submit(exercise)
    session.assess("pass", exercise_id=exercise)
    learner = session.learner()
    assert steps(learner) == {"s0": "todo", "s1": "done", "s2": "skipped", "s3": "next", "s4": "todo"}
    assert learner.completed == ("s1",)


def test_after_the_last_step_the_next_todo_step_is_the_first_one() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s0:todo", "s1:next"))
    session.assign(exercise_id="e1", step_id="s1")
    session.assess("pass", exercise_id="e1")
    assert steps(session.learner()) == {"s0": "next", "s1": "done"}


def test_there_is_one_next_step_only() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s1:next", "s2:todo", "s3:todo"))
    session.assign(exercise_id="e2", step_id="s2")
    session.assess("pass", exercise_id="e2")
    session.assess("pass", exercise_id="e2")
    assert steps(session.learner()) == {"s1": "next", "s2": "done", "s3": "todo"}


def test_revise_completes_nothing() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s1:next", "s2:todo"))
    session.assign(exercise_id="e1", step_id="s1")
    session.assess("revise", exercise_id="e1")
    assert (steps(session.learner()), session.learner().completed) == ({"s1": "next", "s2": "todo"}, ())


def test_a_pass_that_belongs_to_no_exercise_completes_nothing() -> None:
    session = Session()
    session.coach("learning_plan", plan=plan("s1:todo"))
    session.assess("pass")
    assert (steps(session.learner()), session.learner().completed) == ({"s1": "todo"}, ())


def test_a_pass_completes_a_step_that_the_plan_does_not_have_yet() -> None:
    session = Session()
    session.assign(exercise_id="e1", step_id="s1")
    session.assess("pass", exercise_id="e1")
    session.coach("learning_plan", plan=plan("s1:todo", "s2:todo"))
    assert (steps(session.learner()), session.learner().completed) == ({"s1": "done", "s2": "todo"}, ("s1",))


def test_the_newest_word_on_active_step_blockers_and_files_counts() -> None:
    session = Session()
    file = {"path": "a.py", "sha256": "0" * 64, "bytes": 3}
    session.student("progress_update", completed=[], active_step="s1", blockers=["no disk"], files_changed=[file])
    session.student("progress_update", completed=[], active_step="s2")
    session.student("progress_update", completed=[], files_changed=[])
    learner = session.learner()
    assert (learner.active_step, learner.blockers, learner.files_changed) == ("s2", ("no disk",), (file,))
    session.student("progress_update", completed=[], blockers=[])
    assert session.learner().blockers == ()


def test_of_one_learners_and_of_everyones_word_the_newer_counts() -> None:
    session = Session()
    session.student("progress_update", to="ada", active_step="s1")
    session.student("progress_update", active_step="s2")
    assert session.learner("ada").active_step == "s2"
    session.student("progress_update", to="ada", active_step="s3")
    assert session.learner("ada").active_step == "s3"


def test_progress_said_in_pieces_is_progress_said_at_once() -> None:
    """Neighbouring progress is stored as one; what lies between must still part it."""
    session = Session()
    session.student("progress_update", to="ada", confidence={"t": 0.8})
    session.assess("revise", topic="t", confidence_delta=-0.5)  # to everyone, between
    session.student("progress_update", to="ada", completed=["s1"])
    session.assess("revise", to="peer-1", topic="t", confidence_delta=0.25)  # for an unknown id, between
    session.student("progress_update", to="ada", confidence={"t": 0.1})
    session.assess("revise", to="ada", topic="t", confidence_delta=0.25)
    assert dict(session.learner("ada").confidence) == {"t": 0.35}


def test_progress_to_everyone_is_parted_by_what_one_learner_hears() -> None:
    session = Session()
    session.student("progress_update", confidence={"t": 0.8})
    session.assess("revise", to="ada", topic="t", confidence_delta=0.1)
    session.student("progress_update", confidence={"t": 0.2})
    session.student("hint_ack", to="ada", note="x")
    session.student("hint_ack", to="bob", note="x")
    assert [dict(each.confidence) for each in session.state().learners.values()] == [{"t": 0.2}, {"t": 0.2}]


@pytest.mark.parametrize(
    "odd",
    [
        [{"topic": "no id"}, {"id": "", "topic": "empty"}],
        ["a text", 7],
        None,
        "text",
    ],
)
def test_odd_plans_are_tolerated(odd: object) -> None:
    session = Session()
    session.coach("learning_plan", plan=odd)
    assert [step.id for step in session.learner().plan] == (["step-1", "step-2"] if isinstance(odd, list) else [])
