"""``sqlite://``: the embedded bus, one file that all workspaces of this machine share. Same semantics as Kafka's.

One partition per topic, offsets without gaps. SQLite runs in a thread of its own: neither a slow disk nor another
process that holds the write lock ever stops the event loop. Headers are not stored: only readers of other makes want
them, and they read Kafka.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from colearner_ls.contracts.catalogue import TOPICS

from .doorbell import Doorbell, bell_folder, ring
from .errors import BusError, BusUnreachable
from .log_file import CommitUncertain, LogFile
from .records import BusIdentity, IncomingRecord, KeyedPage, Outcome, OutgoingRecord, PartitionKey, Unknown
from .url import BusUrl

T = TypeVar("T")

WAIT_S: Final = 10.0
"""Longest wait for one answer of the file: the write lock's queue, a slow disk."""
POLL_S: Final = 0.25
"""Readers look this often even when no bell rings."""
CLOSE_S: Final = 1.4

_log = logging.getLogger(__name__)


class SqliteBus:
    """See :class:`colearner_ls.bus.protocol.IndexedBus`. Belongs to the event loop that connected it."""

    def __init__(self, url: BusUrl, *, topics: Sequence[str] = TOPICS, wait_s: float = WAIT_S) -> None:
        assert url.path is not None
        self._path: Path = url.path
        self._log_file = LogFile(url.path, topics)
        self._wait_s = wait_s
        self._worker: _Worker | None = None
        self._bells: Path | None = None
        self._bell: Doorbell | None = None
        self._rung = asyncio.Event()
        self._positions: dict[PartitionKey, int] = {}
        self._read_lock = asyncio.Lock()
        self._asked: set[asyncio.Future[Any]] = set()
        self._last_cause: str | None = None
        self._closed = False

    @property
    def last_cause(self) -> str | None:
        """The last true cause of trouble in words, for ``doctor``."""
        return self._last_cause

    async def connect(self) -> BusIdentity:
        """Open the file, making it (not its folder) where it is missing."""
        if self._closed:
            raise BusUnreachable(str(self._path), "it was closed here")
        if self._worker is None:
            self._worker = _Worker(f"bus {self._path.name}")
        identity = await self._ask(self._log_file.open)
        self._hang_bell()
        self._last_cause = None
        return BusIdentity(identity)

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Store them in one transaction; on this machine's bus an ``Ack`` means the fsync is done."""
        if not records:
            return []
        try:
            outcomes = await self._ask(lambda: self._log_file.append(records))
        except CommitUncertain as error:
            self._last_cause = str(error)
            return [Unknown(str(error))] * len(records)
        except _NoAnswer as error:
            return [Unknown(error.cause)] * len(records)
        if self._bells is not None:
            ring(self._bells)
        return outcomes

    async def read(self, cursors: Mapping[PartitionKey, int], *, max_wait: float) -> list[IncomingRecord]:
        """See :meth:`colearner_ls.bus.protocol.Bus.read`."""
        deadline = time.monotonic() + max_wait
        wanted = dict(cursors)
        async with self._read_lock:
            while True:
                self._rung.clear()
                records = await self._ask(lambda: self._log_file.read(wanted))
                left = deadline - time.monotonic()
                if records or left <= 0:
                    self._positions = wanted | {record.place: record.offset + 1 for record in records}
                    return records
                # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the bell.
                with suppress(TimeoutError):
                    async with asyncio.timeout(min(POLL_S, left)):
                        await self._rung.wait()

    async def read_keys(
        self,
        keys: Collection[bytes],
        *,
        start: Mapping[PartitionKey, int],
        until: Mapping[PartitionKey, int],
        limit: int = 500,
    ) -> KeyedPage:
        """See :meth:`colearner_ls.bus.protocol.IndexedBus.read_keys`."""
        return await self._ask(lambda: self._log_file.read_keys(keys, start, until, limit))

    async def positions(self) -> Mapping[PartitionKey, int]:
        """Up to where the last read went."""
        return dict(self._positions)

    async def ends(self) -> Mapping[PartitionKey, int]:
        """The next offset of every topic."""
        return await self._ask(self._log_file.ends)

    async def begins(self) -> Mapping[PartitionKey, int]:
        """Zero everywhere: the embedded bus forgets nothing."""
        return dict.fromkeys(await self.ends(), 0)

    async def close(self) -> None:
        """Let go of the file; a worker that is stuck behind another process's lock is left to end by itself."""
        self._closed = True
        self._take_bell_down()
        worker, self._worker = self._worker, None
        if worker is None:
            return
        for answer in list(self._asked):
            if not answer.done():
                answer.set_exception(BusUnreachable(str(self._path), "it was closed here"))
        closing = worker.run(self._log_file.close)
        worker.stop()
        # Waited for without cancelling it: the thread shall close the file even after we stopped waiting.
        done, _ = await asyncio.wait({closing}, timeout=CLOSE_S)
        if not done:
            _log.warning("%s: another process still holds its lock; left to close by itself", self._path)
        elif error := closing.exception():
            _log.warning("%s: %s", self._path, error)

    async def _ask(self, question: Callable[[], T]) -> T:
        if self._worker is None:
            raise BusUnreachable(str(self._path), "it is not connected")
        answer = self._worker.run(question)
        self._asked.add(answer)
        answer.add_done_callback(self._asked.discard)
        try:
            async with asyncio.timeout(self._wait_s):
                return await answer
        except TimeoutError:
            holder = self._log_file.lock_holder
            cause = f"no answer within {self._wait_s:g} s; process {holder} was the last to take its lock"
            self._last_cause = cause
            raise _NoAnswer(str(self._path), cause) from None
        except BusError as error:
            self._last_cause = error.cause if isinstance(error, BusUnreachable) else error.message
            raise

    def _hang_bell(self) -> None:
        self._take_bell_down()
        self._bells = bell_folder(self._path)
        if self._bells is None:
            return
        try:
            self._bell = Doorbell(self._bells)
        except OSError as error:
            _log.info("no doorbell for %s (%s): new records are seen by polling", self._path, error)
            return
        asyncio.get_running_loop().add_reader(self._bell.fileno(), self._on_ring, self._bell)

    def _on_ring(self, bell: Doorbell) -> None:
        bell.drain()
        self._rung.set()

    def _take_bell_down(self) -> None:
        if self._bell is not None:
            asyncio.get_running_loop().remove_reader(self._bell.fileno())
            self._bell.close()
            self._bell = None


class _NoAnswer(BusUnreachable):
    """The file did not answer in time; what was asked may still happen."""


class _Worker:
    """A thread that does one thing after the other.

    A daemon: it must not keep a process alive behind a lock that somebody else holds.
    """

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def run(self, question: Callable[[], T]) -> asyncio.Future[T]:
        """Queue it; the answer or the error comes through the future, in the caller's event loop."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def task() -> None:
            if future.cancelled():
                return  # nobody waits for it any more, so it need not happen
            try:
                answer = question()
            except BaseException as error:  # noqa: BLE001 - handed over whole to whoever asked
                failure = error
                _hand_over(loop, future, lambda: future.set_exception(failure))
            else:
                _hand_over(loop, future, lambda: future.set_result(answer))

        self._tasks.put(task)
        return future

    def stop(self) -> None:
        """End after what is queued."""
        self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()


def _hand_over(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], settle: Callable[[], None]) -> None:
    def in_loop() -> None:
        if not future.done():
            settle()

    try:
        loop.call_soon_threadsafe(in_loop)
    except RuntimeError:
        _log.debug("the event loop ended before the bus answered")
