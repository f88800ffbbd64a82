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
        self._paths: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None

    def saved(self, uri: str) -> None:
        """A document was saved."""
        path = self._server.tracker.path_of(uri)
        if path is None:
            return
        self._paths.add(path)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._tell)

    def _tell(self) -> None:
        self._timer = None
        paths, self._paths = sorted(self._paths), set()
        if self._server.session.snapshot is not None:
            self._server.spawn(self._server.session.call(_saved, paths), "progress after a save")

    def close(self) -> None:
        """Forget what was not told yet: a save just before the end is told by the next one."""
        if self._timer is not None:
            self._timer.cancel()


def _saved(workspace: Workspace, paths: list[str]) -> None:
    workspace.saved(paths)
