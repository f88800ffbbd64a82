"""The documents of ``--json``, as plain dicts in the shapes of :mod:`colearner_ls.contracts.views` (a test compares).

Plain dicts because building the models would cost ``status`` the import of pydantic. What the language server answers as
well is made in :mod:`colearner_ls.workspace.json_views`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from colearner_ls.domain.inbox import Waiting
from colearner_ls.workspace.json_views import (
    Entries,
    View,
    status_view,
    sync_view,
    waiting_view,
    without_none,
    written_view,
)

if TYPE_CHECKING:
    from colearner_ls.workspace.results import Diagnosis, SyncStatus, Written

__all__ = [
    "Entries",
    "View",
    "doctor_view",
    "inbox_view",
    "linked_view",
    "status_view",
    "sync_view",
    "synced_view",
    "without_none",
    "written_view",
]


def linked_view(written: Written) -> View:
    """``LinkedView``."""
    return {"target_id": written.event_id, "exercise_id": written.exercise_id, "session_id": written.session_id}


def inbox_view(session_id: str, items: Iterable[Waiting]) -> View:
    """``InboxView``."""
    return {"items": [waiting_view(session_id, item) for item in items]}


def doctor_view(diagnosis: Diagnosis) -> View:
    """``DoctorView``."""
    return {
        "settings": [{"name": each.name, "value": each.value, "source": each.source} for each in diagnosis.settings],
        "findings": [
            {"level": each.level, "topic": each.topic, "text": each.text, "hint": each.hint}
            for each in diagnosis.findings
        ],
        "facts": dict(diagnosis.facts),
    }


def synced_view(sent: int, received: int, sync: SyncStatus) -> View:
    """``SyncedView``."""
    return {"sent": sent, "received": received, "sync": sync_view(sync)}
