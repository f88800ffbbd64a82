"""Finding out that a connection is dead, which aiokafka keeps to itself: it retries for ever and says nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable

from aiokafka.errors import KafkaError

from .causes import Cause, CauseLog
from .settings import Timing

BETWEEN_S = 0.2
"""Shortest time between two looks, in seconds."""


class Watch:
    """Asks for metadata when the log of aiokafka stirs, and now and then; remembers what came of it.

    ``topics_there`` fetches the names of the topics that exist, from any broker known.
    """

    def __init__(
        self,
        topics_there: Callable[[], Awaitable[Iterable[str]]],
        *,
        needed: Collection[str],
        causes: CauseLog,
        timing: Timing,
    ) -> None:
        self._topics_there = topics_there
        self._needed = frozenset(needed)
        self._causes = causes
        self._timing = timing
        self._seen = causes.count
        self._looked = time.monotonic()
        self._task: asyncio.Task[Cause | str | None] | None = None

    def trouble(self) -> Cause | str | None:
        """Why the connection is of no more use, or ``None`` as far as is known. Never waits; starts a look if due."""
        if self._task is not None:
            if not self._task.done():
                return None
            task, self._task = self._task, None
            if task.cancelled():
                return None
            if found := task.result():
                return found
        quiet = time.monotonic() - self._looked
        if quiet >= self._timing.probe or (self._causes.count != self._seen and quiet >= BETWEEN_S):
            self._looked = time.monotonic()
            before, self._seen = self._seen, self._causes.count
            self._task = asyncio.ensure_future(self._look(before))
        return None

    def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()

    async def _look(self, before: int) -> Cause | str | None:
        try:
            async with asyncio.timeout(self._timing.request):
                there = set(await self._topics_there())
        except TimeoutError:
            return self._causes.since(before) or f"no answer within {self._timing.request:g} s"
        except (KafkaError, OSError) as error:
            return self._causes.since(before) or str(error) or type(error).__name__
        # A consumer on a topic that is gone spins at full speed: it must be taken off.
        gone = sorted(self._needed - there)
        return f"topics are gone from the broker: {', '.join(gone)}" if gone else None
