"""What waits for whom (domain/inbox.py)."""

from __future__ import annotations

from colearner_ls.domain.inbox import waiting_for_coach, waiting_for_student
from colearner_ls.domain.state import LearnerState, SessionState
from tests.cli.samples import evidence, exercise, feedback, full_learner, minutes, request, stuck, submission, uid


def coach(*learners: LearnerState) -> list[tuple[str, str]]:
    session = SessionState("s", learners={learner.student_id or "": learner for learner in learners})
    return [(item.kind, item.id) for item in waiting_for_coach(session)]


def test_a_coach_sees_the_stuck_first_then_the_longest_waiting_of_all_learners() -> None:
    ann = LearnerState("ann", exercises=(exercise(1),), submissions=(submission(11, uid(1)),), stuck=(stuck(40),))
    bob = LearnerState("bob", exercises=(exercise(2),), submissions=(submission(10, uid(2)),), stuck=(stuck(39),))
    assert coach(ann, bob) == [("stuck", uid(39)), ("stuck", uid(40)), ("submission", uid(10)), ("submission", uid(11))]


def test_of_several_submissions_the_newest_waits_since_the_first() -> None:
    again = LearnerState(
        "ann", exercises=(exercise(1),), submissions=(submission(10, uid(1)), submission(20, uid(1), response="better"))
    )
    (item,) = waiting_for_coach(SessionState("s", learners={"ann": again}))
    assert (item.id, item.since, item.text) == (uid(20), minutes(80), "better")


def test_what_was_assessed_or_withdrawn_does_not_wait() -> None:
    done = LearnerState(
        "ann",
        exercises=(exercise(1), exercise(2, status="withdrawn")),
        submissions=(submission(10, uid(1), assessed_by=uid(20)), submission(11, uid(2)), submission(12, None)),
    )
    assert coach(done) == [("submission", uid(12))]


def test_evidence_waits_until_the_coach_has_spoken_on_its_exercise() -> None:
    shared = (
        evidence(30, uid(1)),
        evidence(31, uid(1), trigger="save"),
        evidence(32, uid(2)),
        evidence(33, None, trigger=None),
    )
    before = LearnerState("ann", evidence=shared)
    assert coach(before) == [("evidence", uid(30)), ("evidence", uid(32)), ("evidence", uid(33))]
    spoken = LearnerState("ann", evidence=shared, feedback=(feedback(50, uid(1)),))
    assert coach(spoken) == [("evidence", uid(32))]
    submitted = LearnerState(
        "ann", evidence=shared[:1], submissions=(submission(40, uid(1), evidence=(uid(30),), assessed_by=uid(50)),)
    )
    assert coach(submitted) == []


def test_a_student_sees_what_it_is_their_turn_for() -> None:
    kinds = [(item.kind, item.id) for item in waiting_for_student(full_learner())]
    assert kinds == [("request", uid(40)), ("feedback", uid(20)), ("hint", uid(60)), ("exercise", uid(1))]


def test_the_exercise_that_is_due_first_stands_first() -> None:
    due = [exercise(1), exercise(2, due="2027-01-01"), exercise(3, due="2026-12-01"), exercise(4, status="submitted")]
    assert [item.id for item in waiting_for_student(LearnerState("ann", exercises=tuple(due)))] == [
        uid(3),
        uid(2),
        uid(1),
    ]


def test_places_come_from_the_first_anchor_that_has_one() -> None:
    odd = exercise(1, anchors=({"path": 3}, {"path": "a.py", "range": {"start_line": "x"}}))
    (item,) = waiting_for_student(LearnerState("ann", exercises=(odd,)))
    assert (item.path, item.line) == ("a.py", None)
    (asked,) = waiting_for_student(LearnerState("ann", requests=(request(1),)))
    assert asked.text == "src/*.py"
