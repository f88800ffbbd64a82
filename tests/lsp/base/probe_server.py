"""A small server for the tests of a process's life; ``stock`` serves it with pygls' own ``start_io``.

Beside the connection it runs a client in the manner of aiokafka: helper tasks of its own, and a ``stop`` that waits
for a helper to finish. If somebody cancels the helpers first, ``stop`` waits for ever.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from colearner_ls.lsp.base import serving
from colearner_ls.lsp.base.server import BaseServer
from colearner_ls.lsp.main import configure_logging, leave


class Consumer:
    """The shape of aiokafka's consumer: a helper task that says when it has ended in good order."""

    def __init__(self) -> None:
        self._closing = asyncio.Event()
        self._closed = asyncio.Event()
        self._helper = asyncio.ensure_future(self._help())

    async def _help(self) -> None:
        await self._closing.wait()
        self._closed.set()

    async def stop(self) -> None:
        self._closing.set()
        await self._closed.wait()


def register(server: LanguageServer) -> None:
    @server.feature("x/print")
    async def stray(params: Any) -> str:
        print("a stray print")
        subprocess.run(["cat"], check=True, timeout=5)  # a child that would eat the editor's messages
        return "printed"

    @server.feature("x/slow")
    @server.thread()
    def slow(params: Any) -> str:
        time.sleep(1)
        return "slept"

    @server.feature("x/stuck")
    async def stuck(params: Any) -> None:
        threading.Thread(target=time.sleep, args=(60,)).start()

    @server.feature("x/deaf")
    async def deaf(params: Any) -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    @server.feature("x/big")
    async def big(params: Any) -> str:
        return "x" * 5_000_000


@asynccontextmanager
async def lifespan(server: BaseServer) -> AsyncIterator[None]:
    consumer = Consumer()
    yield
    await consumer.stop()
    sys.stderr.write("stopped in good order\n")
    if "blocks-the-loop" in sys.argv:
        time.sleep(60)
    if "never-stops" in sys.argv:
        await asyncio.Event().wait()


def main() -> None:
    configure_logging(None, None)
    if "stock" in sys.argv:
        stock = LanguageServer("probe", "0")
        register(stock)

        async def background() -> None:
            consumer = Consumer()
            try:
                await asyncio.Event().wait()
            finally:
                await consumer.stop()
                sys.stderr.write("stopped in good order\n")

        tasks = []

        @stock.feature(types.INITIALIZED)
        async def initialized(params: Any) -> None:
            tasks.append(asyncio.ensure_future(background()))

        stock.start_io()
        return
    server = BaseServer("probe", "0")
    register(server)
    leave(serving.run(serving.serve_stdio(server, lifespan)))


if __name__ == "__main__":
    main()
