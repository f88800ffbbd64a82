"""Read receipts: feedback counts as read once it was hovered, opened, or shown as a diagnostic in an open file."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


class Receipts:
    """Sends each receipt at most once: a done key of the workspace keeps other processes from sending it again."""

    def __init__(self, server: ColearnerServer) -> None:
        self._server = server
        self._told: set[str] = set()

    def shown(self, feedback_ids: Iterable[str]) -> None:
        """The person sees these."""
        snapshot = self._server.session.snapshot
        if snapshot is None or snapshot.role != "student" or snapshot.sharing == "off":
            return
        unread = {feedback.id for feedback in snapshot.me.feedback if not feedback.read}
        for feedback_id in set(feedback_ids) & unread - self._told:
            self._told.add(feedback_id)
            self._server.spawn(self._send(feedback_id), "read receipt")

    async def _send(self, feedback_id: str) -> None:
        from colearner_ls.workspace.requests import Acknowledge

        await self._server.session.do(Acknowledge(feedback_id, status="read", automatic=True))
