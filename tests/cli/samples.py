"""A session as the fold would leave it, made by hand: every kind of entry, with and without what is optional."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from colearner_ls.domain.state import (
    Evidence,
    EvidenceRequest,
    Exercise,
    Feedback,
    Hint,
    LearnerState,
    Mistake,
    PlanStep,
    SessionState,
    Stuck,
    Submission,
)
from colearner_ls.workspace.results import Snapshot, SyncStatus

NOW = 1_795_232_308_000_000
TS = "2026-11-21T03:38:28.000000Z"
ANCHOR = {"path": "src/mean.py", "quote": {"exact": "total"}, "range": {"start_line": 5, "end_line": 7}}


def uid(number: int) -> str:
    """A UUIDv7 of the same minute as all others: only its end differs."""
    return f"01a1fc2f-1bda-73ce-8878-{number:012x}"


def minutes(number: int) -> int:
    """An hlc so many minutes before now."""
    return NOW - number * 60_000_000


def exercise(number: int, **more: Any) -> Exercise:
    values: dict[str, Any] = {
        "id": uid(number),
        "event_id": uid(number),
        "hlc": minutes(90 - number),
        "ts": TS,
        "topic": "averages",
        "exercise": "Mend mean()",
        "expected": "",
        "tests": (),
        "title": "",
        "step_id": None,
        "anchors": (),
        "hints": (),
        "due": None,
        "author": None,
        "status": "assigned",
    }
    return Exercise(**{**values, **more})


def submission(number: int, exercise_id: str | None, **more: Any) -> Submission:
    values: dict[str, Any] = {"response": "", "evidence": (), "confidence": None, "test_runs": (), "author": None}
    return Submission(uid(number), minutes(90 - number), TS, exercise_id, **{**values, **more})


def feedback(number: int, exercise_id: str | None, **more: Any) -> Feedback:
    values: dict[str, Any] = {
        "submission_id": None,
        "grade": "revise",
        "mistakes": (),
        "next_step": "",
        "confidence_delta": None,
        "topic": None,
        "author": None,
    }
    return Feedback(uid(number), minutes(90 - number), TS, exercise_id, **{**values, **more})


def evidence(number: int, exercise_id: str | None, **more: Any) -> Evidence:
    payload = {"path": "src/mean.py", "snippet": "x = 1", "range": {"start_line": 1, "end_line": 1}, "note": "see"}
    values: dict[str, Any] = {
        "path": "src/mean.py",
        "hash": "sha256:00",
        "exercise_id": exercise_id,
        "request_id": None,
        "trigger": "submit",
        "dirty": False,
        "payload": payload,
    }
    return Evidence(uid(number), minutes(90 - number), TS, **{**values, **more})


def stuck(number: int, **more: Any) -> Stuck:
    values: dict[str, Any] = {"summary": "lost", "exercise_id": None, "anchor": None, "author": None}
    return Stuck(uid(number), minutes(90 - number), TS, **{**values, **more})


def hint(number: int, **more: Any) -> Hint:
    values: dict[str, Any] = {"hint": "look", "exercise_id": None, "stuck_id": None, "anchor": None, "author": None}
    return Hint(uid(number), minutes(90 - number), TS, **{**values, **more})


def request(number: int, **more: Any) -> EvidenceRequest:
    values: dict[str, Any] = {"path": "src/*.py", "reason": "", "exercise_id": None}
    return EvidenceRequest(uid(number), minutes(90 - number), TS, **{**values, **more})


def full_learner(student_id: str = "ann") -> LearnerState:
    """One of everything."""
    first = exercise(
        1,
        title="Mend the mean",
        anchors=(ANCHOR,),
        due="2027-01-01T00:00:00Z",
        status="revise",
        expected="no crash",
        tests=("pytest -q",),
        hints=("look at the empty list",),
        step_id="s2",
        author="coach@1",
        received=True,
        submissions=(uid(10),),
        feedback=(uid(20),),
        revision=2,
    )
    return LearnerState(
        student_id=student_id,
        stage="practice",
        goals=("know it",),
        plan=(PlanStep("s1", "read", "next"), PlanStep("s2", "mend", "todo"), PlanStep("s3", "more", "later")),
        completed=("s1",),
        confidence={"averages": 0.25, "reading": 1.0},
        active_step="s2",
        blockers=("no time",),
        exercises=(first, exercise(2, status="withdrawn", withdrawn_reason="too hard")),
        submissions=(
            submission(
                10,
                uid(1),
                response="done",
                evidence=(uid(30),),
                confidence=0.5,
                test_runs=({"command": "x"},),
                assessed_by=uid(20),
            ),
            submission(11, None, inferred=True),
        ),
        feedback=(
            feedback(
                20,
                uid(1),
                submission_id=uid(10),
                mistakes=(Mistake("divides by zero", ANCHOR), Mistake("name", None, addressed=True)),
                next_step="handle []",
                confidence_delta=-0.1,
                topic="averages",
            ),
        ),
        evidence=(
            evidence(30, uid(1)),
            evidence(31, None, payload={"path": "x", "range": 3, "redactions": "no"}, hash=None),
        ),
        requests=(request(40, reason="show me"), request(41, answer="declined")),
        stuck=(stuck(50, anchor=ANCHOR, exercise_id=uid(1)), stuck(51, resolved_by=uid(52))),
        hints=(hint(60, anchor=ANCHOR), hint(61, acked=True, stuck_id=uid(50))),
        sharing="ask",
        last_student_hlc=minutes(3),
    )


def snapshot(role: str = "student", me: LearnerState | None = None, **more: Any) -> Snapshot:
    """A snapshot of a session with that learner."""
    learner = full_learner() if me is None else me
    session = SessionState("onboarding-01", title="Onboarding", learners={learner.student_id or "": learner}, events=20)
    sync = SyncStatus(
        "sqlite:///home/bus.db", embedded=True, connected=True, waiting=2, seen_us=minutes(3), holder_pid=42
    )
    values: dict[str, Any] = {
        "revision": 3,
        "role": role,
        "session_id": "onboarding-01",
        "student_id": learner.student_id,
        "author": "me@1",
        "session": session,
        "me": learner,
        "sync": sync,
        "sharing": "ask",
        "notices": ("Something to know.",),
    }
    return Snapshot(**{**values, **more})


def hostile(me: LearnerState, text: str) -> LearnerState:
    """The same learner, with ``text`` wherever a wire could put one."""
    anchor = {"path": text, "range": {"start_line": 1, "end_line": 1}}
    return replace(
        me,
        goals=(text,),
        plan=tuple(replace(step, id=text, topic=text, status=text) for step in me.plan),
        confidence={text: 0.5},
        active_step=text,
        blockers=(text,),
        exercises=tuple(
            replace(
                each,
                id=text,
                topic=text,
                exercise=text,
                expected=text,
                tests=(text,),
                title=text,
                hints=(text,),
                due=text,
                author=text,
                anchors=(anchor,),
                withdrawn_reason=text,
            )
            for each in me.exercises
        ),
        submissions=tuple(replace(each, response=text, exercise_id=text) for each in me.submissions),
        feedback=tuple(
            replace(each, next_step=text, topic=text, exercise_id=text, mistakes=(Mistake(text, anchor),))
            for each in me.feedback
        ),
        evidence=tuple(
            replace(each, path=text, payload={"note": text, "range": {"start_line": 1}}) for each in me.evidence
        ),
        requests=tuple(replace(each, path=text, reason=text) for each in me.requests),
        stuck=tuple(replace(each, summary=text, anchor=anchor) for each in me.stuck),
        hints=tuple(replace(each, hint=text, anchor=anchor) for each in me.hints),
    )
