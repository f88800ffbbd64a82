"""The server object: what handlers are registered on and talk to the client through."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import FeatureRequestError
from pygls.lsp.server import LanguageServer

from colearner_ls.lsp.base.converter import make_converter
from colearner_ls.lsp.base.documents import DocumentStore
from colearner_ls.lsp.base.errors import invalid_params
from colearner_ls.lsp.base.protocol import Protocol

logger = logging.getLogger(__name__)

ERROR_MESSAGE_INTERVAL_S: Final = 60.0
"""At most one message about faults of ours in this many seconds: a fault in ``didChange`` comes with every key."""


class BaseServer(LanguageServer):
    """A language server whose life is run by :mod:`colearner_ls.lsp.base.serving`."""

    protocol: Protocol

    def __init__(self, name: str, version: str) -> None:
        super().__init__(name, version, protocol_cls=Protocol, converter_factory=make_converter)
        self.exit_code: int | None = None
        self._stopping: asyncio.Event | None = None
        self._last_error_shown = float("-inf")

    # --- life

    def request_stop(self, code: int) -> None:
        """End the serving loop with this exit code; the first call decides."""
        if self.exit_code is None:
            self.exit_code = code
        if self._stopping is not None:
            self._stopping.set()

    async def wait_stopped(self) -> int:
        """Wait until somebody asked for the end; the exit code."""
        if self._stopping is None:
            self._stopping = asyncio.Event()
        if self.exit_code is None:
            await self._stopping.wait()
        return self.exit_code if self.exit_code is not None else 1

    # --- to be extended

    def before_initialize(self, params: types.InitializeParams) -> None:
        """Called with the params of ``initialize`` before the capabilities are computed."""

    def extend_capabilities(self, capabilities: types.ServerCapabilities) -> None:
        """Called with the computed capabilities before they are sent; may change them."""

    # --- documents, commands

    @property
    def documents(self) -> DocumentStore:
        """The open documents. Raises ``RuntimeError`` before ``initialize``."""
        store = self.protocol.workspace
        if not isinstance(store, DocumentStore):
            raise RuntimeError("the documents are not available before initialize is answered")
        return store

    def add_command(
        self,
        name: str,
        handler: Callable[[Any], Awaitable[Any]],
        parse: Callable[[dict[str, Any]], Any] = lambda argument: argument,
    ) -> None:
        """Offer a command. ``parse`` makes the handler's one parameter from the object the client sent (``{}`` where
        it sent none); what it raises is answered with -32602."""

        async def run(argument: dict[str, Any]) -> Any:
            try:
                params = parse(argument)
            except Exception as problem:
                raise invalid_params(problem) from problem
            return await handler(params)

        self.protocol.fm.command(name)(run)

    # --- errors

    def report_server_error(self, error: Exception, source: Any) -> None:
        """Log a fault; show it to the person at most once a minute, and never for a request (it gets its answer)."""
        logger.error("%s: %s", getattr(source, "__name__", source), error)
        now = time.monotonic()
        if source is FeatureRequestError or now - self._last_error_shown < ERROR_MESSAGE_INTERVAL_S:
            return
        self._last_error_shown = now
        self.window_show_message(types.ShowMessageParams(type=types.MessageType.Error, message=f"colearner: {error}"))
