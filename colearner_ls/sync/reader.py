"""Reading: from saved cursors, which move in the transaction of the events they brought (architecture.md, *Sync*)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from colearner_ls.bus.errors import CursorOutOfRange
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import IncomingRecord, PartitionKey
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.records import Cursor, CursorMove
from colearner_ls.sync.journal_calls import JournalCalls


@frozen
class Step:
    """What one read brought: records that were there, and those of them that were new to this reader."""

    seen: int = 0
    taken: int = 0


class Reader:
    """Reads one bus into the journal, step by step.

    A bus that holds less than was read from it, or that has another identity at the same address, is read again from
    the beginning to its end; then own events that it did not show are sent again.
    """

    def __init__(self, journal: JournalCalls, bus_key: str) -> None:
        self._journal = journal
        self._bus_key = bus_key
        self._begins: dict[PartitionKey, int] = {}
        self._back: dict[PartitionKey, int] = {}
        """Partitions to be read from one record before the cursor, to see whether that one still stands there.

        It is done together with the first read of what is new: on Kafka a read of its own would leave a long poll behind
        that everything after it on that connection has to wait for (0.5 s each, measured).
        """
        self._known: dict[PartitionKey, dict[int, bytes]] = {}
        """Records seen before: partition → offset → SHA-256 of the value."""

    async def start(self, bus: Bus, identity: str) -> None:
        """Prepare for a bus that was just connected; heals cursors that it no longer reaches."""
        self._begins = dict(await bus.begins())
        ends = await bus.ends()
        values = await self._journal.bus_values(self._bus_key)
        cursors = await self._journal.cursors(self._bus_key)
        known = values.get("identity")
        acknowledged = await self._journal.acknowledged(self._bus_key)
        self._back, self._known = {}, {}
        if known not in (None, identity):
            await self._begin_anew("another bus answers at this address")
        elif any(cursor.next > ends.get(place, 0) for place, cursor in cursors.items()):
            await self._begin_anew("the bus holds less than was read from it before")
        elif any(offset >= ends.get(place, 0) for place, (offset, _) in acknowledged.items()):
            await self._begin_anew("the bus does not hold what it acknowledged before")
        else:
            self._remember(cursors, acknowledged)
        if known != identity:
            await self._journal.put_bus_values(self._bus_key, {"identity": identity})

    def _remember(
        self, cursors: Mapping[PartitionKey, Cursor], acknowledged: Mapping[PartitionKey, tuple[int, bytes]]
    ) -> None:
        for place, cursor in cursors.items():
            if cursor.last_hash is not None and cursor.next > self._begins.get(place, 0):
                self._back[place] = cursor.next - 1
                self._known[place] = {cursor.next - 1: cursor.last_hash}
        for place, (offset, value_hash) in acknowledged.items():
            if place not in cursors or offset >= cursors[place].next:
                self._known.setdefault(place, {})[offset] = value_hash

    @property
    def unchecked(self) -> bool:
        """Whether the last record of some partition was not looked at yet."""
        return bool(self._back)

    async def positions(self) -> dict[PartitionKey, int]:
        """The offset to read next, for every partition."""
        cursors = await self._journal.cursors(self._bus_key)
        return {**self._begins, **{place: cursor.next for place, cursor in cursors.items()}}

    async def step(self, bus: Bus, *, max_wait: float) -> Step:
        """Read once, waiting up to ``max_wait`` s for news.

        Raises :class:`~colearner_ls.journal.errors.CursorConflict` where another process read on meanwhile.
        """
        cursors = await self._journal.cursors(self._bus_key)
        expected = {place: cursor.next for place, cursor in cursors.items()}
        positions = {**self._begins, **expected, **self._back}
        try:
            records = await bus.read(positions, max_wait=max_wait)
        except CursorOutOfRange as out:
            self._back = {}
            await self._out_of_range(out, known=out.partition in cursors)
            return Step()
        if not records:
            self._back = {}  # what cannot be seen (expired, or a hole in the offsets) says nothing against the bus
            return Step()
        if not self._as_known(records):
            await self._begin_anew("the bus holds other records than were read from it before")
            return Step(len(records))
        fresh = [record for record in records if record.offset >= expected.get(record.place, 0)]
        if fresh:
            await self._journal.receive(self._bus_key, fresh, moves(expected, fresh))
        return Step(len(records), len(fresh))

    def _as_known(self, records: Sequence[IncomingRecord]) -> bool:
        for record in records:
            self._back.pop(record.place, None)
            value_hash = self._known.get(record.place, {}).pop(record.offset, None)
            if value_hash is not None and value_hash != _hash(record):
                return False
        return True

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
        self._back, self._known = {}, {}

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
