"""Commands of both sides: setting up, acknowledging, settling, opening, syncing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.domain.inbox import waiting_for_coach, waiting_for_student
from colearner_ls.lsp.commands.writing import choose, missing, report, write
from colearner_ls.lsp.features import opening
from colearner_ls.lsp.views import proto
from colearner_ls.lsp.views.words import one_line
from colearner_ls.workspace.json_views import sync_view
from colearner_ls.workspace.requests import Acknowledge, InitSession, JoinSession, ResolveStuck

if TYPE_CHECKING:
    from colearner_ls.lsp import messages
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.syncing import SyncOutcome


async def init(server: ColearnerServer, arguments: messages.InitArguments) -> dict[str, Any]:
    """Set the folder up; a coach gets the invite."""
    role = arguments.role or server.options.role
    if role is None:
        if not server.client.show_message_request:
            raise missing("role", "Give role: coach or student.")
        role = await choose(server, "Who are you in this folder?", [("Coach", "coach"), ("Student", "student")])
    request = InitSession(
        role=role,
        session_id=arguments.session or server.options.session,
        student_id=arguments.student,
        coach_id=arguments.coach,
        title=arguments.title,
    )
    written = await server.session.set_up(request)
    said = "Set up" if role == "student" else f"Set up. The invite for the student is {written.text}"
    return report(server, written, said)


async def join(server: ColearnerServer, arguments: messages.JoinArguments) -> dict[str, Any]:
    """Set the folder up from an invite."""
    return report(server, await server.session.set_up(JoinSession(arguments.invite)), "Joined")


async def ack(server: ColearnerServer, arguments: messages.AckArguments) -> dict[str, Any]:
    """Acknowledge an exercise, a submission, feedback or a hint."""
    request = Acknowledge(arguments.target, arguments.status, arguments.note, arguments.mistake)
    return await write(server, request, one_line((arguments.status or "acknowledged").capitalize()))


async def resolve_stuck(server: ColearnerServer, arguments: messages.ResolveStuckArguments) -> dict[str, Any]:
    """Settle a call for help."""
    stuck_id = arguments.stuck_id or await _open_stuck(server)
    return await write(server, ResolveStuck(stuck_id, arguments.note), "Resolved")


async def _open_stuck(server: ColearnerServer) -> str:
    server.session.required()
    snapshot = server.session.snapshot
    learners = snapshot.session.learners.values() if snapshot is not None else ()
    unsettled = [stuck for learner in learners for stuck in learner.stuck if stuck.resolved_by is None]
    if len(unsettled) == 1:
        return unsettled[0].id
    if unsettled and server.client.show_message_request:
        return await choose(server, "Which one is settled?", [(one_line(each.summary), each.id) for each in unsettled])
    raise missing("stuck_id", "Name the call for help that is settled." if unsettled else "Nobody is stuck.")


async def open_place(server: ColearnerServer, arguments: messages.OpenArguments) -> dict[str, Any]:
    """Show the place of something; the result says where it is, for clients that cannot be asked to show it."""
    server.session.required()
    snapshot = server.session.snapshot
    given = [getattr(arguments, name) for name in type(arguments).model_fields]
    target_id = next((each for each in given if each), None)
    if target_id is not None:
        target_id = await server.session.call(_find, target_id)
    elif snapshot is not None:
        waiting = waiting_for_coach(snapshot.session) if snapshot.role == "coach" else waiting_for_student(snapshot.me)
        target_id = next((item.id for item in waiting if item.path is not None), None)
    if target_id is None or snapshot is None:
        raise missing("exercise_id", "Nothing waits for you: name what to open.")
    target = await opening.find(server, opening.anchors_of(snapshot.me, target_id))
    if target is None:
        return {"shown": False}
    if any(feedback.id == target_id for feedback in snapshot.me.feedback):
        server.receipts.shown([target_id])
    shown = await opening.show(server, target)
    place = {"range": proto.range_argument(target.range)} if target.range is not None else {}
    return {"uri": target.uri, **place, "shown": shown}


def _find(workspace: Workspace, given: str) -> str:
    return workspace.find(given)


async def sync(server: ColearnerServer, arguments: messages.SyncArguments) -> dict[str, Any]:
    """Send and fetch now, for at most ``wait`` seconds."""
    outcome = await server.session.in_thread(_sync, arguments.wait)
    workspace_sync = (await server.session.call(_status)).sync
    result = {"delivered": outcome.delivered, "fetched": outcome.fetched, "sync": sync_view(workspace_sync)}
    return {**result, "error": outcome.error} if outcome.error else result


def _sync(workspace: Workspace, wait: float) -> SyncOutcome:
    from colearner_ls.workspace.syncing import sync_once

    return sync_once(workspace, wait=wait, fetch=True)


def _status(workspace: Workspace) -> Any:
    return workspace.snapshot()
