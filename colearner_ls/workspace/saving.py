"""What a save says by itself: one debounced ``progress_update`` (issue 1, part 7; trust.md, *Sharing has a switch*)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.domain.paths import UnsafePath, safe_path
from colearner_ls.domain.state import STUDENTS_TURN, UNFINISHED, LearnerState
from colearner_ls.evidence.sharing import Shareable, shareable
from colearner_ls.workspace.results import Written
from colearner_ls.workspace.writing import Outgoing

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace

MAX_FILES = 200
"""Most entries of ``files_changed`` (contracts.md, *Catalogue*)."""


def saved(ws: Workspace, paths: Sequence[str]) -> Written | None:
    """Tell the coach that work goes on, once for these contents whichever process saw the save.

    ``paths`` are relative to the root. ``None`` where there is nothing to say: not a student, sharing is ``off``, no open
    exercise and no plan, or another process has said it.
    """
    snapshot = ws.snapshot()
    if ws.role != "student" or snapshot.sharing == "off" or snapshot.session.closed:
        return None
    known = [path for path in paths if _inside(path)]
    if not known or not (snapshot.me.exercises or snapshot.me.plan):
        return None
    payload: dict[str, Any] = {"completed": []}
    active = active_step(snapshot.me, known)
    if active:
        payload["active_step"] = active
    if snapshot.sharing == "auto":
        anchored = anchored_paths(snapshot.me)
        judged = [shareable(ws.root, path) for path in known if path in anchored]
        files = [each.to_payload() for each in judged if isinstance(each, Shareable)]
        if files:
            payload["files_changed"] = files[:MAX_FILES]
            payload["files_total"] = len(files)
    return ws.write_once(Outgoing("progress_update", payload), claim=_claim(ws, known))


def _inside(path: str) -> bool:
    try:
        safe_path(path)
    except (UnsafePath, ColearnerError):
        return False
    return not path.startswith(".colearner/")


def _claim(ws: Workspace, paths: Sequence[str]) -> str:
    """One key for what was saved: the same contents saved again, or seen by a second editor, say nothing new."""
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0")
        try:
            with (ws.root / path).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            digest.update(b"-")
    return f"progress:{ws.session_id}:{digest.hexdigest()}"


def anchored_paths(learner: LearnerState) -> set[str]:
    """Files that an unfinished exercise is anchored in."""
    return {
        str(anchor.get("path"))
        for exercise in learner.exercises
        if exercise.status in UNFINISHED
        for anchor in exercise.anchors
    }


def active_step(learner: LearnerState, paths: Sequence[str] = ()) -> str | None:
    """The step being worked on: that of an unfinished exercise in ``paths``, else the plan's active or next one."""
    for exercise in learner.exercises:
        anchored = {str(anchor.get("path")) for anchor in exercise.anchors}
        if exercise.status in STUDENTS_TURN and exercise.step_id and anchored & set(paths):
            return exercise.step_id
    if learner.active_step:
        return learner.active_step
    for status in ("active", "next"):
        for step in learner.plan:
            if step.status == status:
                return step.id
    return None
