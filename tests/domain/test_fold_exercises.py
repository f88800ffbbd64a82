"""Exercises and what becomes of them (contracts.md, *Exercises*), receipts included."""

from __future__ import annotations

from typing import Any

import pytest

from tests.domain.sessions import Session, statuses

ANCHOR = {"path": "src/a.py", "quote": {"exact": "def a():", "prefix": "", "suffix": "\n"}, "range": {"start_line": 3}}


def test_an_assignment_is_kept_in_full() -> None:
    session = Session()
    event = session.coach(
        "exercise_assigned",
        author="carl",
        topic="graphs",
        exercise="draw it",
        expected="a picture",
        tests=["pytest -q"],
        exercise_id="e1",
        step_id="s1",
        title="Draw",
        anchors=[ANCHOR],
        hints=["small first"],
        due="2026-10-01T00:00:00Z",
    )
    [exercise] = session.learner().exercises
    assert (exercise.id, exercise.event_id, exercise.hlc, exercise.ts) == ("e1", event.id, event.hlc, event.ts)
    assert (exercise.topic, exercise.exercise, exercise.expected) == ("graphs", "draw it", "a picture")
    assert (exercise.tests, exercise.step_id, exercise.title) == (("pytest -q",), "s1", "Draw")
    assert (exercise.anchors, exercise.hints, exercise.due) == ((ANCHOR,), ("small first",), "2026-10-01T00:00:00Z")
    assert (exercise.author, exercise.status, exercise.received) == ("carl", "assigned", False)


def test_without_exercise_id_the_event_id_names_it() -> None:
    session = Session()
    event = session.coach("exercise_assigned", topic="t", exercise="e")
    assert session.learner().exercises[0].id == event.id


Said = tuple[str, dict[str, Any]]
RECEIVED: Said = ("exercise_assigned_ack", {"status": "received", "exercise_id": "e1"})
ACCEPT: Said = ("exercise_assigned_ack", {"status": "accepted", "exercise_id": "e1"})
DECLINE: Said = ("exercise_assigned_ack", {"status": "declined", "exercise_id": "e1"})
COMPLETED: Said = ("exercise_assigned_ack", {"status": "completed", "exercise_id": "e1"})
SUBMIT: Said = ("exercise_submission", {"exercise_id": "e1"})
PASS: Said = ("assessment_feedback", {"grade": "pass", "exercise_id": "e1"})
REVISE: Said = ("assessment_feedback", {"grade": "revise", "exercise_id": "e1"})
WITHDRAW: Said = ("exercise_withdrawn", {"exercise_id": "e1", "reason": "too hard"})
AGAIN: Said = ("exercise_assigned", {"exercise_id": "e1", "topic": "t", "exercise": "new words"})
STUDENTS = {"exercise_assigned_ack", "exercise_submission"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], "assigned"),
        ([RECEIVED], "assigned"),
        ([ACCEPT], "accepted"),
        ([DECLINE], "declined"),
        ([COMPLETED], "accepted"),  # the student's word; a submission is needed for more
        ([DECLINE, ACCEPT], "accepted"),
        ([ACCEPT, DECLINE], "declined"),
        ([ACCEPT, RECEIVED], "accepted"),
        ([SUBMIT], "submitted"),
        ([ACCEPT, SUBMIT], "submitted"),
        ([DECLINE, SUBMIT], "submitted"),
        ([SUBMIT, ACCEPT], "submitted"),
        ([SUBMIT, DECLINE], "submitted"),
        ([SUBMIT, PASS], "passed"),
        ([SUBMIT, REVISE], "revise"),
        ([SUBMIT, REVISE, ACCEPT], "revise"),
        ([SUBMIT, REVISE, DECLINE], "declined"),
        ([SUBMIT, REVISE, SUBMIT], "submitted"),
        ([SUBMIT, REVISE, SUBMIT, PASS], "passed"),
        ([PASS], "passed"),  # a coach may have seen it elsewhere
        ([SUBMIT, PASS, REVISE], "revise"),
        ([SUBMIT, PASS, SUBMIT], "passed"),
        ([SUBMIT, PASS, DECLINE], "passed"),
        ([WITHDRAW], "withdrawn"),
        ([SUBMIT, WITHDRAW], "withdrawn"),
        ([WITHDRAW, ACCEPT], "withdrawn"),
        ([WITHDRAW, SUBMIT], "withdrawn"),
        ([SUBMIT, WITHDRAW, PASS], "passed"),  # the coach's later word
        ([AGAIN], "assigned"),
        ([ACCEPT, AGAIN], "accepted"),
        ([DECLINE, AGAIN], "declined"),
        ([SUBMIT, AGAIN], "submitted"),
        ([SUBMIT, REVISE, AGAIN], "revise"),
        ([SUBMIT, PASS, AGAIN], "assigned"),
        ([WITHDRAW, AGAIN], "withdrawn"),
    ],
)
def test_status(said: list[Said], expected: str) -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="other")
    for event_type, payload in said:
        session._said("student" if event_type in STUDENTS else "coach", event_type, dict(payload))
    assert statuses(session.learner()) == {"e1": expected, "other": "assigned"}


def test_a_second_assignment_with_the_same_id_revises_text_and_anchors() -> None:
    session = Session()
    session.assign(
        exercise_id="e1", exercise="old", expected="x", tests=["a"], title="T", step_id="s1", anchors=[ANCHOR]
    )
    session.assign(exercise_id="e2")
    moved = {**ANCHOR, "path": "src/b.py"}
    event = session.coach(
        "exercise_assigned", exercise_id="e1", topic="trees", exercise="new", tests=[], anchors=[moved]
    )
    first, second = session.learner().exercises
    assert [first.id, second.id] == ["e1", "e2"]
    assert (first.topic, first.exercise, first.tests, first.anchors) == ("trees", "new", (), (moved,))
    assert (first.expected, first.title, first.step_id) == ("x", "T", "s1"), "what it does not speak of stays"
    assert (first.event_id, first.hlc, first.revision) == (event.id, event.hlc, 2)


def test_withdrawing_says_why() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.coach("exercise_withdrawn", exercise_id="e1", reason="solved in class")
    assert session.learner().exercises[0].withdrawn_reason == "solved in class"


def test_acknowledgements_are_receipts() -> None:
    session = Session()
    for name in ("e1", "e2", "e3"):
        session.assign(exercise_id=name)
    session.student("exercise_assigned_ack", status="received", exercise_id="e1")
    session.student("exercise_assigned_ack", status="completed", causation=session.events[1].id)
    assert [(each.received, each.ack) for each in session.learner().exercises] == [
        (True, "received"),
        (True, "completed"),
        (False, None),
    ]


def test_an_acknowledgement_without_a_name_is_for_the_one_exercise_that_has_none_yet() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.student("exercise_assigned_ack", status="accepted")
    session.assign(exercise_id="e2")
    session.student("exercise_assigned_ack", status="declined")
    session.assign(exercise_id="e3")
    session.assign(exercise_id="e4")
    session.student("exercise_assigned_ack", status="accepted")
    assert statuses(session.learner()) == {"e1": "accepted", "e2": "declined", "e3": "assigned", "e4": "assigned"}


def test_an_acknowledgement_of_an_unknown_name_is_for_none() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.student("exercise_assigned_ack", status="declined", exercise_id="ex-1")
    assert statuses(session.learner()) == {"e1": "assigned"}


@pytest.mark.parametrize("said", [ACCEPT, WITHDRAW])
def test_what_is_said_of_an_exercise_before_it_stands_there_counts(said: Said) -> None:
    session = Session()
    session._said("student" if said[0] in STUDENTS else "coach", said[0], {**said[1], "at": 5})
    session.assign(exercise_id="e1", at=10)
    assert statuses(session.learner()) == {"e1": "accepted" if said is ACCEPT else "withdrawn"}


def test_a_submission_is_kept_in_full() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    run = {"command": "pytest", "exit_code": 1, "duration_s": 0.5}
    event = session.student(
        "exercise_submission",
        author="ada@x",
        exercise_id="e1",
        response="done",
        evidence=["a", "b"],
        test_runs=[run],
        confidence=0.75,
    )
    [said] = session.learner().submissions
    assert (said.id, said.hlc, said.ts, said.author) == (event.id, event.hlc, event.ts, "ada@x")
    assert (said.response, said.evidence, said.test_runs, said.confidence) == ("done", ("a", "b"), (run,), 0.75)
    assert session.learner().exercises[0].submissions == (event.id,)


def test_submissions_and_feedback_of_an_exercise_are_in_fold_order() -> None:
    session = Session()
    session.coach("assessment_feedback", grade="revise", submission_id="00000000-0000-7000-8000-000000000004", at=1)
    session.assign(exercise_id="e1", at=2)
    early = session.assess("revise", exercise_id="e1", at=3)
    first = session.submit("e1", at=4)
    second = session.submit("e1", at=5)
    [exercise] = session.learner().exercises
    assert exercise.submissions == (first, second)
    assert exercise.feedback == (session.events[0].id, early)


@pytest.mark.parametrize(
    ("named", "acked"),
    [("submission_id", 0), ("causation", 0), ("exercise_id", 1), (None, 2)],
)
def test_a_submission_is_acknowledged(named: str | None, acked: int) -> None:
    """By its id; by its exercise: the newest of that before the ack; by nothing: the newest before the ack."""
    session = Session()
    session.assign(exercise_id="e1")
    session.assign(exercise_id="e2")
    said = [session.submit("e1"), session.submit("e1"), session.submit("e2")]
    names = {"submission_id": said[0], "causation": said[0], "exercise_id": "e1"}
    session.coach("exercise_submission_ack", status="seen", **({named: names[named]} if named else {}))
    session.submit("e1")
    found = [each.acked for each in session.learner().submissions]
    assert found == ["seen" if index == acked else None for index in range(4)]


def test_an_acknowledgement_of_an_unknown_submission_is_for_none() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    session.submit("e1")
    session.coach("exercise_submission_ack", status="seen", submission_id="elsewhere")
    session.coach("exercise_submission_ack", status="seen", exercise_id="elsewhere")
    assert session.learner().submissions[0].acked is None


# -- feedback -------------------------------------------------------------------------------------------------------------


def test_a_feedback_is_kept_in_full() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    event = session.coach(
        "assessment_feedback",
        author="carl",
        grade="revise",
        mistakes=["off by one", {"text": "leaks", "anchor": ANCHOR}],
        next_step="close it",
        confidence_delta=-0.1,
        exercise_id="e1",
        topic="files",
    )
    [said] = session.learner().feedback
    assert (said.id, said.hlc, said.ts, said.author, said.grade) == (event.id, event.hlc, event.ts, "carl", "revise")
    assert [(each.text, each.anchor, each.addressed) for each in said.mistakes] == [
        ("off by one", None, False),
        ("leaks", ANCHOR, False),
    ]
    assert (said.next_step, said.confidence_delta, said.topic, said.read) == ("close it", -0.1, "files", False)
    assert session.learner().exercises[0].feedback == (event.id,)


@pytest.mark.parametrize(
    ("acks", "read", "addressed"),
    [
        ([], False, [False, False]),
        ([{"status": "read"}], True, [False, False]),
        ([{"status": "addressed", "mistake": 1}], True, [False, True]),
        ([{"status": "addressed", "mistake": 0}, {"status": "addressed", "mistake": 1.0}], True, [True, True]),
        ([{"status": "addressed"}], True, [True, True]),
        ([{"status": "addressed", "mistake": 7}], True, [False, False]),
        ([{"status": "received"}], False, [False, False]),
    ],
)
@pytest.mark.parametrize("by", ["feedback_id", "causation", "nothing"])
def test_receipts_of_feedback(acks: list[dict[str, Any]], *, read: bool, addressed: list[bool], by: str) -> None:
    session = Session()
    session.assess("revise", mistakes=["other", "one"])
    verdict = session.assess("revise", mistakes=["one", "two"])
    for ack in acks:
        session.student("assessment_feedback_ack", **ack, **({} if by == "nothing" else {by: verdict}))
    session.assess("revise", mistakes=["later", "one"])
    other, said, later = session.learner().feedback
    assert (said.read, [each.addressed for each in said.mistakes]) == (read, addressed)
    assert not any([other.read, later.read, *(each.addressed for each in (*other.mistakes, *later.mistakes))])


@pytest.mark.parametrize(
    ("start", "delta", "expected"),
    [(None, 0.3, 0.3), (None, -0.3, 0.0), (0.5, 0.25, 0.75), (0.9, 0.5, 1.0), (0.2, -0.9, 0.0), (0.5, 0, 0.5)],
)
def test_confidence_delta_moves_confidence_from_0_where_there_is_none_and_is_clamped(
    start: float | None, delta: float, expected: float
) -> None:
    session = Session()
    if start is not None:
        session.student("progress_update", confidence={"graphs": start})
    session.assess("revise", topic="graphs", confidence_delta=delta)
    assert dict(session.learner().confidence) == {"graphs": expected}


def test_clamping_happens_at_each_step() -> None:
    session = Session()
    for delta in (1.0, 1.0, -0.25):
        session.assess("revise", topic="t", confidence_delta=delta)
    assert dict(session.learner().confidence) == {"t": 0.75}


def test_ten_times_a_tenth_is_one() -> None:
    session = Session()
    for _ in range(9):
        session.assess("revise", topic="t", confidence_delta=0.1)
    assert dict(session.learner().confidence) == {"t": 0.9}


def test_the_topic_is_the_payloads_else_the_exercises_else_every_topic() -> None:
    session = Session()
    session.student("progress_update", confidence={"a": 0.1, "b": 0.2})
    session.assign(exercise_id="e1", topic="graphs")
    session.assess("revise", exercise_id="e1", topic="a", confidence_delta=0.5)
    assert dict(session.learner().confidence) == {"a": 0.6, "b": 0.2}
    session.assess("revise", exercise_id="e1", confidence_delta=0.5)
    assert dict(session.learner().confidence) == {"a": 0.6, "b": 0.2, "graphs": 0.5}
    session.coach("exercise_withdrawn", exercise_id="e1")
    verdict = session.assess("revise", confidence_delta=0.5)
    learner = session.learner()
    assert dict(learner.confidence) == {"a": 1.0, "b": 0.7, "graphs": 1.0}
    assert [each.topic for each in learner.feedback if each.id == verdict] == [None]


def test_a_persons_own_statement_sets_confidence() -> None:
    session = Session()
    session.assess("pass", topic="t", confidence_delta=0.9)
    session.student("progress_update", confidence={"t": 0.2})
    session.student("progress_update", confidence={"u": 1})
    assert dict(session.learner().confidence) == {"t": 0.2, "u": 1.0}


def test_without_delta_confidence_stays() -> None:
    session = Session()
    session.assess("pass", topic="t")
    assert dict(session.learner().confidence) == {}
