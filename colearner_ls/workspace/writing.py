"""From a use case's words to drafts for the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from colearner_ls.contracts.frozen import frozen


@frozen
class Outgoing:
    """One event a use case wants to say; role, session, author and student are the workspace's to add.

    ``event_id`` is made beforehand where another event of the same transaction refers to it.
    """

    event_type: str
    payload: Mapping[str, Any]
    event_id: str | None = None
    causation_id: str | None = None
    correlation_id: str | None = None


def without_nothing(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The payload without fields that say nothing: ``None`` and empty lists. Readers treat absence the same."""
    return {name: value for name, value in payload.items() if value is not None and value != []}
