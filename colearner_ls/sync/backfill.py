"""Loading the history of a session that was followed later: a second reader, once, up to where the main one began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from colearner_ls.bus.errors import CursorOutOfRange
from colearner_ls.bus.protocol import Bus, IndexedBus
from colearner_ls.bus.records import IncomingRecord, PartitionKey
from colearner_ls.journal.records import Backfill, CursorMove
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.reader import note_missed

READ_WAIT_S: Final = 1.0
KEYS_LIMIT: Final = 500


class Backfiller:
    """Does the pending backfills of one bus."""

    def __init__(self, journal: JournalCalls, bus_key: str) -> None:
        self._journal = journal
        self._bus_key = bus_key

    async def run_all(self, connect: Callable[[], Awaitable[Bus]]) -> None:
        """Finish every pending backfill, on a bus of its own that is opened only if there is one."""
        pending = await self._journal.backfills(self._bus_key)
        if not pending:
            return
        bus = await connect()
        try:
            for job in pending:
                await self._run(bus, job)
        finally:
            with suppress(TimeoutError):
                async with asyncio.timeout(READ_WAIT_S):
                    await bus.close()

    async def _run(self, bus: Bus, job: Backfill) -> None:
        begins = await bus.begins()
        saved = {(each.topic, each.partition): each.next for each in job.cursors}
        gone = {place: begins[place] - at for place, at in saved.items() if begins.get(place, 0) > at}
        if gone:
            moved = {place: CursorMove(at, begins[place]) for place, at in saved.items() if place in gone}
            await self._journal.receive(self._bus_key, [], moved, backfill=job.number)
            await note_missed(self._journal, self._bus_key, gone)
        positions = {place: max(at, begins.get(place, 0)) for place, at in saved.items()}
        until = {(each.topic, each.partition): each.until or 0 for each in job.cursors}
        saved = dict(positions)
        if isinstance(bus, IndexedBus):
            await self._run_indexed(bus, job, positions, until, saved)
        else:
            await self._run_scanning(bus, job, positions, until, saved)
        await self._journal.finish_backfill(job.number)

    async def _run_indexed(
        self,
        bus: IndexedBus,
        job: Backfill,
        positions: dict[PartitionKey, int],
        until: dict[PartitionKey, int],
        saved: dict[PartitionKey, int],
    ) -> None:
        keys = [session.encode() for session in job.sessions]
        done = False
        while not done:
            page = await bus.read_keys(keys, start=positions, until=until, limit=KEYS_LIMIT)
            done = page.done
            positions.update(page.next)
            await self._store(job, page.records, positions, saved)

    async def _run_scanning(
        self,
        bus: Bus,
        job: Backfill,
        positions: dict[PartitionKey, int],
        until: dict[PartitionKey, int],
        saved: dict[PartitionKey, int],
    ) -> None:
        while unread := {place: at for place, at in positions.items() if at < until.get(place, 0)}:
            try:
                records = await bus.read(unread, max_wait=READ_WAIT_S)
            except CursorOutOfRange as out:
                positions[out.partition] = out.begin if out.offset < out.begin else until[out.partition]
                continue
            if not records:
                # Where the bus has gone on without a record, the offsets are holes.
                gone_on = await bus.positions()
                positions.update({place: max(at, gone_on.get(place, at)) for place, at in unread.items()})
                await self._store(job, [], positions, saved)
                continue
            for record in records:
                positions[record.place] = record.offset + 1
            wanted = [record for record in records if record.offset < until[record.place]]
            await self._store(job, wanted, positions, saved)

    async def _store(
        self,
        job: Backfill,
        records: Sequence[IncomingRecord],
        positions: dict[PartitionKey, int],
        saved: dict[PartitionKey, int],
    ) -> None:
        moved = {
            place: CursorMove(saved[place], at)
            for place, at in positions.items()
            if place in saved and at != saved[place]
        }
        await self._journal.receive(self._bus_key, records, moved, backfill=job.number)
        saved.update({place: move.next for place, move in moved.items()})
