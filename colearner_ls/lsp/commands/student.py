"""Commands of a student."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.lsp.commands.writing import choose_exercise, missing, share, write
from colearner_ls.lsp.features import places
from colearner_ls.lsp.views.words import name_of, one_line
from colearner_ls.workspace.requests import ReportProgress, ReportStuck, ShareEvidence, Submit

if TYPE_CHECKING:
    from colearner_ls.domain.state import Exercise
    from colearner_ls.lsp import messages
    from colearner_ls.lsp.server import ColearnerServer


async def submit(server: ColearnerServer, arguments: messages.SubmitArguments) -> dict[str, Any] | None:
    """Submit an exercise, after the preview."""
    exercise_id = await choose_exercise(server, arguments.exercise_id, "Which exercise do you submit?")
    request = Submit(
        exercise_id,
        arguments.response,
        await places.all_of(server, arguments.evidence),
        arguments.confidence,
        exclude=tuple(arguments.exclude),
    )
    name = _name(server, exercise_id)
    return await share(
        server,
        request,
        confirm=arguments.confirm,
        question=f"Submit{name}?",
        yes="Submit",
        said=f"Submitted{name}",
    )


async def attach_evidence(
    server: ColearnerServer, arguments: messages.AttachEvidenceArguments
) -> dict[str, Any] | None:
    """Share lines of a document, after the preview."""
    place = await places.place(server, arguments.uri, arguments.range)
    request = ShareEvidence(place, arguments.exercise_id, arguments.note, arguments.request_id)
    name = _name(server, arguments.exercise_id)
    return await share(
        server,
        request,
        confirm=arguments.confirm,
        question=f"Share this as evidence{' for' if name else ''}{name}?",
        yes="Share",
        said=f"Shared {place.path}",
    )


async def mark_done(server: ColearnerServer, arguments: messages.MarkDoneArguments) -> dict[str, Any]:
    """Say that a step is done."""
    step_id = arguments.step_id or _step_of(server, arguments.exercise_id)
    return await write(server, ReportProgress(completed=(step_id,)), f"Step {one_line(step_id)} marked as done")


def _step_of(server: ColearnerServer, exercise_id: str | None) -> str:
    """The step of an exercise, else the one being worked on."""
    server.session.required()
    snapshot = server.session.snapshot
    if snapshot is not None and exercise_id is not None:
        found = [each.step_id for each in snapshot.me.exercises if exercise_id in (each.id, each.event_id)]
        if not found or found[0] is None:
            raise missing("step_id", "That exercise belongs to no step of the plan: name the step.")
        return found[0]
    if snapshot is not None:
        current = [step.id for status in ("active", "next") for step in snapshot.me.plan if step.status == status]
        if current:
            return current[0]
    raise missing("step_id", "Name the step of the plan that is done.")


async def stuck(server: ColearnerServer, arguments: messages.StuckArguments) -> dict[str, Any]:
    """Call for help. The words and the quoted lines leave at once: calling is consent."""
    place = await places.optional(server, arguments.uri, arguments.range)
    exercise_id = arguments.exercise_id
    summary = arguments.summary or _summary(server, exercise_id, place)
    request = ReportStuck(summary, exercise_id, place, await server.tracker.buffers())
    return await write(server, request, "Your coach is told that you are stuck")


def _summary(server: ColearnerServer, exercise_id: str | None, place: Any) -> str:
    where = f" at {place.path}{f':{place.start_line}' if place.start_line else ''}" if place is not None else ""
    name = _name(server, exercise_id)
    if not where and not name:
        raise missing("summary", "Say in a sentence what does not work, or give a place or an exercise.")
    return f"Stuck{' on' if name else ''}{name}{where}"


def _name(server: ColearnerServer, exercise_id: str | None) -> str:
    """`` “name”`` of the exercise, or nothing."""
    exercise = _exercise(server, exercise_id)
    return f" “{name_of(exercise)}”" if exercise is not None else ""


def _exercise(server: ColearnerServer, exercise_id: str | None) -> Exercise | None:
    snapshot = server.session.snapshot
    if snapshot is None or exercise_id is None:
        return None
    return next((each for each in snapshot.me.exercises if exercise_id in (each.id, each.event_id)), None)
