"""Reading: from saved cursors, which move in the transaction of the events they brought (architecture.md, *Sync*)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from colearner_ls.bus.errors import CursorOutOfRange
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import IncomingRecord, PartitionKey
from colearner_ls.journal.records import CursorMove
from colearner_ls.sync.journal_calls import JournalCalls

LAST_RECORD_WAIT_S: Final = 1.0
"""How long to wait, in s, for records that are known to be there."""


class Reader:
    """Reads one bus into the journal, step by step.

    A bus that holds less than was read from it, or that has another identity at the same address, is read again from
    the beginning to its end; then own events that it did not show are sent again.
    """

    def __init__(self, journal: JournalCalls, bus_key: str) -> None:
        self._journal = journal
        self._bus_key = bus_key
        self._begins: dict[PartitionKey, int] = {}

    async def start(self, bus: Bus, identity: str) -> None:
        """Prepare for a bus that was just connected; heals cursors that it no longer reaches."""
        self._begins = dict(await bus.begins())
        ends = await bus.ends()
        values = await self._journal.bus_values(self._bus_key)
        known = values.get("identity")
        cursors = await self._journal.cursors(self._bus_key)
        last_read = {
            place: (cursor.next - 1, cursor.last_hash)
            for place, cursor in cursors.items()
            if cursor.next > 0 and cursor.last_hash is not None
        }
        if known not in (None, identity):
            await self._begin_anew("another bus answers at this address")
        elif any(cursor.next > ends.get(place, 0) for place, cursor in cursors.items()):
            await self._begin_anew("the bus holds less than was read from it before")
        elif not await self._holds(bus, last_read, ends):
            await self._begin_anew("the bus holds other records than were read from it before")
        elif not await self._holds(bus, await self._journal.acknowledged(self._bus_key), ends):
            await self._begin_anew("the bus does not hold what it acknowledged before")
        if known != identity:
            await self._journal.put_bus_values(self._bus_key, {"identity": identity})

    async def _holds(
        self, bus: Bus, known: Mapping[PartitionKey, tuple[int, bytes]], ends: Mapping[PartitionKey, int]
    ) -> bool:
        """Whether records that were once seen (partition → offset, SHA-256 of the value) still stand there.

        What cannot be seen (expired, or in a hole of the offsets) says nothing against it.
        """
        if any(offset >= ends.get(place, 0) for place, (offset, _) in known.items()):
            return False
        wanted = {place: offset for place, (offset, _) in known.items() if offset >= self._begins.get(place, 0)}
        while wanted:
            records = await bus.read(wanted, max_wait=LAST_RECORD_WAIT_S)
            if not records:
                return True
            for record in records:
                offset = wanted.pop(record.place, None)
                if record.offset == offset and _hash(record) != known[record.place][1]:
                    return False
        return True

    async def positions(self) -> dict[PartitionKey, int]:
        """The offset to read next, for every partition."""
        cursors = await self._journal.cursors(self._bus_key)
        return {**self._begins, **{place: cursor.next for place, cursor in cursors.items()}}

    async def step(self, bus: Bus, *, max_wait: float) -> int:
        """Read once, waiting up to ``max_wait`` s for news; the number of records taken.

        Raises :class:`~colearner_ls.journal.errors.CursorConflict` where another process read on meanwhile.
        """
        cursors = await self._journal.cursors(self._bus_key)
        positions = {**self._begins, **{place: cursor.next for place, cursor in cursors.items()}}
        try:
            records = await bus.read(positions, max_wait=max_wait)
        except CursorOutOfRange as out:
            await self._out_of_range(out, known=out.partition in cursors)
            return 0
        if not records:
            return 0
        expected = {place: cursor.next for place, cursor in cursors.items()}
        await self._journal.receive(self._bus_key, records, moves(expected, records))
        return len(records)

    async def healing(self) -> bool:
        """Whether the bus is being read again from its beginning."""
        return bool((await self._journal.bus_values(self._bus_key)).get("healing"))

    async def at_end(self) -> None:
        """Everything there is was read: after a new beginning, send again what the bus did not show."""
        if await self.healing():
            await self._journal.resend_unseen(self._bus_key)
            await self._journal.put_bus_values(self._bus_key, {"healing": None})

    async def _begin_anew(self, why: str) -> None:
        # The mark comes first: if we die in between, beginning anew once more costs nothing.
        await self._journal.put_bus_values(self._bus_key, {"healing": why, "healed": why})
        await self._journal.reset_cursors(self._bus_key)

    async def _out_of_range(self, out: CursorOutOfRange, *, known: bool) -> None:
        if out.offset >= out.begin:
            await self._begin_anew("the bus holds less than was read from it before")
            self._begins[out.partition] = out.begin
            return
        self._begins[out.partition] = out.begin
        if known:
            move = {out.partition: CursorMove(out.offset, out.begin)}
            await self._journal.receive(self._bus_key, [], move)
            await self._journal.put_bus_values(self._bus_key, {"incomplete": out.message})


def _hash(record: IncomingRecord) -> bytes:
    return hashlib.sha256(record.value or b"").digest()


def moves(expected: Mapping[PartitionKey, int], records: Sequence[IncomingRecord]) -> dict[PartitionKey, CursorMove]:
    """The compare-and-set moves that go with ``records``; ``expected`` has the cursors as they were saved."""
    last = {record.place: record for record in records}
    return {place: CursorMove(expected.get(place), record.offset + 1, _hash(record)) for place, record in last.items()}


def behind(positions: Mapping[PartitionKey, int], ends: Mapping[PartitionKey, int]) -> bool:
    """Whether anything before ``ends`` is still unread."""
    return any(positions.get(place, 0) < end for place, end in ends.items())
