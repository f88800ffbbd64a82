"""The life of the process: an event loop of our own around one connection.

pygls' ``start_io`` leaves the end to ``asyncio.run``, which cancels every task at once; a Kafka client then waits for
its own cancelled tasks for ever. Here a *lifespan* is entered before the first message and left, within a bound,
before anything else is torn down; SIGTERM and SIGINT end things the same way as ``exit``.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from colearner_ls.lsp.base.frames import BrokenFrame, FrameDecoder
from colearner_ls.lsp.base.server import BaseServer
from colearner_ls.lsp.base.wire import CHUNK_BYTES, BodyReader, BodyWriter, take_over_stdio

logger = logging.getLogger(__name__)

Lifespan = Callable[[BaseServer], AbstractAsyncContextManager[Any]]

LIFESPAN_EXIT_S: Final = 1.5
"""Bound on leaving the lifespan, in seconds: VS Code kills a server 2 s after ``shutdown``
(vscode-languageclient 11.0.0, ``stop(timeout = 2000)``)."""

LAST_RESORT_S: Final = 2.5
"""After so many seconds of ending, in seconds, the process goes whatever its loop is stuck in: somebody joins a thread
there, or a disk does not answer. Nothing that was acknowledged is lost by it."""

TASKS_EXIT_S: Final = 0.2
"""Bound on waiting for handlers that were cancelled at the end, in seconds."""


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run ``main`` on a new loop and give up on what it left behind, where ``asyncio.run`` would wait for it."""
    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    finally:
        leftover = asyncio.all_tasks(loop)
        for task in leftover:
            task.cancel()
        if leftover:
            loop.run_until_complete(asyncio.wait(leftover, timeout=TASKS_EXIT_S))
        asyncio.set_event_loop(None)
        loop.close()


async def serve_stdio(server: BaseServer, lifespan: Lifespan) -> int:
    """Serve the client on standard input and output; the process's exit code."""
    wire_in, wire_out = take_over_stdio()
    loop = asyncio.get_running_loop()

    def client_gone() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed already
            loop.call_soon_threadsafe(server.request_stop, 1)

    reader = BodyReader(wire_in)
    writer = BodyWriter(wire_out, client_gone)
    reader.start()
    try:
        return await serve(server, reader.bodies(), writer, lifespan)
    finally:
        reader.close()
        writer.close()


async def serve(server: BaseServer, bodies: AsyncIterator[bytes], writer: Any, lifespan: Lifespan) -> int:
    """Serve one connection until ``exit``, its end, or a signal. Returns the exit code.

    0 after ``shutdown`` and ``exit`` (or the connection's end after ``shutdown``); 1 without ``shutdown``;
    128 + n after signal n. The process is expected to end soon after: if it cannot, it is ended.
    """
    server.protocol.set_writer(writer)
    with _signals(server):
        stopped = asyncio.ensure_future(server.wait_stopped())
        pump = asyncio.ensure_future(_pump(server, bodies))
        life = lifespan(server)
        await life.__aenter__()
        try:
            await asyncio.wait({stopped, pump}, return_when=asyncio.FIRST_COMPLETED)
            server.request_stop(0 if server.protocol.is_shutting_down else 1)
        finally:
            _end_anyway(server.exit_code if server.exit_code is not None else 1)
            await _leave(life)
            await _cancelled(pump, stopped)
    return await server.wait_stopped()


async def _pump(server: BaseServer, bodies: AsyncIterator[bytes]) -> None:
    async for body in bodies:
        try:
            server.protocol.handle_body(body)
        except Exception:
            # A fault of ours in one message must not end the session, and did so without a word before.
            logger.exception("a message of %d bytes could not be handled", len(body))
        # One step for everybody else: a handler takes its snapshot before the next change of the text is read.
        await asyncio.sleep(0)
        if server.exit_code is not None:
            return


def _end_anyway(code: int) -> None:
    """End the process with ``code`` after :data:`LAST_RESORT_S`, unless it has ended by then."""
    timer = threading.Timer(LAST_RESORT_S, os._exit, (code,))
    timer.daemon = True
    timer.start()


async def _leave(life: AbstractAsyncContextManager[Any]) -> None:
    leaving = asyncio.ensure_future(life.__aexit__(None, None, None))
    done, _ = await asyncio.wait({leaving}, timeout=LIFESPAN_EXIT_S)
    if not done:
        logger.warning("what runs in the background did not stop within %.1f s; leaving it", LIFESPAN_EXIT_S)
        leaving.cancel()
    elif (problem := leaving.exception()) is not None:
        logger.error("the background did not stop cleanly", exc_info=problem)


async def _cancelled(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=TASKS_EXIT_S)


@contextlib.contextmanager
def _signals(server: BaseServer) -> Any:
    loop = asyncio.get_running_loop()
    caught = []
    for number in (signal.SIGTERM, signal.SIGINT):
        # Windows' loops have no signal handlers, and only the main thread may set them.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            loop.add_signal_handler(number, server.request_stop, 128 + number)
            caught.append(number)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)


async def serve_tcp(
    server: BaseServer, host: str, port: int, lifespan: Lifespan, announce: Callable[[int], None]
) -> int:
    """Serve the first client that connects, for debugging; others are turned away. The exit code.

    ``announce`` is told the port that is listened on (``port`` 0 lets the system choose).
    """
    first: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if first.done():
            logger.warning("a second client was turned away: --tcp serves one")
            writer.close()
            return
        first.set_result((reader, writer))

    listener = await asyncio.start_server(connected, host, port)
    async with listener:
        announce(listener.sockets[0].getsockname()[1])
        with _signals(server):
            stopped = asyncio.ensure_future(server.wait_stopped())
            waiting: set[asyncio.Future[Any]] = {stopped, first}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            stopped.cancel()
        if not first.done():
            return await server.wait_stopped()
        reader, writer = first.result()
        try:
            return await serve(server, _stream_bodies(reader), writer, lifespan)
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.drain(), TASKS_EXIT_S)
            writer.close()


async def _stream_bodies(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    decoder = FrameDecoder()
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(CHUNK_BYTES):
            try:
                bodies = decoder.feed(chunk)
            except BrokenFrame as problem:
                logger.error("the client does not speak LSP: %s", problem)
                return
            for body in bodies:
                yield body
