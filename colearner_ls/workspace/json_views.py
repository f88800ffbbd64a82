"""Plain documents of the session's state, in the shapes of :mod:`colearner_ls.contracts.views`: the same for the command
line's ``--json`` and for the requests of the language server.

Plain dicts because building the models would cost ``status`` the import of pydantic; tests compare the two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.timestamps import to_ts
from colearner_ls.domain.inbox import Waiting
from colearner_ls.domain.state import (
    Evidence,
    EvidenceRequest,
    Exercise,
    Feedback,
    Hint,
    LearnerState,
    PlanStep,
    SessionState,
    Stuck,
    Submission,
)

if TYPE_CHECKING:
    from colearner_ls.journal.records import Stored
    from colearner_ls.workspace.results import Snapshot, SyncStatus, Written

View = dict[str, Any]

_OWN: Final = {"waiting": "kept", "sending": "kept", "refused": "refused"}


_EVIDENCE_TYPES: Mapping[str, type] = {
    "snippet": str,
    "range": dict,
    "language": str,
    "note": str,
    "summary": str,
    "deleted": bool,
    "truncated": bool,
    "redactions": list,
    "commit": str,
}


def written_view(written: Written, delivery: str, waiting: int) -> View:
    """``WrittenView``; the text of an ``init`` is its invite."""
    return without_none(
        {
            "event_id": written.event_id,
            "event_type": written.event_type,
            "session_id": written.session_id,
            "delivery": delivery,
            "exercise_id": written.exercise_id,
            "evidence": list(written.evidence) or None,
            "student_id": written.student_id,
            "waiting": waiting,
            "invite": written.text or None,
        }
    )


def linked_view(written: Written) -> View:
    """``LinkedView``."""
    return {"target_id": written.event_id, "exercise_id": written.exercise_id, "session_id": written.session_id}


def without_none(view: View) -> View:
    """The view without fields that say nothing."""
    return {name: value for name, value in view.items() if value is not None}


def sync_view(sync: SyncStatus) -> View:
    """``SyncView``."""
    return {
        "bus": sync.bus,
        "connected": sync.connected,
        "waiting": sync.waiting,
        "last_error": sync.last_error,
        "refused": sync.refused,
        "embedded": sync.embedded,
        "seen": to_ts(sync.seen_us) if sync.seen_us is not None else None,
        "holder_pid": sync.holder_pid,
        "loading": list(sync.loading),
    }


def status_view(snapshot: Snapshot) -> View:
    """``StatusView`` of the learner this folder is about."""
    session, me = snapshot.session, snapshot.me
    entries = Entries(snapshot.session_id, me)
    return {
        "session_id": snapshot.session_id,
        "role": snapshot.role,
        "student_id": snapshot.student_id,
        "title": session.title,
        "author": snapshot.author,
        "stage": me.stage,
        "irregular": me.irregular,
        "learner": {"goals": list(me.goals)},
        "plan": [entries.step(step) for step in me.plan],
        "progress": {
            "completed": list(me.completed),
            "confidence": dict(me.confidence),
            "active_step": me.active_step,
            "blockers": list(me.blockers),
        },
        "exercises": [entries.exercise(each) for each in me.exercises],
        "submissions": [entries.submission(each) for each in me.submissions],
        "feedback": [entries.feedback(each) for each in me.feedback],
        "evidence": [entries.evidence(each, snippet=False) for each in me.evidence],
        "requests": [entries.request(each) for each in me.requests],
        "stuck": [entries.stuck(each) for each in me.stuck],
        "hints": [entries.hint(each) for each in me.hints],
        "students": [student for student in session.learners if student],
        "sharing": snapshot.sharing,
        "sync": sync_view(snapshot.sync),
        "trust": {"verified": snapshot.trust.verified, "untrusted": snapshot.trust.untrusted},
        "notices": list(snapshot.notices),
    }


class Entries:
    """Makes list entries that say whose they are."""

    def __init__(self, session_id: str, me: LearnerState) -> None:
        self._whose: View = {"session_id": session_id, "student_id": me.student_id}
        self._completed = set(me.completed)

    def step(self, step: PlanStep) -> View:
        """``PlanStepView``."""
        done = step.id in self._completed
        return {**self._whose, "id": step.id, "topic": step.topic, "status": step.status, "completed": done}

    def exercise(self, each: Exercise) -> View:
        """``ExerciseView``."""
        return {
            **self._whose,
            "exercise_id": each.id,
            "event_id": each.event_id,
            "topic": each.topic,
            "exercise": each.exercise,
            "status": each.status,
            "expected": each.expected,
            "tests": list(each.tests),
            "title": each.title,
            "step_id": each.step_id,
            "anchors": [dict(anchor) for anchor in each.anchors],
            "hints": list(each.hints),
            "due": each.due,
            "author": each.author,
            "ts": each.ts,
            "received": each.received,
            "revision": each.revision,
            "submissions": list(each.submissions),
            "feedback": list(each.feedback),
            "withdrawn_reason": each.withdrawn_reason,
        }

    def submission(self, each: Submission) -> View:
        """``SubmissionView``."""
        return {
            **self._whose,
            "submission_id": each.id,
            "exercise_id": each.exercise_id,
            "response": each.response,
            "evidence": list(each.evidence),
            "test_runs": [dict(run) for run in each.test_runs],
            "confidence": each.confidence,
            "author": each.author,
            "ts": each.ts,
            "inferred": each.inferred,
            "assessed_by": each.assessed_by,
        }

    def feedback(self, each: Feedback) -> View:
        """``FeedbackView``."""
        mistakes = [
            {"text": mistake.text, "anchor": _mapping(mistake.anchor), "addressed": mistake.addressed}
            for mistake in each.mistakes
        ]
        return {
            **self._whose,
            "feedback_id": each.id,
            "exercise_id": each.exercise_id,
            "submission_id": each.submission_id,
            "grade": each.grade,
            "mistakes": mistakes,
            "next_step": each.next_step,
            "confidence_delta": each.confidence_delta,
            "topic": each.topic,
            "author": each.author,
            "ts": each.ts,
            "inferred": each.inferred,
            "read": each.read,
        }

    def evidence(self, each: Evidence, *, snippet: bool) -> View:
        """``EvidenceView``; fields that the payload has in another form are left to ``show``."""
        payload = each.payload
        copied = {
            name: payload[name]
            for name, kind in _EVIDENCE_TYPES.items()
            if isinstance(payload.get(name), kind) and (snippet or name != "snippet")
        }
        return {
            **self._whose,
            "evidence_id": each.id,
            "path": each.path,
            "hash": each.hash,
            "exercise_id": each.exercise_id,
            "request_id": each.request_id,
            "trigger": each.trigger,
            "dirty": each.dirty,
            "author": each.author,
            "ts": each.ts,
            "inferred": each.inferred,
            **copied,
        }

    def request(self, each: EvidenceRequest) -> View:
        """``RequestView``."""
        return {
            **self._whose,
            "request_id": each.id,
            "path": each.path,
            "reason": each.reason,
            "exercise_id": each.exercise_id,
            "author": each.author,
            "ts": each.ts,
            "answer": each.answer,
        }

    def stuck(self, each: Stuck) -> View:
        """``StuckView``."""
        return {
            **self._whose,
            "stuck_id": each.id,
            "summary": each.summary,
            "exercise_id": each.exercise_id,
            "anchor": _mapping(each.anchor),
            "author": each.author,
            "ts": each.ts,
            "resolved_by": each.resolved_by,
            "hints": list(each.hints),
        }

    def hint(self, each: Hint) -> View:
        """``HintView``."""
        return {
            **self._whose,
            "hint_id": each.id,
            "hint": each.hint,
            "exercise_id": each.exercise_id,
            "stuck_id": each.stuck_id,
            "anchor": _mapping(each.anchor),
            "author": each.author,
            "ts": each.ts,
            "acked": each.acked,
        }


def _mapping(value: Mapping[str, Any] | None) -> View | None:
    return dict(value) if value is not None else None


def waiting_view(session_id: str, item: Waiting) -> View:
    """``InboxItemView``."""
    return without_none(
        {
            "session_id": session_id,
            "student_id": item.student_id,
            "kind": item.kind,
            "id": item.id,
            "exercise_id": item.exercise_id,
            "text": item.text,
            "ts": item.ts,
            "path": item.path,
            "line": item.line,
        }
    )


class Known:
    """What the state knows of single events: the exercise each belongs to, and whether that was guessed."""

    def __init__(self, session: SessionState, me: LearnerState, *, embedded: bool) -> None:
        self._embedded = embedded
        self.exercises: dict[str, Exercise] = {}
        self._matched: dict[str, tuple[str, bool]] = {}
        self._learners = (*session.learners.values(), me)
        for learner in self._learners:
            for exercise in learner.exercises:
                self.exercises[exercise.id] = exercise
                self._matched[exercise.event_id] = (exercise.id, False)
            for kind in (learner.submissions, learner.feedback, learner.evidence, learner.hints):
                self._match(kind)

    def _match(self, events: Iterable[Submission | Feedback | Evidence | Hint]) -> None:
        for each in events:
            if each.exercise_id is not None:
                self._matched[each.id] = (each.exercise_id, each.inferred)

    def learner_of(self, exercise: Exercise) -> LearnerState:
        """The learner whose exercise it is; this folder's own where several have it."""
        return next(each for each in reversed(self._learners) if exercise in each.exercises)

    def matched(self, event_id: str) -> tuple[str | None, bool]:
        """The exercise of an event, and whether that is a guess."""
        return self._matched.get(event_id, (None, False))

    def delivery(self, stored: Stored) -> str:
        """``sent``, ``local``, ``kept`` or ``refused`` for own events, ``received`` for those of others."""
        if stored.delivery is None:
            return "received"
        if stored.delivery == "sent":
            return "local" if self._embedded else "sent"
        return _OWN[stored.delivery]


def event_view(stored: Stored, known: Known) -> View:
    """``HistoryLine``: the envelope as it was received, and what we know about it."""
    envelope: View = json.loads(stored.raw)
    exercise_id, inferred = known.matched(stored.event.id)
    envelope["_id"] = stored.event.id
    envelope["_hlc"] = stored.event.hlc
    envelope["_delivery"] = known.delivery(stored)
    envelope["_applied"] = stored.applied
    if exercise_id is not None:
        envelope["_exercise_id"] = exercise_id
        envelope["_inferred"] = inferred
    return envelope
