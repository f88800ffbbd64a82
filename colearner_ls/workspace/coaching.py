"""What a coach does: plan, assign, withdraw, assess, hint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.ids import new_id
from colearner_ls.domain.state import Exercise, LearnerState
from colearner_ls.workspace.places import anchor_payload
from colearner_ls.workspace.requests import Assign, GiveFeedback, GiveHint, MistakeAt, SetPlan, Withdraw
from colearner_ls.workspace.results import Written
from colearner_ls.workspace.writing import Outgoing, without_nothing

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace


def set_plan(ws: Workspace, request: SetPlan) -> Written:
    """Replace the learning plan. Raises :class:`BadInput` for an empty plan or a step id given twice."""
    if not request.steps:
        raise BadInput("The plan has no steps.", "Give at least one step with an id and a topic.")
    ids = [step.id for step in request.steps]
    twice = sorted({step_id for step_id in ids if ids.count(step_id) > 1})
    if twice:
        raise BadInput(f"Step ids stand twice: {', '.join(twice)}.", "Every step needs an id of its own.")
    first = next((step.id for step in request.steps if not step.status), None)
    if any(step.status in ("next", "active") for step in request.steps):
        first = None
    steps = [
        {"id": step.id, "topic": step.topic, "status": step.status or ("next" if step.id == first else "todo")}
        for step in request.steps
    ]
    return ws.write(Outgoing("learning_plan", {"goals": list(request.goals), "plan": steps}))


def assign(ws: Workspace, request: Assign) -> Written:
    """Assign an exercise at places of the code; with the id of a known one, revise it.

    Raises :class:`BadInput` for empty words, a file that is not there, or lines past its end.
    """
    if not request.topic.strip() or not request.exercise.strip():
        raise BadInput(
            "An exercise needs a topic and a text.", "Give both, e.g. --topic 'error handling' --exercise '…'."
        )
    snapshot = ws.snapshot()
    known = _known_exercise(snapshot.me, request.exercise_id)
    if (
        request.step_id is not None
        and snapshot.me.plan
        and request.step_id not in {step.id for step in snapshot.me.plan}
    ):
        steps = ", ".join(step.id for step in snapshot.me.plan)
        raise BadInput(f"The plan has no step “{request.step_id}”.", f"Its steps are: {steps}.")
    event_id = new_id()
    anchors = [anchor_payload(ws, place, request.buffers) for place in request.places]
    payload = without_nothing(
        {
            "topic": request.topic,
            "exercise": request.exercise,
            "expected": request.expected,
            "tests": list(request.tests),
            "exercise_id": request.exercise_id,
            "step_id": request.step_id,
            "title": request.title,
            "anchors": anchors,
            "hints": list(request.hints),
            "due": request.due,
        }
    )
    exercise_id = request.exercise_id or event_id
    correlation = known.event_id if known else event_id
    return ws.write(
        Outgoing("exercise_assigned", payload, event_id=event_id, correlation_id=correlation),
        exercise_id=exercise_id,
    )


def _known_exercise(learner: LearnerState, exercise_id: str | None) -> Exercise | None:
    return next((exercise for exercise in learner.exercises if exercise.id == exercise_id), None)


def withdraw(ws: Workspace, request: Withdraw) -> Written:
    """Take an exercise back."""
    exercise = ws.find_exercise(request.exercise_id)
    if exercise.status == "withdrawn":
        raise BadInput(f"Exercise {exercise.id[-8:]} is withdrawn already.", "Assign it anew to bring it back.")
    payload = without_nothing({"exercise_id": exercise.id, "reason": request.reason})
    return ws.write(
        Outgoing("exercise_withdrawn", payload, causation_id=exercise.event_id, correlation_id=exercise.event_id),
        exercise_id=exercise.id,
    )


def give_feedback(ws: Workspace, request: GiveFeedback) -> Written:
    """Assess an exercise: its newest submission unless one is named.

    Raises :class:`BadInput` for a grade other than pass or revise and a confidence delta outside −1..1.
    """
    if request.grade not in ("pass", "revise"):
        raise BadInput(f"“{request.grade}” is not a grade.", "Accepted: pass, revise.")
    if request.confidence_delta is not None and not -1 <= request.confidence_delta <= 1:
        raise BadInput(f"A confidence delta of {request.confidence_delta} is out of range.", "Accepted: -1 to 1.")
    exercise = ws.find_exercise(request.exercise_id)
    submission = request.submission_id or (exercise.submissions[-1] if exercise.submissions else None)
    payload = without_nothing(
        {
            "grade": request.grade,
            "mistakes": [_mistake(ws, mistake, request) for mistake in request.mistakes],
            "next_step": request.next_step,
            "confidence_delta": request.confidence_delta,
            "exercise_id": exercise.id,
            "submission_id": submission,
            "topic": request.topic or exercise.topic,
        }
    )
    return ws.write(
        Outgoing(
            "assessment_feedback",
            payload,
            causation_id=submission or exercise.event_id,
            correlation_id=exercise.event_id,
        ),
        exercise_id=exercise.id,
    )


def _mistake(ws: Workspace, mistake: MistakeAt, request: GiveFeedback) -> str | dict[str, Any]:
    if not mistake.text.strip():
        raise BadInput("A mistake has no text.", "Say what is wrong: --mistake 'PATH:LINE: text'.")
    if mistake.place is None:
        return mistake.text
    return {"text": mistake.text, "anchor": anchor_payload(ws, mistake.place, request.buffers)}


def give_hint(ws: Workspace, request: GiveHint) -> Written:
    """Give a hint: to an exercise, to a stuck report, or at a place."""
    if not request.hint.strip():
        raise BadInput("The hint has no text.", "Say something that helps.")
    exercise = ws.find_exercise(request.exercise_id) if request.exercise_id else None
    stuck = ws.find_stuck(request.stuck_id) if request.stuck_id else None
    exercise_id = exercise.id if exercise else (stuck.exercise_id if stuck else None)
    payload = without_nothing(
        {
            "hint": request.hint,
            "exercise_id": exercise_id,
            "stuck_id": stuck.id if stuck else None,
            "anchor": anchor_payload(ws, request.place, request.buffers) if request.place else None,
        }
    )
    return ws.write(
        Outgoing(
            "coach_hint",
            payload,
            causation_id=stuck.id if stuck else None,
            correlation_id=exercise.event_id if exercise else None,
        ),
        exercise_id=exercise_id,
    )
