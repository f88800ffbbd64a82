"""The journal, callable from an event loop: every call runs in one worker thread, in order."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from colearner_ls.bus.records import IncomingRecord, PartitionKey
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Backfill, Cursor, CursorMove, OutboxRow, Received

_T = TypeVar("_T")


class JournalCalls:
    """Journal access for sync. A context manager.

    Leaving it drops the calls that have not begun and does not wait for the one under way: that one may be waiting for
    another process's write lock, for seconds, and who leaves is an event loop that has an editor to answer.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="colearner-sync-journal")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    async def _call(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    # -- sending

    async def waiting(self, bus: str, limit: int) -> Sequence[OutboxRow]:
        return await self._call(lambda: self._journal.outbox.waiting(bus, limit))

    async def mark_sending(self, ids: Sequence[str]) -> Sequence[str]:
        return await self._call(lambda: self._journal.outbox.mark_sending(ids))

    async def mark_unsent(self, ids: Sequence[str]) -> None:
        await self._call(lambda: self._journal.outbox.mark_unsent(ids))

    async def settle(
        self,
        bus: str,
        acknowledged: Sequence[tuple[str, int, int]],
        unknown: Sequence[str],
        refused: Sequence[tuple[str, str]],
    ) -> None:
        """Note what became of one batch."""

        def work() -> None:
            outbox = self._journal.outbox
            if acknowledged:
                outbox.mark_sent(acknowledged, bus=bus)
            if unknown:
                outbox.mark_unsent(unknown)
            for event_id, reason in refused:
                outbox.mark_refused(event_id, reason)

        await self._call(work)

    async def requeue(self, bus: str) -> int:
        """What a dead sender left in ``sending`` waits again."""
        return await self._call(lambda: self._journal.outbox.requeue(bus))

    async def resend_unseen(self, bus: str) -> int:
        return await self._call(lambda: self._journal.outbox.resend_unseen(bus))

    async def acknowledged(self, bus: str) -> Mapping[PartitionKey, tuple[int, bytes]]:
        """The newest own record that each partition is known to hold: offset, and SHA-256 of the value."""

        def work() -> dict[PartitionKey, tuple[int, bytes]]:
            known: dict[PartitionKey, tuple[int, bytes]] = {}
            for ack in self._journal.outbox.acknowledged(bus):
                stored = self._journal.event(ack.event_id)
                if stored is not None:
                    known[(ack.topic, ack.partition)] = (ack.offset, hashlib.sha256(stored.raw).digest())
            return known

        return await self._call(work)

    # -- which bus it is

    async def other_buses(self, bus: str) -> Sequence[str]:
        """The keys of the buses other than ``bus`` that sessions here are bound to."""

        def work() -> list[str]:
            bound = {session.bus for session in self._journal.sessions()}
            return sorted(key for key in bound if key is not None and key != bus)

        return await self._call(work)

    async def last_known(self, bus: str) -> Mapping[PartitionKey, Mapping[int, bytes]]:
        """What must stand on that bus: partition → offset → SHA-256 of the value."""
        known: dict[PartitionKey, dict[int, bytes]] = {}
        for place, cursor in (await self.cursors(bus)).items():
            if cursor.last_hash is not None:
                known.setdefault(place, {})[cursor.next - 1] = cursor.last_hash
        for place, (offset, value_hash) in (await self.acknowledged(bus)).items():
            known.setdefault(place, {})[offset] = value_hash
        return known

    async def adopt_bus(self, old: str, new: str) -> Sequence[str]:
        return await self._call(lambda: self._journal.adopt_bus(old, new))

    # -- reading

    async def cursors(self, bus: str) -> Mapping[PartitionKey, Cursor]:
        return await self._call(lambda: self._journal.cursors.all(bus))

    async def reset_cursors(self, bus: str) -> None:
        await self._call(lambda: self._journal.cursors.reset(bus))

    async def receive(
        self,
        bus: str,
        records: Sequence[IncomingRecord],
        moves: Mapping[PartitionKey, CursorMove],
        *,
        backfill: int | None = None,
    ) -> Received:
        return await self._call(lambda: self._journal.receive(bus, records, moves, backfill=backfill))

    async def backfills(self, bus: str) -> Sequence[Backfill]:
        return await self._call(lambda: self._journal.cursors.backfills(bus))

    async def finish_backfill(self, number: int) -> None:
        await self._call(lambda: self._journal.cursors.finish_backfill(number))

    # -- what is known of the bus

    async def bus_values(self, bus: str) -> Mapping[str, Any]:
        return await self._call(lambda: self._journal.bus_values.get(bus))

    async def put_bus_values(self, bus: str, values: Mapping[str, Any]) -> None:
        await self._call(lambda: self._journal.bus_values.put(bus, values))
