"""To which exercise submissions and feedback belong (contracts.md, *Matching*)."""

from __future__ import annotations

import pytest

from colearner_ls.domain.state import Feedback, Submission
from tests.domain.sessions import Session, statuses

MINUTES = 60


def submission(session: Session, event_id: str, links: dict[str, str] | None = None) -> Submission:
    return next(each for each in session.learner(links=links).submissions if each.id == event_id)


def feedback(session: Session, event_id: str, links: dict[str, str] | None = None) -> Feedback:
    return next(each for each in session.learner(links=links).feedback if each.id == event_id)


# -- rule 1: what is named, wherever it stands --------------------------------------------------------------------------


def test_a_submission_belongs_to_the_exercise_it_names() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    said = session.submit("e2")
    found = submission(session, said)
    assert (found.exercise_id, found.inferred, found.named) == ("e2", False, "e2")
    assert statuses(session.learner()) == {"e1": "assigned", "e2": "submitted"}


def test_an_exercise_is_also_named_by_the_event_id_of_any_of_its_assignments() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="other")
    session.assign(exercise_id="e1", exercise="better words")
    said = session.submit(session.events[2].id)
    assert (submission(session, said).exercise_id, submission(session, said).inferred) == ("e1", False)


def test_event_ids_are_known_in_upper_case_too() -> None:
    session = Session()
    session.assign(exercise_id="other")
    exercise = session.coach("exercise_assigned", topic="t", exercise="e").id.replace("8000", "8abc")
    assert exercise != exercise.upper()
    session.events[-1] = _renamed(session, exercise)
    said = session.submit(exercise.upper())
    assert submission(session, said).exercise_id == exercise


def _renamed(session: Session, event_id: str):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(session.events[-1], id=event_id)


def test_a_submission_may_stand_before_the_assignment_it_names() -> None:
    session = Session()
    session.assign(exercise_id="other", at=0)
    said = session.submit("e1", at=10)
    session.assign(exercise_id="e1", at=20)
    assert (submission(session, said).exercise_id, submission(session, said).inferred) == ("e1", False)
    assert statuses(session.learner()) == {"other": "assigned", "e1": "submitted"}


def test_an_id_given_in_a_payload_comes_before_an_event_id() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    event_id = session.events[0].id
    session.assign(exercise_id=event_id)
    said = session.submit(event_id)
    assert submission(session, said).exercise_id == event_id


def test_a_submission_belongs_to_what_its_causation_id_answers() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    assigned = session.events[-1].id
    session.assign(exercise_id="e2")
    first = session.submit("ex-1", causation=assigned)
    verdict = session.assess("revise", submission_id=first)
    second = session.submit("ex-1", causation=verdict)
    for said in (first, second):
        assert (submission(session, said).exercise_id, submission(session, said).inferred) == ("e1", False)


def test_a_feedback_belongs_to_the_submission_it_names() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    one, two = session.submit("e1"), session.submit("e2")
    verdict = session.assess("pass", submission_id=two)
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == ("e2", two, False)
    assert submission(session, two).assessed_by == verdict
    assert submission(session, one).assessed_by is None
    assert statuses(session.learner()) == {"e1": "submitted", "e2": "passed"}


def test_a_feedback_belongs_to_the_exercise_it_names_and_assesses_what_was_submitted_for_it() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    one, again, two = session.submit("e1"), session.submit("e1"), session.submit("e2")
    verdict = session.assess("pass", exercise_id="e1")
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == ("e1", again, False)
    assert [submission(session, said).assessed_by for said in (one, again, two)] == [verdict, verdict, None]


@pytest.mark.parametrize("named", ["submission", "assignment"])
def test_a_feedback_belongs_to_what_its_causation_id_names(named: str) -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    assigned = session.events[-1].id
    session.submit("e1")
    two = session.submit("e2")
    verdict = session.assess("revise", causation=two if named == "submission" else assigned)
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == ("e2", two, False)


def test_submission_id_comes_before_exercise_id_and_that_before_causation_id() -> None:
    session = Session()
    for name in ("e1", "e2", "e3"):
        session.assign(exercise_id=name)
    said = {name: session.submit(name) for name in ("e1", "e2", "e3")}
    first = session.assess("revise", submission_id=said["e1"], exercise_id="e2", causation=said["e3"])
    second = session.assess("revise", exercise_id="e2", causation=said["e3"])
    assert feedback(session, first).exercise_id == "e1"
    assert (feedback(session, second).exercise_id, feedback(session, second).submission_id) == ("e2", said["e2"])
    assert statuses(session.learner()) == {"e1": "revise", "e2": "revise", "e3": "submitted"}


def test_with_exercise_and_cause_agreeing_the_cause_is_the_submission_that_is_assessed() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    one, again = session.submit("e1"), session.submit("e1")
    verdict = session.assess("revise", exercise_id="e1", causation=one)
    assert feedback(session, verdict).submission_id == one
    assert (submission(session, one).assessed_by, submission(session, again).assessed_by) == (verdict, None)


def test_a_name_that_names_nothing_counts_as_none() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    said = session.submit("e1")
    verdict = session.assess("pass", submission_id="never-heard-of", exercise_id="ex-1", causation=session.session_id)
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == ("e1", said, True)


def test_a_feedback_may_stand_before_the_submission_it_names_and_counts_as_its_answer() -> None:
    session = Session()
    session.assign(exercise_id="e1", at=0, step_id="s1")
    verdict = session.coach("assessment_feedback", grade="pass", submission_id=_id(4), at=10, confidence_delta=0.5).id
    session.assign(exercise_id="e2", at=15)
    said = session.submit("e1", at=2000)
    assert said == _id(4)
    learner = session.learner()
    assert statuses(learner) == {"e1": "passed", "e2": "assigned"}
    assert (submission(session, said).assessed_by, feedback(session, verdict).submission_id) == (verdict, said)
    assert (dict(learner.confidence), learner.completed) == ({"graphs": 0.5}, ("s1",))


def test_a_chain_that_stands_the_wrong_way_round_means_the_same() -> None:
    """Feedback before submission before assignment: three clocks, each slower than the next."""
    session = Session()
    session.coach("assessment_feedback", grade="revise", submission_id=_id(2), at=10)
    session.submit("e1", at=20)
    session.assign(exercise_id="e1", at=30)
    session.assign(exercise_id="e2", at=40)
    learner = session.learner()
    assert statuses(learner) == {"e1": "revise", "e2": "assigned"}
    assert learner.submissions[0].assessed_by == learner.feedback[0].id
    assert learner.stage == "practice"


def test_answers_that_go_round_in_a_circle_stand_by_themselves() -> None:
    session = Session()
    session.coach("assessment_feedback", grade="revise", causation=_id(2))
    session.student("exercise_submission", exercise_id="ex-1", causation=_id(1))
    learner = session.learner()
    assert (learner.submissions[0].exercise_id, learner.feedback[0].exercise_id) == (None, None)
    assert learner.feedback[0].submission_id == _id(2)


def _id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012x}"


# -- rule 2: the one exercise with an unassessed submission before it ---------------------------------------------------


def test_a_nameless_feedback_belongs_to_the_one_exercise_with_an_unassessed_submission() -> None:
    session = Session()
    for name in ("e1", "e2", "e3"):
        session.assign(exercise_id=name)
    said = session.submit("e2")
    verdict = session.assess("pass")
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == ("e2", said, True)
    assert statuses(session.learner()) == {"e1": "assigned", "e2": "passed", "e3": "assigned"}


def test_several_submissions_of_that_one_exercise_are_assessed_together() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    first, second = session.submit("e1"), session.submit("e1")
    verdict = session.assess("revise")
    assert [submission(session, said).assessed_by for said in (first, second)] == [verdict, verdict]
    assert feedback(session, verdict).submission_id == second


def test_one_that_is_assessed_does_not_count() -> None:
    session = Session()
    for name in ("e1", "e2", "e3"):
        session.assign(exercise_id=name)
    session.submit("e1")
    two = session.submit("e2")
    session.assess("revise", exercise_id="e1")
    assert feedback(session, session.assess("pass")).submission_id == two


def test_one_that_was_assessed_before_it_stood_there_does_not_count() -> None:
    session = Session()
    session.coach("assessment_feedback", grade="revise", submission_id=_id(4), at=1)
    session.assign(exercise_id="e1", at=2)
    session.assign(exercise_id="e2", at=3)
    assert session.submit("e1", at=4) == _id(4)
    two = session.submit("e2", at=5)
    verdict = session.assess("pass", at=6)
    assert (feedback(session, verdict).exercise_id, feedback(session, verdict).submission_id) == ("e2", two)


def test_two_exercises_with_unassessed_submissions_are_no_guess() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    session.submit("e1")
    session.submit("e2")
    verdict = session.assess("pass")
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == (None, None, False)
    assert statuses(session.learner()) == {"e1": "submitted", "e2": "submitted"}


def test_a_submission_with_an_unknown_name_goes_with_the_one_that_waits_already() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    session.submit("e1")
    said = session.submit("ex-1")
    assert (submission(session, said).exercise_id, submission(session, said).inferred) == ("e1", True)


# -- rule 3: the one submission within five minutes after it --------------------------------------------------------------


@pytest.mark.parametrize(("after_s", "belongs"), [(0.000_001, True), (299, True), (300, True), (300.000_001, False)])
def test_a_nameless_feedback_belongs_to_the_one_submission_within_five_minutes_after_it(
    after_s: float, *, belongs: bool
) -> None:
    session = Session()
    session.assign(exercise_id="e1", at=0)
    session.assign(exercise_id="e2", at=1)
    verdict = session.assess("pass", at=100, confidence_delta=0.5)
    said = session.submit("e2", at=100 + after_s)
    found = feedback(session, verdict)
    if belongs:
        assert (found.exercise_id, found.submission_id, found.inferred) == ("e2", said, True)
        assert statuses(session.learner()) == {"e1": "assigned", "e2": "passed"}
        assert dict(session.learner().confidence) == {"graphs": 0.5}
    else:
        assert (found.exercise_id, found.submission_id) == (None, None)
        assert statuses(session.learner()) == {"e1": "assigned", "e2": "submitted"}


def test_it_may_be_a_submission_whose_own_exercise_is_a_guess() -> None:
    session = Session()
    session.assign(exercise_id="e1", at=0)
    session.assign(exercise_id="done", at=1)
    session.assess("pass", exercise_id="done", at=2)
    session.coach("exercise_withdrawn", exercise_id="e1", at=90)
    verdict = session.assess("revise", at=100)
    session.assign(exercise_id="e3", at=120)
    said = session.submit("ex-1", at=160)
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == ("e3", said, True)
    assert statuses(session.learner())["e3"] == "revise"


def test_two_submissions_within_five_minutes_are_no_guess() -> None:
    session = Session()
    session.assign(exercise_id="e1", at=0)
    session.assign(exercise_id="e2", at=1)
    verdict = session.assess("pass", at=100)
    session.submit("e1", at=150)
    session.submit("e1", at=160)
    assert feedback(session, verdict).submission_id is None


def test_what_waits_before_it_comes_first() -> None:
    session = Session()
    session.assign(exercise_id="e1", at=0)
    session.assign(exercise_id="e2", at=1)
    said = session.submit("e1", at=50)
    verdict = session.assess("pass", at=100)
    session.submit("e2", at=150)
    assert feedback(session, verdict).submission_id == said


def test_a_mistyped_submission_belongs_with_the_named_one_right_after_it() -> None:
    session = Session()
    session.assign(exercise_id="e1", at=0)
    session.assign(exercise_id="e2", at=1)
    said = session.submit("ex-2", at=100)
    session.submit("e2", at=160)
    assert (submission(session, said).exercise_id, submission(session, said).inferred) == ("e2", True)


# -- rule 4: the one open exercise ----------------------------------------------------------------------------------------


def test_with_one_open_exercise_everything_nameless_belongs_to_it() -> None:
    """A class of peers: nobody names anything that the others know."""
    session = Session()
    exercise = session.assign()
    said = session.submit("ex-1")
    assert (submission(session, said).exercise_id, submission(session, said).inferred) == (exercise, True)
    assert submission(session, said).named == "ex-1"
    verdict = session.assess("revise")
    again = session.submit("ex-1")
    last = session.assess("pass")
    assert feedback(session, verdict).submission_id == said
    assert feedback(session, last).submission_id == again
    assert statuses(session.learner()) == {exercise: "passed"}


def test_a_feedback_on_no_submission_belongs_to_the_one_open_exercise() -> None:
    session = Session()
    exercise = session.assign()
    verdict = session.assess("revise")
    found = feedback(session, verdict)
    assert (found.exercise_id, found.submission_id, found.inferred) == (exercise, None, True)


@pytest.mark.parametrize("closed_by", ["passed", "declined", "withdrawn"])
def test_finished_exercises_are_not_open(closed_by: str) -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    match closed_by:
        case "passed":
            session.assess("pass", exercise_id="e1")
        case "declined":
            session.student("exercise_assigned_ack", status="declined", exercise_id="e1")
        case _:
            session.coach("exercise_withdrawn", exercise_id="e1")
    said = session.submit("ex-1")
    assert submission(session, said).exercise_id == "e2"
    session.assess("pass")
    last = session.submit("ex-9")
    assert submission(session, last).exercise_id is None
    assert statuses(session.learner()) == {"e1": closed_by, "e2": "passed"}


def test_openness_is_that_of_its_place_in_the_order() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    said = session.submit("ex-1")
    session.assign(exercise_id="e2")
    assert submission(session, said).exercise_id == "e1"


# -- by hand, and nothing is dropped ------------------------------------------------------------------------------------


def test_what_cannot_be_guessed_stands_by_itself_and_can_be_linked_by_hand() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2", step_id="s2")
    said = session.submit("ex-2")
    verdict = session.assess("pass", confidence_delta=0.25)
    assert submission(session, said).exercise_id is None
    assert feedback(session, verdict).exercise_id is None
    assert statuses(session.learner()) == {"e1": "assigned", "e2": "assigned"}

    links = {said: "e2"}
    found = submission(session, said, links)
    assert (found.exercise_id, found.inferred, found.assessed_by) == ("e2", False, verdict)
    assert feedback(session, verdict, links).inferred is True
    assert statuses(session.learner(links=links)) == {"e1": "assigned", "e2": "passed"}

    links = {verdict: "e1"}
    found_feedback = feedback(session, verdict, links)
    assert (found_feedback.exercise_id, found_feedback.inferred) == ("e1", False)
    assert statuses(session.learner(links=links)) == {"e1": "passed", "e2": "assigned"}


def test_a_link_overrides_a_guess_and_what_was_named() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    guessed = session.submit("ex-1")
    session.assign(exercise_id="e2")
    named = session.submit("e1")
    links = {guessed: "e2", named: "e2"}
    assert [submission(session, said, links).exercise_id for said in (guessed, named)] == ["e2", "e2"]
    assert statuses(session.learner(links=links)) == {"e1": "assigned", "e2": "submitted"}


def test_a_link_to_an_unknown_exercise_or_of_an_unknown_event_has_no_effect() -> None:
    session = Session()
    exercise = session.assign()
    said = session.submit("ex-1")
    links = {said: "nowhere", "nothing": exercise}
    assert submission(session, said, links).exercise_id == exercise
    assert submission(session, said, links).inferred is True


def test_a_link_to_the_event_id_of_an_assignment_links_to_its_exercise() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    said = session.submit("ex-1")
    assert submission(session, said, {said: session.events[0].id}).exercise_id == "e1"


def test_nothing_is_dropped() -> None:
    session = Session()
    for number in range(5):
        session.submit(f"ex-{number}")
        session.assess("pass" if number % 2 else "revise", submission_id="?", exercise_id=f"ex-{number}")
    learner = session.learner()
    assert (len(learner.submissions), len(learner.feedback)) == (5, 5)
    assert {each.exercise_id for each in learner.submissions} == {None}


def test_a_feedback_that_names_a_submission_without_exercise_assesses_only_that_one() -> None:
    session = Session()
    first, second, third = (session.submit(f"ex-{number}") for number in range(3))
    verdict = session.assess("pass", submission_id=second)
    assert [submission(session, said).assessed_by for said in (first, second, third)] == [None, verdict, None]


def test_a_feedbacks_own_exercise_settles_it_where_the_submission_it_names_has_none() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    said = session.submit("ex-1")
    verdict = session.assess("pass", submission_id=said, exercise_id="e2")
    assert feedback(session, verdict).exercise_id == "e2"
    assert statuses(session.learner()) == {"e1": "assigned", "e2": "passed"}


def test_matching_looks_only_at_the_learners_own_set() -> None:
    session = Session()
    session.assign(exercise_id="e1", to="ada")
    session.assign(exercise_id="e2", to="bob")
    session.submit("ex-1", to="ada")
    session.submit("ex-1", to="bob")
    session.assess("pass", to="bob")
    assert statuses(session.learner("ada")) == {"e1": "submitted"}
    assert statuses(session.learner("bob")) == {"e2": "passed"}


def test_anothers_exercise_is_no_name() -> None:
    session = Session()
    session.assign(exercise_id="e1", to="ada")
    session.assign(exercise_id="e2", to="bob")
    session.student("hint_ack", to="ada", note="x")
    session.submit("e1", to="bob")
    bob = session.learner("bob")
    assert (bob.submissions[0].exercise_id, bob.submissions[0].inferred) == ("e2", True)
