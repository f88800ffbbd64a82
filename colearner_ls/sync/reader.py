"""Reading: from saved cursors, which move in the transaction of the events they brought (architecture.md, *Sync*)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from colearner_ls.bus.errors import CursorOutOfRange
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import IncomingRecord, PartitionKey
from colearner_ls.journal.cursors import CursorMove
from colearner_ls.sync.journal_calls import JournalCalls


class Reader:
    """Reads one bus into the journal, step by step."""

    def __init__(self, journal: JournalCalls, bus_key: str) -> None:
        self._journal = journal
        self._bus_key = bus_key

    async def start(self, bus: Bus) -> None:
        """Begin at the beginning where there is no cursor yet, and heal cursors that the bus no longer reaches."""
        begins = await bus.begins()
        ends = await bus.ends()
        cursors = await self._journal.cursors(self._bus_key)
        lost = {key for key, cursor in cursors.items() if cursor.next > ends.get(key, 0)}
        if lost:
            await self._journal.forget_bus(self._bus_key, "the bus holds less than was read from it before")
            cursors = {}
        missing = {key: begin for key, begin in begins.items() if key not in cursors}
        if missing:
            await self._journal.start_cursors(self._bus_key, missing)

    async def step(self, bus: Bus, *, max_wait: float) -> int:
        """Read once, waiting up to ``max_wait`` s for news; the number of records taken."""
        cursors = await self._journal.cursors(self._bus_key)
        positions = {key: cursor.next for key, cursor in cursors.items()}
        try:
            records = await bus.read(positions, max_wait=max_wait)
        except CursorOutOfRange as out:
            await self._out_of_range(out)
            return 0
        if not records:
            return 0
        await self._journal.receive(self._bus_key, records, moves(positions, records))
        return len(records)

    async def _out_of_range(self, out: CursorOutOfRange) -> None:
        if out.offset < out.begin:
            await self._journal.jump_cursor(self._bus_key, out.partition, out.offset, out.begin)
        else:
            await self._journal.forget_bus(self._bus_key, out.message)


def moves(positions: Mapping[PartitionKey, int], records: Sequence[IncomingRecord]) -> dict[PartitionKey, CursorMove]:
    """The compare-and-set moves that go with ``records`` read from ``positions``."""
    last: dict[PartitionKey, IncomingRecord] = {}
    for record in records:
        last[record.place] = record
    return {
        place: CursorMove(positions[place], record.offset + 1, hashlib.sha256(record.value or b"").digest())
        for place, record in last.items()
    }


def behind(positions: Mapping[PartitionKey, int], ends: Mapping[PartitionKey, int]) -> bool:
    """Whether anything before ``ends`` is still unread."""
    return any(positions.get(key, 0) < end for key, end in ends.items())
