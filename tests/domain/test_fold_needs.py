"""What waits for whom (`needs`)."""

from __future__ import annotations

import pytest

from colearner_ls.domain.needs import Need, coach_queue, student_inbox
from tests.domain.sessions import Session


def kinds(needs: tuple[Need, ...]) -> list[tuple[str, str]]:
    return [(need.kind, need.id) for need in needs]


def test_what_waits_for_a_student_oldest_first() -> None:
    session = Session()
    exercise = session.assign(title="Draw", to="ada")
    hint = session.coach("coach_hint", hint="small first").id
    request = session.coach("evidence_request", path="a.py", reason="to see", exercise_id=exercise).id
    verdict = session.assess("revise", exercise_id=exercise, next_step="add tests")
    session.student("progress_update", to="ada", completed=[])
    found = student_inbox(session.state(), "ada")
    assert kinds(found) == [("exercise", exercise), ("hint", hint), ("request", request), ("feedback", verdict)]
    assert [need.text for need in found] == ["Draw", "small first", "a.py: to see", "revise: add tests"]
    assert {(need.session_id, need.student_id) for need in found} == {("onboarding-01", "ada")}
    assert [need.exercise_id for need in found] == [exercise, None, exercise, exercise]
    assert found[0].hlc == session.events[0].hlc
    assert found[0].ts == session.events[0].ts


def test_what_was_answered_waits_no_longer() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    hint = session.coach("coach_hint", hint="small first").id
    request = session.coach("evidence_request", path="a.py").id
    verdict = session.assess("pass", exercise_id="e1")
    session.student("hint_ack", hint_id=hint, note="ok")
    session.student("evidence_declined", request_id=request, reason="declined")
    session.student("assessment_feedback_ack", feedback_id=verdict, status="read")
    assert student_inbox(session.state(), None) == ()


@pytest.mark.parametrize(
    ("status", "waits"),
    [("assigned", True), ("accepted", True), ("declined", False), ("submitted", False), ("revise", True)],
)
def test_an_exercise_waits_for_the_student_while_it_is_the_students_turn(status: str, *, waits: bool) -> None:
    session = Session()
    session.assign(exercise_id="e1")
    if status in ("accepted", "declined"):
        session.student("exercise_assigned_ack", exercise_id="e1", status=status)
    if status in ("submitted", "revise"):
        session.submit("e1")
    if status == "revise":
        session.assess("revise", exercise_id="e1")
    assert session.learner().exercises[0].status == status
    found = [need for need in student_inbox(session.state(), None) if need.kind == "exercise"]
    assert bool(found) is waits


def test_a_student_nobody_heard_of_yet_sees_what_waits() -> None:
    session = Session()
    for name in ("bob", "cleo"):
        session.student("hint_ack", to=name, note="x")
    for_all, for_ada = session.assign(exercise_id="all"), session.assign(exercise_id="ada's", to="ada")
    assert kinds(student_inbox(session.state(), "ada")) == [("exercise", for_all), ("exercise", for_ada)]
    assert kinds(student_inbox(session.state(), "bob")) == [("exercise", for_all)]


def test_the_coachs_queue_stuck_first_then_submissions_then_evidence_the_longest_waiting_first() -> None:
    session = Session()
    exercise = session.assign(title="Draw")
    pieces = [session.student("evidence_snapshot", to=name, path="a.py").id for name in ("bob", "ada")]
    said = [session.submit(exercise, to=name) for name in ("bob", "ada")]
    stuck = [session.student("stuck_reported", to=name, summary="no idea").id for name in ("ada", "bob")]
    found = coach_queue(session.state())
    assert kinds(found) == [
        *(("stuck", each) for each in stuck),
        *(("submission", each) for each in said),
        *(("evidence", each) for each in pieces),
    ]
    assert [need.student_id for need in found] == ["ada", "bob", "bob", "ada", "bob", "ada"]
    assert [need.text for need in found] == ["no idea", "no idea", "Draw", "Draw", "a.py", "a.py"]


def test_what_the_coach_dealt_with_leaves_the_queue() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    stuck = session.student("stuck_reported", summary="no idea").id
    session.student("evidence_snapshot", path="a.py")
    session.submit("e1")
    session.coach("stuck_resolved", stuck_id=stuck)
    session.assess("revise", exercise_id="e1")
    assert coach_queue(session.state()) == ()


def test_a_submission_that_belongs_to_nothing_waits_too() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    said = session.submit("ex-1", response="here")
    [need] = coach_queue(session.state())
    assert (need.kind, need.id, need.exercise_id, need.text) == ("submission", said, None, "ex-1")


def test_a_submission_for_a_withdrawn_exercise_waits_for_nobody() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.coach("exercise_withdrawn", exercise_id="e1")
    session.submit("e1")
    assert coach_queue(session.state()) == ()


def test_a_submission_waits_after_a_pass_but_not_before_one() -> None:
    """Two were sent and the coach passed the first: done. One that is sent after the pass wants to be seen."""
    session = Session()
    session.assign(exercise_id="e1")
    first = session.submit("e1")
    session.submit("e1")
    session.assess("pass", submission_id=first)
    assert coach_queue(session.state()) == ()
    later = session.submit("e1")
    assert kinds(coach_queue(session.state())) == [("submission", later)]


@pytest.mark.parametrize(
    ("trigger", "waits"), [("save", False), ("submit", False), ("stuck", False), ("request", True)]
)
def test_evidence_that_comes_by_itself_or_with_something_else_does_not_wait(trigger: str, *, waits: bool) -> None:
    session = Session()
    session.student("evidence_snapshot", path="a.py", trigger=trigger)
    assert bool(coach_queue(session.state())) is waits


def test_evidence_that_a_submission_lists_waits_with_it() -> None:
    session = Session()
    exercise = session.assign()
    piece = session.student("evidence_snapshot", path="a.py").id
    said = session.submit(exercise, evidence=[piece])
    assert kinds(coach_queue(session.state())) == [("submission", said)]
