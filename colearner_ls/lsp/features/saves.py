"""One debounced progress event for a batch of saves; what it says is the workspace's to decide."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.workspace.door import Workspace

SAVES_S: Final = 2.0
"""Saves that follow one another within this many seconds are told together."""


class Saves:
    """Collects saves."""

    def __init__(self, server: ColearnerServer, wait_s: float = SAVES_S) -> None:
        self._server = server
        self._wait_s = wait_s
        self._uris: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def saved(self, uri: str) -> None:
        """A document was saved."""
        self._uris.add(uri)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._begin)

    def _begin(self) -> None:
        self._timer = None
        uris, self._uris = sorted(self._uris), set()
        self._server.spawn(self._tell(uris), "progress after a save")

    async def _tell(self, uris: list[str]) -> None:
        if self._server.session.snapshot is None:
            return
        paths = [path for uri in uris if (path := await self._server.tracker.path_of(uri)) is not None]
        if paths:
            await self._server.session.call(_saved, paths)

    def close(self) -> None:
        """Forget what was not told yet: a save just before the end is told by the next one."""
        if self._timer is not None:
            self._timer.cancel()


def _saved(workspace: Workspace, paths: list[str]) -> None:
    workspace.saved(paths)
