"""Standard input and output as frames, taken away from everybody else.

Both ends are read and written on the event loop itself where the system can say that this will not block: a reply then
waits for no other thread to be given the processor and the interpreter's lock. For everything else there is one thread
each, so that neither a client that does not read nor a slow handler stops everything, signals included. Daemon threads,
and not a pool's, because the interpreter joins pool threads at exit and one may sit in ``read`` for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import queue
import socket
import stat
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
    """Bodies of the frames read from a file descriptor. Lives on the running event loop."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._decoder = FrameDecoder()
        self._bodies: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._on_loop = False
        self._ended = False
        self._room = threading.Semaphore(MAX_QUEUED)

    def start(self) -> None:
        """Begin to read."""
        try:
            self._loop.add_reader(self._fd, self._readable)
        except (NotImplementedError, OSError):  # Windows' loops; a file, of which no system says when it is readable
            threading.Thread(target=self._run, name="lsp-reader", daemon=True).start()
        else:
            self._on_loop = True

    async def bodies(self) -> AsyncIterator[bytes]:
        """The bodies in order, until the other side closes or talks nonsense."""
        while (body := await self._bodies.get()) is not None:
            if not self._on_loop:
                self._room.release()
            elif not self._ended and self._bodies.qsize() < MAX_QUEUED:
                self._loop.add_reader(self._fd, self._readable)
            yield body

    def close(self) -> None:
        """Read no more."""
        if self._on_loop:
            self._loop.remove_reader(self._fd)

    # --- on the loop

    def _readable(self) -> None:
        bodies, more = self._read()
        for body in bodies:
            self._bodies.put_nowait(body)
        self._ended = not more
        if self._ended:
            self._bodies.put_nowait(None)
        if self._ended or self._bodies.qsize() >= MAX_QUEUED:
            self._loop.remove_reader(self._fd)

    # --- on a thread

    def _run(self) -> None:
        more = True
        while more:
            bodies, more = self._read()
            for body in bodies:
                self._room.acquire()
                self._post(body)
        self._post(None)

    def _post(self, body: bytes | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: the process is ending
            self._loop.call_soon_threadsafe(self._bodies.put_nowait, body)

    def _read(self) -> tuple[list[bytes], bool]:
        """The bodies that the next bytes complete, and whether more may come."""
        try:
            chunk = os.read(self._fd, CHUNK_BYTES)
            return self._decoder.feed(chunk), bool(chunk)
        except BrokenFrame as problem:
            logger.error("standard input does not speak LSP: %s", problem)
        except OSError as problem:
            logger.warning("standard input failed: %s", problem.strerror)
        return [], False


class BodyWriter:
    """pygls' writer: takes frames on any thread and writes them in order."""

    def __init__(self, fd: int, on_broken: Callable[[], None]) -> None:
        self._fd = fd
        self._on_broken = on_broken
        self._write_now = immediate_writer(fd)
        self._turn = threading.Lock()
        self._waiting = 0
        """Frames that the thread has not written yet; later ones must not overtake them."""
        self._frames: queue.SimpleQueue[memoryview | None] = queue.SimpleQueue()
        self._broken = False
        self._thread: threading.Thread | None = None

    def write(self, data: bytes) -> None:
        """Write one frame, or queue it where that would block; it is dropped when the client has gone."""
        with self._turn:
            if self._broken:
                return
            left = memoryview(data)
            if not self._waiting:
                try:
                    left = left[self._write_now(left) :]
                except OSError as problem:
                    self._break(problem)
                    return
            if left:
                self._waiting += 1
                self._frames.put(left)
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="lsp-writer", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """Write what is queued, waiting at most :data:`FLUSH_S` seconds. May be called twice."""
        if self._thread is not None:
            self._frames.put(None)
            self._thread.join(FLUSH_S)

    def _run(self) -> None:
        while (frame := self._frames.get()) is not None:
            try:
                _write_all(self._fd, frame)
            except OSError as problem:
                self._break(problem)
                return
            with self._turn:
                self._waiting -= 1

    def _break(self, problem: OSError) -> None:
        logger.info("the client takes no more output: %s", problem.strerror)
        self._broken = True
        self._on_broken()


def _write_all(fd: int, view: memoryview) -> None:
    while view:
        view = view[os.write(fd, view) :]


def immediate_writer(fd: int) -> Callable[[memoryview], int]:
    """What writes as much of some bytes to ``fd`` as can be written without blocking, and returns how much that was.

    The flag ``O_NONBLOCK`` would do, but it belongs to the open file, which other processes may share (a terminal, a
    pipe of the shell's). A socket has a flag for one call; an empty pipe takes what its capacity is (pipe(7)). Elsewhere
    (other systems' pipes, files) nothing is written. The function raises ``OSError`` where the other side has gone.
    """
    kind = os.fstat(fd).st_mode
    if stat.S_ISSOCK(kind) and hasattr(socket, "MSG_DONTWAIT"):
        return _to_socket(socket.socket(fileno=os.dup(fd)))
    if stat.S_ISFIFO(kind) and sys.platform == "linux":
        return _to_pipe(fd)
    return lambda _: 0


def _to_socket(connection: socket.socket) -> Callable[[memoryview], int]:
    def write(data: memoryview) -> int:
        try:
            return connection.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return 0

    return write


def _to_pipe(fd: int) -> Callable[[memoryview], int]:
    import fcntl
    import termios

    capacity = fcntl.fcntl(fd, fcntl.F_GETPIPE_SZ)

    def write(data: memoryview) -> int:
        unread = int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)
        return os.write(fd, data[:capacity]) if unread == 0 else 0

    return write
