"""The answer to ``colearner/state``, in the shape of :class:`colearner_ls.contracts.views.StateView`."""

from __future__ import annotations

from typing import Any

from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.domain.inbox import waiting_for_coach, waiting_for_student
from colearner_ls.workspace.json_views import status_view, waiting_view
from colearner_ls.workspace.results import Snapshot

_RENAMED = {"session_id": "session", "student_id": "student"}
_LEFT_OUT = ("author", "irregular", "learner", "students")


def state_view(snapshot: Snapshot, revision: int) -> dict[str, Any]:
    """All a sidebar shows; the queue holds what waits for the one who sits here."""
    status = status_view(snapshot)
    shown = {_RENAMED.get(name, name): value for name, value in status.items() if name not in _LEFT_OUT}
    is_coach = snapshot.role == "coach"
    waiting = waiting_for_coach(snapshot.session) if is_coach else waiting_for_student(snapshot.me)
    return {
        "revision": revision,
        **without_nulls(shown),
        "queue": [waiting_view(snapshot.session_id, item) for item in waiting],
    }


def empty_state(revision: int, why_not: ColearnerError) -> dict[str, Any]:
    """The answer where no workspace is open: ``null`` for session, role and stage, and the reason as a notice."""
    notice = f"{why_not.message} {why_not.hint}".strip()
    return {"revision": revision, "role": None, "session": None, "stage": None, "sync": {}, "notices": [notice]}


def without_nulls(value: Any) -> Any:
    """The document without fields that are null: absent and null mean the same, and one of them is enough."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value
