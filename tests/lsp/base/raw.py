"""A peer that speaks raw JSON-RPC objects with a server in this process, over memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from colearner_ls.lsp.base.server import BaseServer


class RawPeer:
    """Sends objects to the server's protocol and keeps what it answers. Works for stock pygls and for our base."""

    def __init__(self, server: LanguageServer) -> None:
        self.server = server
        self.received: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        server.protocol.set_writer(self, include_headers=False)

    def write(self, data: bytes) -> None:
        """Called by the server's protocol."""
        self.received.append(json.loads(data))
        self._news.set()

    def close(self) -> None:
        """Called by stock pygls on ``exit``."""

    def send_bytes(self, body: bytes) -> None:
        """Hand one body to the server as its read loop would."""
        if isinstance(self.server, BaseServer):
            self.server.protocol.handle_body(body)
            return
        protocol = self.server.protocol
        try:
            protocol.handle_message(json.loads(body, object_hook=protocol.structure_message))
        except Exception as problem:  # noqa: BLE001  # what pygls.io_.run_async does with it
            self.server._report_server_error(problem, type(problem))  # type: ignore[arg-type]  # as pygls does

    def send(self, message: dict[str, Any]) -> None:
        """Send one object, ``jsonrpc`` added."""
        self.send_bytes(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    async def request(
        self, method: str, params: Any = None, *, number: int | str = 1, timeout: float = 3
    ) -> dict[str, Any]:
        """Send a request; the whole reply. Raises ``TimeoutError`` where none comes."""
        self.send({"id": number, "method": method, "params": params})
        return await self.reply(number, timeout=timeout)

    async def reply(self, number: int | str | None, *, timeout: float = 3) -> dict[str, Any]:
        """The reply to a request that was sent before."""
        return await self.until(lambda m: "method" not in m and m.get("id") == number, timeout=timeout)

    async def until(self, matches: Callable[[dict[str, Any]], bool], *, timeout: float = 3) -> dict[str, Any]:
        """The first received message that matches, now or later; it is taken out of ``received``."""
        async with asyncio.timeout(timeout):
            while True:
                for message in self.received:
                    if matches(message):
                        self.received.remove(message)
                        return message
                self._news.clear()
                await self._news.wait()

    async def initialize(self, **params: Any) -> dict[str, Any]:
        """The opening; the result of ``initialize``."""
        reply = await self.request(
            types.INITIALIZE, {"processId": None, "rootUri": None, "capabilities": {}, **params}, number="init"
        )
        self.notify(types.INITIALIZED, {})
        return reply["result"]


async def settle(rounds: int = 20) -> None:
    """Let everything that is ready run; for asserting that something did *not* happen."""
    for _ in range(rounds):
        await asyncio.sleep(0)
