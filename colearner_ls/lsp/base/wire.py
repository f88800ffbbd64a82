"""The two ends of standard input and output, each on a daemon thread of its own.

Reading on a thread pool (pygls) means that twelve slow handlers keep a cancel or ``shutdown`` from being read;
writing on the loop means that an editor which stopped reading stops everything, signals included. Daemon threads,
and not a pool's, because the interpreter joins pool threads at exit and one may sit in ``read`` for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Final

from colearner_ls.lsp.base.frames import BrokenFrame, FrameDecoder

logger = logging.getLogger(__name__)

CHUNK_BYTES: Final = 256 * 1024
MAX_QUEUED: Final = 1024
"""Messages read ahead of the loop; then the reader waits, and the pipe tells the client to wait as well."""

FLUSH_S: Final = 1.0
"""How long the end of the process waits for the client to take the last bytes, in seconds."""


def take_over_stdio() -> tuple[int, int]:
    """Private copies of standard input and output; the public ones become harmless.

    After this a stray ``print`` goes to standard error and a child process cannot eat the editor's messages.
    Returns (input, output) file descriptors.
    """
    sys.stdout.flush()
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return wire_in, wire_out


class BodyReader:
    """Bodies of the frames read from a file descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._bodies: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(MAX_QUEUED)
        self._thread = threading.Thread(target=self._run, name="lsp-reader", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    async def bodies(self) -> AsyncIterator[bytes]:
        """The bodies in order, until the other side closes or talks nonsense."""
        while (body := await self._bodies.get()) is not None:
            self._room.release()
            yield body

    def _run(self) -> None:
        decoder = FrameDecoder()
        try:
            while chunk := os.read(self._fd, CHUNK_BYTES):
                for body in decoder.feed(chunk):
                    self._room.acquire()
                    self._post(body)
        except BrokenFrame as problem:
            logger.error("standard input does not speak LSP: %s", problem)
        except OSError as problem:
            logger.warning("standard input failed: %s", problem.strerror)
        self._post(None)

    def _post(self, body: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the process is ending
            self._loop.call_soon_threadsafe(self._bodies.put_nowait, body)


class BodyWriter:
    """pygls' writer: takes frames on any thread, writes them in order on one."""

    def __init__(self, fd: int, on_broken: Callable[[], None]) -> None:
        self._fd = fd
        self._on_broken = on_broken
        self._frames: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="lsp-writer", daemon=True)
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Queue one frame; it is dropped when the client has gone."""
        if not self._broken:
            self._frames.put(data)

    def close(self) -> None:
        """Write what is queued, waiting at most :data:`FLUSH_S` seconds. May be called twice."""
        self._frames.put(None)
        self._thread.join(FLUSH_S)

    def _run(self) -> None:
        while (frame := self._frames.get()) is not None:
            try:
                _write_all(self._fd, frame)
            except OSError as problem:
                logger.info("the client takes no more output: %s", problem.strerror)
                self._broken = True
                self._on_broken()
                return


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
