"""Finding out that a connection is dead, which aiokafka keeps to itself: it retries for ever and says nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiokafka.errors import KafkaError, SaslAuthenticationFailed

from .causes import Cause, CauseLog
from .settings import Timing

BETWEEN_S = 0.2
"""Shortest time between two looks, in seconds."""


class Watch:
    """Asks for metadata when the log of aiokafka stirs, and now and then; remembers what came of it.

    ``metadata`` fetches that of all topics, from any broker known. ``needed`` has the topics that must be there, each with
    the number of partitions that are used (0: however many); more of them end the connection, so that the next one reads
    the new ones too.
    """

    def __init__(
        self,
        metadata: Callable[[], Awaitable[Any]],
        *,
        needed: Mapping[str, int],
        causes: CauseLog,
        timing: Timing,
    ) -> None:
        self._metadata = metadata
        self._needed = dict(needed)
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
        if (said := self._causes.since(self._seen)) and isinstance(said.error, SaslAuthenticationFailed):
            return said  # a look would be one more try of a password that is wrong by now
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
                cluster = await self._metadata()
        except TimeoutError:
            return self._causes.since(before) or f"no answer within {self._timing.request:g} s"
        except (KafkaError, OSError) as error:
            return self._causes.since(before) or str(error) or type(error).__name__
        # A consumer on a topic that is gone spins at full speed: it must be taken off.
        there = {name: len(cluster.partitions_for_topic(name) or ()) for name in self._needed}
        if gone := sorted(name for name, count in there.items() if not count):
            return f"topics are gone from the broker: {', '.join(gone)}"
        if changed := sorted(name for name, used in self._needed.items() if used and there[name] != used):
            return f"topics have another number of partitions now: {', '.join(changed)}"
        return None
