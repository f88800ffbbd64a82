"""A thread that does one thing after the other, awaited from the event loop.

Everything that may block (SQLite commits, file locks, hashing, git) goes through one: the loop never waits, and the
workspace sees the calls in the order in which they were made. A daemon thread, because the end of the process must
not wait for a lock on a dead network disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

Job = Callable[[], None]


class Worker:
    """One thread with a queue."""

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def call(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """The result of ``function``, run in its turn. Cancelling takes it out of the queue if it has not begun."""
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[T] = loop.create_future()

        def job() -> None:
            if outcome.cancelled():
                return
            try:
                result = function(*args, **kwargs)
            except BaseException as problem:  # noqa: BLE001  # it is raised again where it was asked for
                self._settle(loop, outcome, problem=problem)
            else:
                self._settle(loop, outcome, result=result)

        self._jobs.put(job)
        return await outcome

    def post(self, function: Callable[[], None]) -> None:
        """Run ``function`` in its turn and do not wait; it must not raise."""
        self._jobs.put(function)

    def close(self) -> None:
        """End the thread after what is queued; does not wait."""
        self._jobs.put(None)

    def _settle(
        self,
        loop: asyncio.AbstractEventLoop,
        outcome: asyncio.Future[Any],
        *,
        result: Any = None,
        problem: BaseException | None = None,
    ) -> None:
        def settle() -> None:
            if outcome.done():
                return
            if problem is None:
                outcome.set_result(result)
            elif isinstance(problem, StopIteration):
                outcome.set_exception(RuntimeError("StopIteration"))
            else:
                outcome.set_exception(problem)

        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
