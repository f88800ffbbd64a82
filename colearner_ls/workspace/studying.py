"""What a student does by words: acknowledge, report progress, be stuck. Submitting stands in :mod:`.submitting`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput
from colearner_ls.evidence.redaction import redact
from colearner_ls.workspace.places import anchor_payload
from colearner_ls.workspace.requests import Acknowledge, ReportProgress, ReportStuck, ResolveStuck
from colearner_ls.workspace.results import UnknownTarget, Written
from colearner_ls.workspace.screening import screened
from colearner_ls.workspace.writing import Outgoing, without_nothing

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace

EXERCISE_ACKS = ("received", "accepted", "declined", "completed")
FEEDBACK_ACKS = ("read", "addressed")


def acknowledge(ws: Workspace, request: Acknowledge) -> Written | None:
    """Send the ack that fits what ``target_id`` names.

    ``None`` where an automatic receipt was already sent by another process. Raises :class:`UnknownTarget` for an id that
    names nothing which can be acknowledged, and :class:`BadInput` for a status that its ack does not know.
    """
    outgoing, exercise_id = _ack(ws, request)
    claim = None
    if request.automatic:
        claim = f"receipt:{outgoing.event_type}:{outgoing.payload.get('status')}:{outgoing.causation_id}"
    return ws.write_once(outgoing, claim=claim, exercise_id=exercise_id)


def _ack(ws: Workspace, request: Acknowledge) -> tuple[Outgoing, str | None]:
    target = ws.find(request.target_id)
    me = ws.snapshot().me
    note = screened(request.note)
    for exercise in me.exercises:
        if target in (exercise.id, exercise.event_id):
            status = _status(request.status or "accepted", EXERCISE_ACKS)
            payload = {"status": status, "exercise_id": exercise.id, "note": note}
            outgoing = Outgoing(
                "exercise_assigned_ack", without_nothing(payload), None, exercise.event_id, exercise.event_id
            )
            return outgoing, exercise.id
    for submission in me.submissions:
        if submission.id == target:
            payload = {
                "status": request.status or "received",
                "exercise_id": submission.exercise_id,
                "submission_id": target,
            }
            return Outgoing("exercise_submission_ack", without_nothing(payload), None, target), submission.exercise_id
    for feedback in me.feedback:
        if feedback.id == target:
            status = _status(request.status or "read", FEEDBACK_ACKS)
            values = {"status": status, "feedback_id": target, "mistake": request.mistake, "note": note}
            return Outgoing("assessment_feedback_ack", without_nothing(values), None, target), feedback.exercise_id
    for hint in me.hints:
        if hint.id == target:
            payload = {"note": note or request.status or "read", "hint_id": target, "session_id": ws.session_id}
            return Outgoing("hint_ack", payload, None, target), hint.exercise_id
    raise UnknownTarget(
        f"“{request.target_id}” is nothing that can be acknowledged.",
        "An exercise, a submission, feedback or a hint can: `colearner inbox` lists them.",
    )


def _status(status: str, accepted: tuple[str, ...]) -> str:
    if status not in accepted:
        raise BadInput(f"“{status}” is not a status here.", f"Accepted: {', '.join(accepted)}.")
    return status


def report_progress(ws: Workspace, request: ReportProgress) -> Written:
    """The student's own statement: steps done, confidence by topic (0..1), the step being worked on."""
    if not (request.completed or request.confidence or request.active_step):
        raise BadInput("There is no progress in that.", "Name a step done, a confidence or the active step.")
    plan = ws.snapshot().me.plan
    unknown = [
        step
        for step in (*request.completed, request.active_step)
        if step and plan and step not in {known.id for known in plan}
    ]
    if unknown:
        raise BadInput(
            f"The plan has no step {', '.join(unknown)}.", f"Its steps: {', '.join(step.id for step in plan)}."
        )
    for topic, value in request.confidence.items():
        if not 0 <= value <= 1:
            raise BadInput(f"A confidence of {value} in “{topic}” is out of range.", "Accepted: 0 to 1.")
    _refuse_credentials(
        [*request.completed, *request.confidence, *([request.active_step] if request.active_step else [])]
    )
    payload: dict[str, Any] = {"completed": list(request.completed)}
    if request.confidence:
        payload["confidence"] = dict(request.confidence)
    if request.active_step:
        payload["active_step"] = request.active_step
    return ws.write(Outgoing("progress_update", payload))


def _refuse_credentials(names: Sequence[str]) -> None:
    """Step ids and topics are names, which masking would turn into other names: one with a credential in it is refused."""
    for name in names:
        found = redact(name).counts
        if found:
            rules = ", ".join(rule for rule, _ in found)
            raise BadInput(
                f"A step or topic looks like a credential ({rules}).", "Names are shared as they are: give another."
            )


def report_stuck(ws: Workspace, request: ReportStuck) -> Written:
    """Tell the coach that one is stuck: the words, and the place where given (its lines travel in the anchor)."""
    if not request.summary.strip():
        raise BadInput("Being stuck needs a word.", "Say in a sentence what does not work.")
    from colearner_ls.evidence.git import head_commit

    exercise = ws.open_exercise(request.exercise_id, required=False)
    anchor = anchor_payload(ws, request.place, request.buffers) if request.place else None
    if anchor is not None:
        anchor = _screened_anchor(anchor)
    payload = without_nothing(
        {
            "summary": screened(request.summary),
            "session_id": ws.session_id,
            "exercise_id": exercise.id if exercise else None,
            "step_id": exercise.step_id if exercise else None,
            "commit": head_commit(ws.root),
            "anchor": anchor,
        }
    )
    correlation = exercise.event_id if exercise else None
    return ws.write(
        Outgoing("stuck_reported", payload, correlation_id=correlation), exercise_id=exercise.id if exercise else None
    )


def _screened_anchor(anchor: dict[str, Any]) -> dict[str, Any]:
    """The anchor quotes the student's file, so it is screened; where anything was masked the file's hash goes too."""
    quote = {name: screened(text) for name, text in anchor.get("quote", {}).items()}
    if quote == anchor.get("quote", {}):
        return anchor
    return {**{name: value for name, value in anchor.items() if name != "sha256"}, "quote": quote}


def resolve_stuck(ws: Workspace, request: ResolveStuck) -> Written:
    """Settle a stuck report."""
    stuck = ws.find_stuck(request.stuck_id)
    if stuck.resolved_by is not None:
        raise BadInput(f"“{stuck.summary[:60]}” is settled already.", "`colearner inbox` lists what is open.")
    payload = without_nothing({"stuck_id": stuck.id, "note": screened(request.note)})
    return ws.write(Outgoing("stuck_resolved", payload, causation_id=stuck.id), exercise_id=stuck.exercise_id)
