"""Telling the client that something else is to be seen: pushed diagnostics, refreshes, ``colearner/stateChanged``."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from colearner_ls.lsp.views.diagnostics import Able, diagnostics, feedback_ids

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer

logger = logging.getLogger(__name__)

TYPING_S: Final = 0.3
"""While keys follow each other, pushed diagnostics come this many seconds after the last one; editors move the shown ones
along meanwhile. The first key after as long a pause is followed by them at once."""

REFRESH_S: Final = 0.05
"""Refreshes within this many seconds become one."""

ANSWER_S: Final = 10.0
"""A refresh that is not answered within this many seconds is given up."""


class Refresher:
    """Decides what the client has to be told, and when."""

    def __init__(self, server: ColearnerServer) -> None:
        self._server = server
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._shown: dict[str, list[types.Diagnostic]] = {}
        self._edited: dict[str, float] = {}
        """When each document was last edited, on the loop's clock."""

    # --- what happened

    def looked(self, uri: str, stale: bool) -> None:
        """The places in a document were looked for; ``stale``: something else was shown before."""
        self._push_soon(uri, 0.0)
        if stale:
            self._refresh_soon()

    def edited(self, uri: str, *, certain: bool = True) -> None:
        """A document was edited. Clients ask for hints and lenses anew by themselves. Not ``certain``: a place was taken
        away, which may come back with the next edit; nobody is told that it is lost before it was looked for."""
        now = asyncio.get_running_loop().time()
        pause = now - self._edited.get(uri, float("-inf"))
        self._edited[uri] = now
        self._push_soon(uri, 0.0 if certain and pause >= TYPING_S else TYPING_S)

    def closed(self, uri: str) -> None:
        """A document was closed: what was pushed for it goes."""
        self._cancel(uri)
        self._edited.pop(uri, None)
        if self._shown.pop(uri, None):
            self._publish(uri, None, [])

    def session_changed(self, *, everything: bool) -> None:
        """Another state of the session; ``everything``: documents may show something else."""
        # contracts.views.StateChangedView, whose import (pydantic, 100 ms) would come before the first hints.
        self._server.protocol.notify("colearner/stateChanged", {"revision": self._server.revision})
        if everything:
            for uri in self._server.tracker.all_uris():
                self._push_soon(uri, 0.0)
            self._refresh_soon()

    # --- diagnostics

    def able(self) -> Able:
        """What the client takes in a diagnostic."""
        client = self._server.client
        docs = self._server.docs if client.diagnostic_code_description else None
        return Able(related=client.diagnostic_related, data=client.diagnostic_data, docs=docs)

    def _push_soon(self, uri: str, wait_s: float) -> None:
        if self._server.pulls:
            return
        self._cancel(uri)
        self._timers[uri] = asyncio.get_running_loop().call_later(wait_s, self._push, uri)

    def _push(self, uri: str) -> None:
        self._timers.pop(uri, None)
        view = self._server.tracker.view_now(uri)
        items = diagnostics(view, self.able()) if view is not None else []
        if items != self._shown.get(uri, []):
            self._publish(uri, view.version if view else None, items)
        if view is not None:
            self._server.receipts.shown(feedback_ids(view))

    def _publish(self, uri: str, version: int | None, items: list[types.Diagnostic]) -> None:
        self._shown[uri] = items
        params = types.PublishDiagnosticsParams(
            uri=uri, diagnostics=items, version=version if self._server.client.diagnostic_version else None
        )
        self._server.text_document_publish_diagnostics(params)

    def _cancel(self, key: str) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()

    # --- refreshes

    def _refresh_soon(self) -> None:
        if "" not in self._timers:
            self._timers[""] = asyncio.get_running_loop().call_later(REFRESH_S, self._refresh)

    def _refresh(self) -> None:
        self._timers.pop("", None)
        server = self._server
        if server.client.inlay_hint_refresh:
            self._ask(server.workspace_inlay_hint_refresh(None))
        if server.client.code_lens_refresh:
            self._ask(server.workspace_code_lens_refresh(None))
        if server.pulls:
            self._ask(server.workspace_diagnostic_refresh(None))

    def _ask(self, request: Future[Any]) -> None:
        self._server.spawn(_answered(request), "refresh")

    def close(self) -> None:
        """Forget what was going to be sent."""
        for key in list(self._timers):
            self._cancel(key)


async def _answered(request: Future[Any]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ANSWER_S):
            try:
                await asyncio.wrap_future(request)
            except JsonRpcException as refusal:
                logger.info("the client did not refresh: %s", refusal.message)
