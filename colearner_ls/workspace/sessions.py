"""The session itself: set up, join, move through its stages, close; and the local switches of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colearner_ls.contracts.errors import BadInput
from colearner_ls.workspace.requests import CloseSession, Link, MoveStage, SetSharing
from colearner_ls.workspace.results import Written
from colearner_ls.workspace.screening import screened
from colearner_ls.workspace.settings import SHARING_MODES
from colearner_ls.workspace.writing import Outgoing, without_nothing

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace

REMARKS = ("note", "insight")
LIFECYCLE_WORDS = ("init", "plan", "practice", "review", "done", "note", "insight")


def move_stage(ws: Workspace, request: MoveStage) -> Written:
    """Move the lifecycle explicitly, or write a remark with ``note`` or ``insight``."""
    if request.stage not in LIFECYCLE_WORDS:
        raise BadInput(f"“{request.stage}” is not a stage.", f"Accepted: {', '.join(LIFECYCLE_WORDS)}.")
    if request.stage in REMARKS and not (request.note or "").strip():
        raise BadInput("A remark needs words.", "Give them with --note.")
    payload = without_nothing({"stage": request.stage, "note": screened(request.note)})
    return ws.write(Outgoing("lifecycle", payload))


def close_session(ws: Workspace, request: CloseSession) -> Written:
    """Close the session; later events still count."""
    summary = {"note": screened(request.note)} if request.note else {}
    return ws.write(Outgoing("session_closed", {"session_id": ws.session_id, "summary": summary}))


def link(ws: Workspace, request: Link) -> Written:
    """Say by hand which exercise a submission or feedback belongs to. A local record: nothing leaves."""
    target = ws.find(request.target_id)
    me = ws.snapshot().me
    if target not in {each.id for each in me.submissions} | {each.id for each in me.feedback}:
        raise BadInput(
            f"“{request.target_id}” is neither a submission nor feedback.", "`colearner history` shows their ids."
        )
    exercise = ws.find_exercise(request.exercise_id)
    ws.put_link(target, exercise.id)
    return Written(target, "link", ws.session_id, ws.student_id, exercise.id, delivery="local")


def set_sharing(ws: Workspace, request: SetSharing) -> Written:
    """Set the student's switch: kept in ``config.toml`` and told to the coach."""
    if request.mode not in SHARING_MODES:
        raise BadInput(f"“{request.mode}” is not a mode.", f"Accepted: {', '.join(SHARING_MODES)}.")
    written = ws.write(Outgoing("sharing_changed", {"mode": request.mode}))
    ws.keep_config({"share": {"mode": request.mode}})
    return written
