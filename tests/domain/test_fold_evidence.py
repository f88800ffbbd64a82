"""Evidence, requests, being stuck, hints, sharing, and what else is said (contracts.md, *Catalogue*)."""

from __future__ import annotations

from typing import Any

import pytest

from colearner_ls.domain.fold_streams import FULL_EVIDENCE
from tests.domain.sessions import Session, statuses

SNAPSHOT = {"path": "src/a.py", "hash": "sha256:00", "snippet": "x = 1\n", "range": {"start_line": 1, "end_line": 1}}


def test_a_snapshot_is_kept_in_full() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    event = session.student(
        "evidence_snapshot", author="ada", **SNAPSHOT, exercise_id="e1", trigger="save", dirty=True, language="python"
    )
    [said] = session.learner().evidence
    assert (said.id, said.hlc, said.ts, said.author) == (event.id, event.hlc, event.ts, "ada")
    assert (said.path, said.hash, said.exercise_id, said.trigger) == ("src/a.py", "sha256:00", "e1", "save")
    assert (said.dirty, said.complete, said.inferred, said.payload) == (True, True, False, event.payload)


def test_its_exercise_is_its_own_else_that_of_the_request_else_that_of_the_submission() -> None:
    session = Session()
    for name in ("e1", "e2", "e3", "e4"):
        session.assign(exercise_id=name)
    request = session.coach("evidence_request", path="*.py", exercise_id="e2").id
    told = [
        session.student("evidence_snapshot", **SNAPSHOT, exercise_id="e1", request_id=request).id,
        session.student("evidence_snapshot", **SNAPSHOT, request_id=request).id,
        session.student("evidence_snapshot", **SNAPSHOT).id,
        session.student("evidence_snapshot", **SNAPSHOT, causation=session.events[3].id).id,
        session.student("evidence_snapshot", **SNAPSHOT, exercise_id="ex-9").id,
    ]
    session.submit("e3", evidence=[told[2]])
    found = {each.id: each.exercise_id for each in session.learner().evidence}
    assert [found[event] for event in told] == ["e1", "e2", "e3", "e4", None]


def test_the_exercise_of_a_guessed_submission_is_a_guess_for_its_evidence_too() -> None:
    session = Session()
    exercise = session.assign()
    piece = session.student("evidence_snapshot", **SNAPSHOT).id
    session.submit("ex-1", evidence=[piece])
    assert [(each.exercise_id, each.inferred) for each in session.learner().evidence] == [(exercise, True)]


@pytest.mark.parametrize("by", ["request_id", "causation"])
def test_a_request_is_answered_by_evidence_that_names_it(by: str) -> None:
    session = Session()
    first = session.coach("evidence_request", path="a.py", reason="why", author="carl")
    session.coach("evidence_request", path="b.py")
    session.student("evidence_snapshot", **SNAPSHOT, **{by: first.id})
    answered, open_still = session.learner().requests
    assert (answered.id, answered.path, answered.reason, answered.author) == (first.id, "a.py", "why", "carl")
    assert (answered.answer, open_still.answer) == ("shared", None)
    assert session.learner().evidence[0].request_id == first.id


@pytest.mark.parametrize("reason", ["declined", "out_of_scope", "not_found", "paused"])
def test_or_declined(reason: str) -> None:
    session = Session()
    request = session.coach("evidence_request", path="a.py").id
    session.coach("evidence_request", path="b.py")
    session.student("evidence_declined", request_id=request, reason=reason)
    assert [each.answer for each in session.learner().requests] == [reason, None]


@pytest.mark.parametrize("declined_first", [True, False])
def test_what_is_shared_after_all_is_shared(*, declined_first: bool) -> None:
    session = Session()
    request = session.coach("evidence_request", path="a.py").id
    decline = ("evidence_declined", {"request_id": request, "reason": "paused"})
    share = ("evidence_snapshot", {**SNAPSHOT, "request_id": request})
    for event_type, payload in [decline, share] if declined_first else [share, decline]:
        session.student(event_type, **payload)
    assert session.learner().requests[0].answer == "shared"


def test_an_answer_may_stand_before_the_request() -> None:
    session = Session()
    session.student("evidence_declined", request_id="00000000-0000-7000-8000-000000000002", reason="declined", at=1)
    session.coach("evidence_request", path="a.py", at=9)
    assert session.learner().requests[0].answer == "declined"


def test_evidence_taken_back_before_it_was_sent_does_not_stand() -> None:
    session = Session()
    request = session.coach("evidence_request", path="a.py").id
    session.student("evidence_snapshot", **SNAPSHOT, writer="w1", seq=3, request_id=request)
    kept = [
        session.student("evidence_snapshot", **SNAPSHOT, writer="w1", seq=4).id,
        session.student("evidence_snapshot", **SNAPSHOT, writer="w2", seq=3).id,
        session.student("evidence_snapshot", **SNAPSHOT).id,
    ]
    session.student("evidence_withdrawn", writer="w1", seq=5, writer_seq=3)
    learner = session.learner()
    assert [each.id for each in learner.evidence] == kept
    assert learner.requests[0].answer is None


def test_older_snapshots_leave_their_text_in_the_journal() -> None:
    session = Session()
    for number in range(FULL_EVIDENCE + 2):
        session.student("evidence_snapshot", **{**SNAPSHOT, "path": f"{number}.py"})
    evidence = session.learner().evidence
    assert len(evidence) == FULL_EVIDENCE + 2
    assert [each.complete for each in evidence] == [False, False] + [True] * FULL_EVIDENCE
    assert "snippet" not in evidence[1].payload
    assert (evidence[1].path, evidence[1].hash) == ("1.py", "sha256:00")
    assert evidence[2].payload["snippet"] == SNAPSHOT["snippet"]


def test_older_snapshots_of_saves_are_left_to_the_journal() -> None:
    session = Session()
    asked = session.coach("evidence_request", path="*.py", reason="r")
    told = {**SNAPSHOT, "trigger": "save"}
    answers = [
        session.student("evidence_snapshot", **{**told, "request_id": asked.id}).id,
        session.student("evidence_snapshot", **told, causation=asked.id).id,
        session.student("evidence_snapshot", **{**told, "trigger": "submit"}).id,
    ]
    saves = [session.student("evidence_snapshot", **told).id for _ in range(FULL_EVIDENCE + 5)]
    learner = session.learner()
    assert [each.id for each in learner.evidence] == answers + saves[5:]
    assert [each.complete for each in learner.evidence[:4]] == [False, False, False, True]
    assert learner.requests[0].answer == "shared"


# -- being stuck ---------------------------------------------------------------------------------------------------------


def test_being_stuck_is_kept_and_resolved_by_name() -> None:
    session = Session()
    session.assign(exercise_id="e1")
    anchor = {"path": "a.py"}
    event = session.student("stuck_reported", author="ada", summary="no idea", exercise_id="e1", anchor=anchor)
    session.student("stuck_reported", summary="again")
    resolved = session.coach("stuck_resolved", stuck_id=event.id).id
    session.student("stuck_resolved", stuck_id=event.id)
    first, second = session.learner().stuck
    assert (first.id, first.hlc, first.ts, first.author) == (event.id, event.hlc, event.ts, "ada")
    assert (first.summary, first.exercise_id, first.anchor) == ("no idea", "e1", anchor)
    assert (first.resolved_by, second.resolved_by) == (resolved, None)


def test_a_resolution_may_stand_before_the_report_and_an_unknown_one_resolves_nothing() -> None:
    session = Session()
    early = session.coach("stuck_resolved", stuck_id="00000000-0000-7000-8000-000000000002", at=1).id
    session.student("stuck_reported", summary="no idea", at=5)
    session.student("stuck_reported", summary="again", at=6)
    session.coach("stuck_resolved", stuck_id="elsewhere", at=7)
    assert [each.resolved_by for each in session.learner().stuck] == [early, None]


@pytest.mark.parametrize("by", ["stuck_id", "causation"])
def test_a_hint_belongs_to_the_report_it_names_and_to_its_exercise(by: str) -> None:
    session = Session()
    session.assign(exercise_id="e1")
    stuck = session.student("stuck_reported", summary="no idea", exercise_id="e1").id
    event = session.coach("coach_hint", author="carl", hint="read it aloud", anchor={"path": "a.py"}, **{by: stuck})
    [hint] = session.learner().hints
    assert (hint.id, hint.hlc, hint.ts, hint.author) == (event.id, event.hlc, event.ts, "carl")
    assert (hint.hint, hint.exercise_id, hint.stuck_id) == ("read it aloud", "e1", stuck)
    assert (hint.anchor, hint.acked) == ({"path": "a.py"}, False)
    assert session.learner().stuck[0].hints == (event.id,)


@pytest.mark.parametrize(
    ("ack", "acked"),
    [
        ({"hint_id": 0}, [True, False, False]),
        ({"causation": 1}, [False, True, False]),
        ({}, [True, True, False]),  # without a name: those it follows
        ({"hint_id": "elsewhere"}, [False, False, False]),
    ],
)
def test_hints_are_acknowledged(ack: dict[str, Any], acked: list[bool]) -> None:
    session = Session()
    hints = [session.coach("coach_hint", hint=word).id for word in ("one", "two")]
    session.student("hint_ack", note="ok", **{k: hints[v] if isinstance(v, int) else v for k, v in ack.items()})
    session.coach("coach_hint", hint="three")
    assert [each.acked for each in session.learner().hints] == acked


# -- the rest --------------------------------------------------------------------------------------------------------------


def test_sharing_is_what_was_said_last() -> None:
    session = Session()
    assert session.learner().sharing is None
    for mode in ("auto", "off", "ask"):
        session.student("sharing_changed", to="ada", mode=mode)
    session.student("sharing_changed", to="bob", mode="off")
    assert [each.sharing for each in session.state().learners.values()] == ["ask", "off"]


def test_dismissed_blockers_are_kept() -> None:
    session = Session()
    event = session.coach("blocker_dismissed", rule="silent", cause="sig", note="on holiday")
    assert session.learner().dismissed == (
        {"id": event.id, "hlc": event.hlc, "rule": "silent", "cause": "sig", "until": None, "note": "on holiday"},
    )


@pytest.mark.parametrize(
    "event_type",
    ["students_linked", "students_unlinked", "key_added", "key_revoked", "buddy.match.created", "never.heard.of"],
)
def test_what_says_nothing_about_learning_is_counted_and_changes_nothing_else(event_type: str) -> None:
    session = Session()
    session.assign()
    before = session.state()
    session.coach(event_type, student_ids=["a", "b"], kid="k")
    after = session.state()
    assert after.events == before.events + 1
    assert after.learners == before.learners


WRONG: list[Any] = [None, 7, 1.5, True, "text", [], {}, ["x"], [1], [None], {"a": 1}, [{"a": 1}], [["x"]]]
FIELDS = [
    "exercise_id",
    "submission_id",
    "feedback_id",
    "stuck_id",
    "hint_id",
    "request_id",
    "grade",
    "status",
    "mistakes",
    "mistake",
    "next_step",
    "topic",
    "confidence_delta",
    "confidence",
    "completed",
    "active_step",
    "blockers",
    "files_changed",
    "plan",
    "goals",
    "anchors",
    "anchor",
    "tests",
    "hints",
    "evidence",
    "test_runs",
    "response",
    "path",
    "hash",
    "trigger",
    "dirty",
    "snippet",
    "hunks",
    "stage",
    "note",
    "summary",
    "hint",
    "mode",
    "writer_seq",
    "title",
    "repo",
    "coach_id",
    "reason",
    "due",
    "step_id",
    "expected",
    "rule",
    "cause",
    "until",
]
TYPES = [
    "session_started",
    "learning_plan",
    "exercise_assigned",
    "exercise_withdrawn",
    "exercise_assigned_ack",
    "exercise_submission",
    "exercise_submission_ack",
    "assessment_feedback",
    "assessment_feedback_ack",
    "progress_update",
    "evidence_snapshot",
    "evidence_request",
    "evidence_declined",
    "evidence_withdrawn",
    "sharing_changed",
    "scope_policy",
    "stuck_reported",
    "stuck_resolved",
    "coach_hint",
    "hint_ack",
    "blocker_dismissed",
    "students_linked",
    "key_added",
    "lifecycle",
    "session_closed",
]


@pytest.mark.parametrize("event_type", TYPES)
def test_odd_and_absent_fields_never_stop_the_fold(event_type: str) -> None:
    """Only required fields are guaranteed, and unknown ones are anybody's: nothing here may raise, and the rest of the
    session must still be there."""
    session = Session()
    exercise = session.assign()
    session.submit(exercise)
    session.coach(event_type)
    for wrong in WRONG:
        session.events.append(_event(session, event_type, dict.fromkeys(FIELDS, wrong)))
    learner = session.learner()
    assert exercise in statuses(learner)
    assert exercise in {each.exercise_id for each in learner.submissions}


def _event(session: Session, event_type: str, payload: dict[str, Any]) -> Any:
    session.student(event_type)
    from dataclasses import replace

    return replace(session.events.pop(), payload=payload)
