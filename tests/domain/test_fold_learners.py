"""Whose state an event is for (contracts.md, *Learners*)."""

from __future__ import annotations

import pytest

from colearner_ls.domain.fold import fold_events, state_bytes
from colearner_ls.domain.timeline import Timeline
from tests.domain.sessions import Session, statuses, steps


def test_state_is_folded_per_learner() -> None:
    session = Session()
    exercise = session.assign()
    session.submit(exercise, to="ada")
    session.student("progress_update", to="bob", completed=["s1"], confidence={"graphs": 0.4})
    ada, bob = session.learner("ada"), session.learner("bob")
    assert (statuses(ada), ada.stage, ada.completed, dict(ada.confidence)) == (
        {exercise: "submitted"},
        "review",
        (),
        {},
    )
    assert (statuses(bob), bob.stage, bob.completed) == ({exercise: "assigned"}, "practice", ("s1",))
    assert dict(bob.confidence) == {"graphs": 0.4}


@pytest.mark.parametrize("actor", ["coach", "student"])
def test_session_started_names_a_learner(actor: str) -> None:
    session = Session()
    session._said(actor, "session_started", {"to": "ada"})
    assert list(session.state().learners) == ["ada"]


@pytest.mark.parametrize("event_type", ["progress_update", "hint_ack", "sharing_changed", "buddy.checkin.completed"])
def test_any_event_of_a_student_names_a_learner(event_type: str) -> None:
    session = Session()
    session.student(event_type, to="ada")
    assert list(session.state().learners) == ["ada"]


@pytest.mark.parametrize("event_type", ["exercise_assigned", "students_linked", "safety.flag.raised", "scope_policy"])
def test_no_other_event_of_coach_or_service_names_one(event_type: str) -> None:
    session = Session()
    session.coach(event_type, to="ada")
    session.service(event_type, to="bob")
    assert list(session.state().learners) == [""]


def test_learners_are_sorted_by_id_whatever_the_order() -> None:
    session = Session()
    for name in ("cleo", "ada", "bob"):
        session.student("hint_ack", to=name, note="ok")
    assert list(session.state().learners) == ["ada", "bob", "cleo"]


def test_where_no_id_is_known_the_one_learner_has_the_empty_key() -> None:
    session = Session()
    exercise = session.assign()
    session.submit(exercise)
    state = session.state()
    assert list(state.learners) == [""]
    assert statuses(state.learners[""]) == {exercise: "submitted"}
    assert state.learners[""].student_id is None


def test_an_event_without_student_id_applies_to_every_learner_also_to_one_who_comes_later() -> None:
    session = Session()
    session.coach("learning_plan", plan=[{"id": "s1", "topic": "t"}], goals=["g"])
    exercise = session.assign()
    session.student("progress_update", to="ada", completed=[])
    session.student("progress_update", to="bob", completed=[])
    for name in ("ada", "bob"):
        learner = session.learner(name)
        assert statuses(learner) == {exercise: "assigned"}
        assert (steps(learner), learner.goals) == ({"s1": "todo"}, ("g",))


def test_a_students_event_without_student_id_applies_to_every_learner_too() -> None:
    session = Session()
    session.coach("session_started", to="ada")
    session.coach("session_started", to="bob")
    session.student("progress_update", completed=["s1"])
    assert [each.completed for each in session.state().learners.values()] == [("s1",), ("s1",)]


def test_a_coachs_event_before_the_learners_first_event_reaches_that_learner() -> None:
    session = Session()
    session.student("progress_update", to="bob", completed=[])
    session.student("progress_update", to="cleo", completed=[])
    exercise = session.assign(to="ada")
    state = session.state()
    assert "ada" not in state.learners
    assert statuses(state.waiting["ada"]) == {exercise: "assigned"}
    assert statuses(state.learner("ada")) == {exercise: "assigned"}, "on ada's machine, before ada said anything"

    session.student("exercise_assigned_ack", to="ada", status="accepted", exercise_id=exercise)
    state = session.state()
    assert statuses(state.learners["ada"]) == {exercise: "accepted"}
    assert state.learners["ada"].exercises[0].inferred is False
    assert [statuses(state.learners[name]) for name in ("bob", "cleo")] == [{}, {}]
    assert state.waiting == {}


def test_a_coachs_event_that_names_an_unknown_id_applies_to_the_sole_learner_and_is_marked() -> None:
    session = Session()
    session.student("progress_update", to="ada", completed=[])
    known = session.assign(to="ada", exercise_id="e1")
    strange = session.assign(to="peer-4711", exercise_id="e2")
    hint = session.coach("coach_hint", to="peer-4711", hint="look at imports").id
    request = session.coach("evidence_request", to="peer-4712", path="a.py").id
    feedback = session.assess("revise", to="peer-4713", exercise_id="e1")
    learner = session.learner("ada")
    assert {each.id: each.inferred for each in learner.exercises} == {known: False, strange: True}
    assert [(each.id, each.inferred) for each in learner.hints] == [(hint, True)]
    assert [(each.id, each.inferred) for each in learner.requests] == [(request, True)]
    assert [(each.id, each.inferred) for each in learner.feedback] == [(feedback, True)]
    assert statuses(learner) == {known: "revise", strange: "assigned"}
    assert session.state().waiting == {}


def test_it_applies_to_the_sole_learner_also_where_it_stands_before_that_learners_first_event() -> None:
    session = Session()
    exercise = session.assign(to="peer-4711")
    session.student("progress_update", to="ada", completed=[])
    assert statuses(session.learner("ada")) == {exercise: "assigned"}


def test_events_for_the_sole_learner_and_for_unknown_ids_take_effect_in_their_order() -> None:
    session = Session()
    session.student("progress_update", to="ada", completed=[])
    for number, name in enumerate(["peer-1", "ada", "peer-2"]):
        session.assess("revise", to=name, topic="t", confidence_delta=[1.0, -0.8, 0.3][number])
    assert dict(session.learner("ada").confidence) == {"t": 0.5}


def test_with_a_second_learner_the_guess_is_taken_back_and_the_event_waits() -> None:
    session = Session()
    session.student("progress_update", to="ada", completed=[])
    exercise = session.assign(to="cleo")
    assert statuses(session.learner("ada")) == {exercise: "assigned"}
    session.student("progress_update", to="bob", completed=[])
    state = session.state()
    assert [statuses(each) for each in state.learners.values()] == [{}, {}]
    assert statuses(state.waiting["cleo"]) == {exercise: "assigned"}


def test_a_students_event_is_never_given_to_another() -> None:
    session = Session()
    exercise = session.assign()
    session.submit(exercise, to="ada")
    session.submit(exercise, to="bob")
    assert [len(each.submissions) for each in session.state().learners.values()] == [1, 1]


def test_before_anybody_is_known_what_names_an_id_waits_and_the_rest_is_for_everyone() -> None:
    session = Session()
    for_all = session.assign(exercise_id="all")
    for_ada = session.assign(exercise_id="ada's", to="ada")
    state = session.state()
    assert statuses(state.learners[""]) == {for_all: "assigned"}
    assert statuses(state.waiting["ada"]) == {for_all: "assigned", for_ada: "assigned"}
    assert statuses(state.everyone) == {for_all: "assigned"}
    assert statuses(state.learner("dora")) == {for_all: "assigned"}


def test_without_an_id_the_one_for_whom_something_waits_is_meant_while_nobody_is_known() -> None:
    """A coach has assigned to ada, who has not answered yet: the coach's own status must show it."""
    session = Session()
    exercise = session.assign(to="ada")
    assert statuses(session.state().learner(None)) == {exercise: "assigned"}
    session.assign(to="bob")
    assert statuses(session.state().learner(None)) == {}
    session.student("hint_ack", to="cleo", note="x")
    session.student("hint_ack", to="dora", note="x")
    assert statuses(session.state().learner(None)) == {}


def test_somebody_nobody_knows_finds_what_is_said_to_everyone() -> None:
    session = Session()
    exercise = session.assign()
    session.student("hint_ack", to="ada", note="x")
    session.student("hint_ack", to="bob", note="x")
    found = session.state().learner("dora")
    assert (statuses(found), found.student_id) == ({exercise: "assigned"}, "dora")


def test_the_learner_of_an_unknown_id_is_the_sole_one() -> None:
    session = Session()
    session.student("hint_ack", to="ada", note="x")
    assert session.state().learner("peer-4711").student_id == "ada"
    assert session.state().learner(None).student_id == "ada"


def test_on_the_own_machine_a_student_nobody_knows_yet_never_sees_another_learners_state() -> None:
    session = Session()
    session.student("progress_update", to="ada", completed=["s1"])
    for_all, for_bob = session.assign(exercise_id="all"), session.assign(exercise_id="bob's", to="bob")
    line = Timeline(session.session_id)
    line.insert(session.events)
    found = line.state_for("bob")
    assert (found.student_id, found.completed) == ("bob", ())
    assert statuses(found) == {for_all: "assigned", for_bob: "assigned"}
    assert statuses(line.state().learners["ada"]) == {for_all: "assigned", for_bob: "assigned"}, (
        "a guess, for the coach"
    )
    assert line.state_for("ada") is line.state().learners["ada"]
    line.insert([session.student("hint_ack", to="bob", note="x")])
    assert statuses(line.state_for("bob")) == {for_all: "assigned", for_bob: "assigned"}
    assert statuses(line.state_for("ada")) == {for_all: "assigned"}
    assert statuses(line.state_for("dora")) == {for_all: "assigned"}


def test_a_student_id_that_is_empty_names_nobody() -> None:
    session = Session()
    session.student("progress_update", to="", completed=["s1"])
    state = session.state()
    assert list(state.learners) == [""]
    assert state.learners[""].completed == ("s1",)


def test_a_learner_sees_the_same_whether_others_are_in_the_session_or_not() -> None:
    """Of the state of one learner of several, only what was said to it, by it, or to everyone decides."""
    session = Session()
    for name in ("ada", "bob", "cleo"):
        session.student("progress_update", to=name, completed=[], active_step="s1")
    shared = session.assign(exercise_id="shared")
    for name in ("ada", "bob"):
        session.assign(exercise_id=f"{name}'s", to=name, step_id="s1")
        session.student("progress_update", to=name, completed=[], confidence={"graphs": 0.25})
        session.submit("ex-1", to=name)
        session.student("progress_update", to=name, completed=["s0"])
    session.assess("pass", to="ada", confidence_delta=0.1)
    session.assess("revise", exercise_id=shared)
    whole = session.state()
    for name in ("ada", "bob", "cleo"):
        concerned = [event for event in session.events if event.student_id in (None, name)]
        alone = fold_events(session.session_id, concerned).view()
        assert state_bytes(alone.learners[name]) == state_bytes(whole.learners[name])


def test_about_the_session_the_newest_word_counts() -> None:
    session = Session()
    session.coach("session_started", to="ada", title="First", coach_id="carl", repo={"remote": "r", "commit": "c"})
    session.student("session_started", to="ada", title="Second", session_id="onboarding-01")
    state = session.state()
    assert (state.session_id, state.title, state.coach_id) == ("onboarding-01", "Second", "carl")
    assert state.repo == {"remote": "r", "commit": "c"}
    assert state.events == 2


def test_a_scope_policy_is_for_those_it_names() -> None:
    session = Session()
    for name in ("ada", "bob"):
        session.student("hint_ack", to=name, note="x")
    session.coach("scope_policy", scope="repo", allow=["src/**"])
    session.coach("scope_policy", to="ada", scope="repo", deny=["src/secret/**"])
    state = session.state()
    assert state.learners["bob"].scope_policy == {"scope": "repo", "allow": ["src/**"]}
    assert state.learners["ada"].scope_policy == {"scope": "repo", "deny": ["src/secret/**"]}
    assert state.scope_policy == {"scope": "repo", "allow": ["src/**"]}


def test_signs_of_life() -> None:
    session = Session()
    session.coach("session_started", to="ada")
    session.coach("session_started", to="bob")
    assert session.learner("ada").last_student_hlc is None
    assigned = session.assign(to="ada")
    seen = session.student("buddy.checkin.completed", to="ada").hlc
    session.coach("exercise_submission_ack", to="ada", status="received")
    ada, bob = session.learner("ada"), session.learner("bob")
    assert ada.last_student_hlc == seen
    assert ada.last_coach_hlc == next(event.hlc for event in session.events if event.id == assigned)
    assert (bob.last_student_hlc, bob.last_coach_hlc) == (None, None)
