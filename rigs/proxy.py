"""A TCP proxy on 127.0.0.1 that breaks connections in the ways networks do, for tests.

``with Proxy("127.0.0.1", broker.port) as proxy:`` listens on ``proxy.port``. Faults hold for connections that are open and for
those to come, until :meth:`Proxy.heal`. All calls are made from ordinary code: the proxy has a thread of its own, and may be
used from several. With Kafka the broker must advertise the proxy, or clients go past it (``KafkaBroker.start(advertised=…)``).
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final, Literal, Self

Way = Literal["up", "down"]
"""``up``: from the client to the target; ``down``: back."""

PORTS: Final = range(12000, 20000)
"""Below Linux's range for outgoing connections: while :meth:`Proxy.refuse` is in force nobody gets the port by chance."""

CHUNK: Final = 65536
RST: Final = struct.pack("ii", 1, 0)
"""``SO_LINGER`` with no time: closing sends a reset instead of what is left."""


@dataclass
class Faults:
    """What is wrong now; one object, read by every connection for each piece of data."""

    delay_s: float = 0.0
    jitter_s: float = 0.0
    slice_bytes: int = 0
    bytes_per_s: float = 0.0
    flip_every: int = 0
    cut_after: int | None = None
    dark: frozenset[Way] = frozenset()


@dataclass(eq=False)
class Connection:
    """One client and the target behind it."""

    client: asyncio.StreamWriter
    target: asyncio.StreamWriter | None = None
    forgotten: bool = False
    """The other side is gone and nobody told: nothing comes through any more, in neither direction."""
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def reset(self) -> None:
        """End both ends with RST."""
        for writer in (self.client, self.target):
            if writer is not None:
                with suppress(OSError):
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
                writer.transport.abort()
        for task in self.tasks:
            if task is not asyncio.current_task():
                task.cancel()


class Proxy:
    """Forwards connections to ``target_host:target_port``. Raises :class:`OSError` where no port is free."""

    def __init__(self, target_host: str, target_port: int, *, seed: int = 0) -> None:
        self._target = (target_host, target_port)
        self._random = random.Random(seed)
        self._faults = Faults()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self.accepted = 0
        """Connections taken so far."""
        self.carried: dict[Way, int] = {"up": 0, "down": 0}
        """Bytes forwarded so far."""
        self.flips = 0
        """Bits flipped so far."""
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        try:
            self.port = self._call(self._listen_somewhere())
        except BaseException:
            self.close()
            raise

    @property
    def address(self) -> str:
        """``host:port`` for clients."""
        return f"127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """Connections open now."""
        return len(self._connections)

    def retarget(self, host: str, port: int) -> None:
        """New connections go there; open ones stay where they are."""
        self._target = (host, port)

    # -- faults

    def cut(self) -> None:
        """Reset (RST) every open connection; new ones are taken."""
        self._do(self._cut)

    def cut_after(self, count: int) -> None:
        """Reset every connection once ``count`` more bytes (0 or more) went through, in the middle of whatever it is."""
        self._do(lambda: self._set(cut_after=count))

    def refuse(self) -> None:
        """Take no new connections (the port is closed); open ones go on."""
        self._call(self._stop_listening())

    def accept(self) -> None:
        """Take new connections again."""
        self._call(self._listen(self.port))

    def blackhole(self, *ways: Way) -> None:
        """Let nothing through in these directions (both unless named): no FIN, no RST, nobody answers.

        What is on its way arrives after :meth:`heal`, as with TCP behind a cable that was pulled.
        """
        self._do(lambda: self._set(dark=frozenset(ways or ("up", "down"))))

    def forget(self) -> None:
        """Leave the open connections half-open for ever: the client's side stays up, its target is gone. New ones work."""
        self._do(self._forget)

    def delay(self, seconds: float, jitter: float = 0.0) -> None:
        """Hold each piece back by ``seconds`` plus up to ``jitter`` s."""
        self._do(lambda: self._set(delay_s=seconds, jitter_s=jitter))

    def slice(self, count: int) -> None:
        """Forward in pieces of ``count`` bytes, each its own segment."""
        self._do(lambda: self._set(slice_bytes=count))

    def limit(self, bytes_per_s: float) -> None:
        """Forward at most so many bytes per second, in each direction of each connection."""
        self._do(lambda: self._set(bytes_per_s=bytes_per_s))

    def flip(self, every: int) -> None:
        """Flip a random bit about once in ``every`` bytes."""
        self._do(lambda: self._set(flip_every=every))

    def heal(self) -> None:
        """End all faults, and take new connections again."""
        self._do(lambda: self._set(**vars(Faults())))
        self.accept()

    def close(self) -> None:
        """End everything; may be called twice."""
        if self._loop.is_closed():
            return
        self._call(self._stop_listening())
        self._do(self._cut)
        self._call(self._drain())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- on the thread of the proxy

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def _do(self, work: Callable[[], None]) -> None:
        async def run() -> None:
            work()

        self._call(run())

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self._faults, name, value)
        self._changed.set()
        self._changed = asyncio.Event()

    def _cut(self) -> None:
        for connection in list(self._connections):
            connection.reset()
        self._connections.clear()

    def _forget(self) -> None:
        for connection in self._connections:
            connection.forgotten = True

    async def _drain(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen_somewhere(self) -> int:
        for port in self._random_ports():
            with suppress(OSError):
                await self._listen(port)
                return port
        raise OSError("there is no free port")

    @staticmethod
    def _random_ports() -> list[int]:
        # Not the seeded one: two tests at once with the same seed would try the same ports in the same order.
        return random.sample(PORTS, 200)

    async def _listen(self, port: int) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=CHUNK)

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            # Not wait_closed: from Python 3.12 on it waits for the connections too.
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = Connection(writer)
        self._connections.add(connection)
        task = asyncio.current_task()
        assert task is not None
        connection.tasks.append(task)
        try:
            # Where nothing comes through, the way to the target is open no more than the rest.
            await self._lit("up", connection)
            back, connection.target = await asyncio.open_connection(*self._target, limit=CHUNK)
            pumps = [
                asyncio.create_task(self._pump("up", reader, connection.target, connection)),
                asyncio.create_task(self._pump("down", back, writer, connection)),
            ]
            connection.tasks += pumps
            await asyncio.wait(pumps)
        except OSError:
            connection.reset()
        except asyncio.CancelledError:
            pass  # only we cancel it, and nobody waits for it: before Python 3.12 asyncio would complain about each
        finally:
            if not connection.forgotten:
                self._hang_up(connection)

    def _hang_up(self, connection: Connection) -> None:
        self._connections.discard(connection)
        for writer in (connection.client, connection.target):
            if writer is not None:
                writer.close()

    async def _pump(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: Connection
    ) -> None:
        try:
            while data := await reader.read(CHUNK):
                await self._late()
                for piece in self._pieces(data):
                    await self._hold_back(way, len(piece), connection)
                    writer.write(self._flipped(piece))
                    await writer.drain()
                    self.carried[way] += len(piece)
                    self._count_down(len(piece))
            await self._lit(way, connection)
            writer.write_eof()
        except OSError:
            if not connection.forgotten:
                connection.reset()

    def _pieces(self, data: bytes) -> list[bytes]:
        faults = self._faults
        size = faults.slice_bytes or CHUNK
        if faults.bytes_per_s:
            size = max(1, min(size, int(faults.bytes_per_s / 10)))
        if faults.cut_after is not None:
            size = max(1, min(size, faults.cut_after))
        return [data[start : start + size] for start in range(0, len(data), size)]

    async def _late(self) -> None:
        faults = self._faults
        if faults.delay_s or faults.jitter_s:
            await asyncio.sleep(faults.delay_s + self._random.uniform(0, faults.jitter_s))

    async def _hold_back(self, way: Way, size: int, connection: Connection) -> None:
        faults = self._faults
        if faults.bytes_per_s:
            await asyncio.sleep(size / faults.bytes_per_s)
        elif faults.slice_bytes:
            await asyncio.sleep(0)  # lets what was written go out as a segment of its own
        await self._lit(way, connection)

    async def _lit(self, way: Way, connection: Connection) -> None:
        while connection.forgotten or way in self._faults.dark:
            await self._changed.wait()

    def _flipped(self, data: bytes) -> bytes:
        every = self._faults.flip_every
        if not every or self._random.random() >= len(data) / every:
            return data
        self.flips += 1
        changed = bytearray(data)
        changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _count_down(self, size: int) -> None:
        left = self._faults.cut_after
        if left is not None:
            self._faults.cut_after = max(0, left - size)
            if not self._faults.cut_after:
                self._faults.cut_after = None
                self._cut()
