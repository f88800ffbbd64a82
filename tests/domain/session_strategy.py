"""Made-up sessions for hypothesis: one to three learners, a coach, peers' habits, and clocks that disagree.

A session is a list of `Saying`s, small numbers that shrink well; `events_of` spells them out. Names refer to what stands
before or after, to other learners' things, or to nothing; ids are in no order; several events share one `hlc`.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from colearner_ls.contracts.event import Event

SESSION = "round-20260120-7"
START_US = 1_790_000_000_000_000

LEARNERS = ("ada", "bob", "peer-7f3a")
COACH_NAMES = (None, None, None, *LEARNERS, "peer-0001", "nobody-yet")
TYPED = ("ex-1", "e1", "e2", "graphs")
TOPICS = ("graphs", "trees")
STEPS = ("s1", "s2", "s3")


@dataclass(frozen=True)
class Saying:
    """One event in small numbers. ``habit``: how it names things; ``size``: whatever else varies."""

    kind: int
    who: int
    second: int
    habit: int
    target: int
    size: int
    id: int


def _name(all_ids: Sequence[str], say: Saying) -> str | None:
    """What a reference says: nothing, what a person typed, or the id of any event of the session."""
    match say.habit % 4:
        case 0:
            return None
        case 1:
            return TYPED[say.target % len(TYPED)]
        case 2:
            return all_ids[say.target % len(all_ids)]
        case _:
            return "names-nothing"


def _typed(all_ids: Sequence[str], say: Saying) -> str:
    return _name(all_ids, say) or "ex-1"


def _plan(_ids: Sequence[str], say: Saying) -> dict[str, Any]:
    words = ("pending", "next", "active", "todo", "done")
    steps = [{"id": STEPS[i], "topic": "t", "status": words[(say.size + i) % 5]} for i in range(say.target % 4 % 3 + 1)]
    return {"plan": steps} if say.habit % 2 else {"plan": steps, "goals": ["g"] * (say.size % 3)}


def _assign(ids: Sequence[str], say: Saying) -> dict[str, Any]:
    told: dict[str, Any] = {"topic": TOPICS[say.size % 2], "exercise": f"do {say.size}"}
    if say.habit % 2:
        told["exercise_id"] = TYPED[say.target % 3] if say.habit % 4 == 1 else ids[say.target % len(ids)]
    if say.size % 3:
        told["step_id"] = STEPS[say.size % 3]
    return told


def _assessment(ids: Sequence[str], say: Saying) -> dict[str, Any]:
    told: dict[str, Any] = {"grade": "pass" if say.size % 2 else "revise", "mistakes": ["m", {"text": "n"}]}
    if say.size % 3:
        told["confidence_delta"] = (say.size % 7 - 3) / 10
    if say.size % 5 == 0:
        told["topic"] = TOPICS[say.target % 2]
    name = _name(ids, say)
    if name is not None:
        told["submission_id" if say.size % 4 else "exercise_id"] = name
    return told


def _progress(_ids: Sequence[str], say: Saying) -> dict[str, Any]:
    told: dict[str, Any] = {"completed": []}
    if say.habit % 3 == 1:
        told["completed"] = [STEPS[say.size % 3]]
    elif say.habit % 3 == 2:
        told["confidence"] = {TOPICS[say.size % 2]: say.size % 11 / 10}
    if say.size % 2:
        told["active_step"] = STEPS[say.target % 3]
    if say.size % 5 == 0:
        told["files_changed"] = [{"path": "a.py", "bytes": say.size}]
    return told


def _evidence(ids: Sequence[str], say: Saying) -> dict[str, Any]:
    name = _name(ids, say)
    told = {"path": "a.py", "snippet": "x" * say.size, "trigger": ("save", "request", "submit")[say.size % 3]}
    return told if name is None else {**told, ("request_id" if say.size % 2 else "exercise_id"): name}


def _optional(field: str, **always: Any) -> Callable[[Sequence[str], Saying], dict[str, Any]]:
    def told(ids: Sequence[str], say: Saying) -> dict[str, Any]:
        name = _name(ids, say)
        return {**always, **({} if name is None else {field: name})}

    return told


def _stage(_ids: Sequence[str], say: Saying) -> dict[str, Any]:
    return {"stage": ("init", "plan", "practice", "review", "done", "note", "insight")[say.size % 7], "note": "n"}


ACK_WORDS = ("received", "accepted", "declined", "completed")

KINDS: tuple[tuple[str, str, Callable[[Sequence[str], Saying], dict[str, Any]]], ...] = (
    ("student", "progress_update", _progress),
    ("coach", "exercise_assigned", _assign),
    ("student", "exercise_submission", lambda ids, say: {"exercise_id": _typed(ids, say), "evidence": [ids[0]]}),
    ("coach", "assessment_feedback", _assessment),
    ("student", "progress_update", _progress),
    ("student", "exercise_submission", lambda ids, say: {"exercise_id": TYPED[say.target % 3]}),
    ("coach", "assessment_feedback", lambda _ids, say: {"grade": "pass" if say.size % 2 else "revise"}),
    ("coach", "exercise_assigned", lambda _ids, say: {"topic": TOPICS[say.size % 2], "exercise": "peer's"}),
    ("coach", "learning_plan", _plan),
    ("student", "learning_plan", _plan),
    (
        "student",
        "exercise_assigned_ack",
        lambda ids, say: _optional("exercise_id", status=ACK_WORDS[say.size % 4])(ids, say),
    ),
    ("coach", "exercise_withdrawn", lambda ids, say: {"exercise_id": _typed(ids, say)}),
    ("coach", "exercise_submission_ack", _optional("submission_id", status="seen")),
    (
        "student",
        "assessment_feedback_ack",
        lambda ids, say: _optional("feedback_id", status=("read", "addressed")[say.size % 2])(ids, say),
    ),
    ("student", "evidence_snapshot", _evidence),
    ("coach", "evidence_request", _optional("exercise_id", path="*.py")),
    ("student", "evidence_declined", lambda ids, say: {"request_id": _typed(ids, say), "reason": "declined"}),
    ("student", "evidence_withdrawn", lambda _ids, say: {"writer_seq": say.target + 1}),
    ("student", "stuck_reported", _optional("exercise_id", summary="no idea")),
    ("coach", "stuck_resolved", lambda ids, say: {"stuck_id": _typed(ids, say)}),
    ("coach", "coach_hint", _optional("stuck_id", hint="look")),
    ("student", "hint_ack", _optional("hint_id", note="ok")),
    ("coach", "lifecycle", _stage),
    ("student", "lifecycle", _stage),
    ("student", "sharing_changed", lambda _ids, say: {"mode": ("auto", "ask", "off")[say.size % 3]}),
    ("coach", "scope_policy", lambda _ids, say: {"scope": f"{say.size}"}),
    ("coach", "session_started", lambda _ids, say: {"title": f"T{say.size}"}),
    ("coach", "session_closed", lambda _ids, _say: {}),
    ("coach", "blocker_dismissed", lambda _ids, say: {"rule": "silent", "cause": f"{say.size}"}),
    ("service", "buddy.checkin.completed", lambda _ids, _say: {"mood": "good"}),
)


def event_of(say: Saying, index: int, ids: Sequence[str], learners: int) -> Event:
    """The event of a saying. A peer leaves student id and causation out; a third of the students do."""
    actor, event_type, told = KINDS[say.kind % len(KINDS)]
    if actor == "student":
        student_id = (None, *LEARNERS[:learners], *LEARNERS[:learners])[say.who % (2 * learners + 1)]
    else:
        student_id = COACH_NAMES[say.who % len(COACH_NAMES)]
    return Event(
        id=ids[index],
        hlc=START_US + say.second * 20_000_000,
        ts="2026-09-21T14:00:00.000000Z",
        actor=actor,
        session_id=SESSION,
        event_type=event_type,
        payload=told(ids, say),
        student_id=student_id,
        author=None if say.habit % 2 else actor,
        writer="w" if say.habit % 4 > 1 else None,
        seq=index + 1 if say.habit % 4 > 1 else None,
        causation_id=ids[say.target % len(ids)] if say.habit == 5 else None,
    )


def events_of(sayings: Sequence[Saying], learners: int) -> list[Event]:
    """The events of a session, in the order of writing, which is not the order of the fold."""
    ids = [str(uuid.UUID(int=say.id << 64 | index)) for index, say in enumerate(sayings)]
    return [event_of(say, index, ids, learners) for index, say in enumerate(sayings)]


class Dice(random.Random):
    """Random choices from a seed that a failure prints. (Hypothesis' own would be steered to their extremes.)"""

    def __init__(self, seed_value: int) -> None:
        super().__init__(seed_value)
        self._shown = f"Dice({seed_value})"

    def __repr__(self) -> str:
        return self._shown


dice = st.integers(0, 2**32 - 1).map(Dice)

_small = st.integers(0, 50)


def _sayings(kinds: Sequence[str]) -> st.SearchStrategy[Saying]:
    """Sayings, all of them or those whose event type is among the kinds."""
    kind = st.sampled_from([i for i, (_, event_type, _) in enumerate(KINDS) if event_type in kinds or not kinds])
    return st.builds(Saying, kind, _small, st.integers(0, 60), st.integers(0, 5), _small, _small, st.integers(0, 9))


@st.composite
def sessions(draw: st.DrawFn, max_size: int = 40, kinds: Sequence[str] = ()) -> list[Event]:
    """Events of one session. Half of the clocks run in writing order, as they mostly do, the others anyhow."""
    saying = _sayings(kinds)
    long = st.lists(saying, min_size=max_size // 2, max_size=max_size)
    sayings = draw(st.lists(saying, min_size=1, max_size=10) | long)
    if draw(st.booleans()):
        sayings = [replace(say, second=2 * index + say.second % 2) for index, say in enumerate(sayings)]
    return events_of(sayings, draw(st.integers(1, 3)))
