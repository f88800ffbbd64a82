"""Reading: from saved cursors, which move in the transaction of the events they brought (architecture.md, *Sync*)."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from colearner_ls.bus.errors import CursorOutOfRange
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import IncomingRecord, PartitionKey
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.records import Cursor, CursorMove
from colearner_ls.sync.journal_calls import JournalCalls

HOLDS_LESS: Final = "the bus holds less than was read from it before"
HOLDS_OTHERS: Final = "the bus holds other records than were read from it before"


@frozen
class Step:
    """What one read brought: records that were there, and those of them that were new to this reader.

    ``anew``: the bus turned out to hold something else than before; it is read again from its beginning now.
    """

    seen: int = 0
    taken: int = 0
    anew: bool = False


class Reader:
    """Reads one bus into the journal, step by step.

    A bus that holds less than was read from it, or other records, or that has another identity at the same address, is
    read again from the beginning to its end; then own events that it did not show are sent again.
    """

    def __init__(self, journal: JournalCalls, bus_key: str) -> None:
        self._journal = journal
        self._bus_key = bus_key
        self._begins: dict[PartitionKey, int] = {}
        self._back: dict[PartitionKey, int] = {}
        """Partitions to be read from one record before the cursor, to see whether that one still stands there.

        It is done together with the first read of what is new: on Kafka a read of its own would leave a long poll behind
        that everything after it on that connection has to wait for (0.5 s each, measured). However long a slow bus takes,
        a partition stays here until the bus has shown what stands at that offset.
        """
        self._known: dict[PartitionKey, dict[int, bytes]] = {}
        """Records that must stand there: partition → offset → SHA-256 of the value."""
        self._marks: dict[PartitionKey, tuple[int, bytes]] = {}
        """The last records at the look before, on this connection. What was read since may be of a bus that was replaced
        behind it, so the next look compares these."""

    async def start(self, bus: Bus, identity: str) -> None:
        """Prepare for a bus that was just connected; heals cursors that it no longer reaches."""
        self._marks = {}
        values = await self._journal.bus_values(self._bus_key)
        known = values.get("identity")
        if known in (None, identity):
            await self.look_back(bus)
        else:
            self._begins = dict(await bus.begins())
            await self._begin_anew("another bus answers at this address")
        if known != identity:
            await self._journal.put_bus_values(self._bus_key, {"identity": identity})

    async def look_back(self, bus: Bus) -> bool:
        """See whether the bus still holds what it should, as far as its ends tell; the records themselves are compared by
        the next steps. True where reading begins anew."""
        self._begins = dict(await bus.begins())
        ends = await bus.ends()
        cursors = await self._journal.cursors(self._bus_key)
        acknowledged = await self._journal.acknowledged(self._bus_key)
        if any(cursor.next > ends.get(place, 0) for place, cursor in cursors.items()):
            return await self._begin_anew(HOLDS_LESS)
        if any(offset >= ends.get(place, 0) for place, (offset, _) in acknowledged.items()):
            return await self._begin_anew("the bus does not hold what it acknowledged before")
        self._remember(cursors, acknowledged)
        await self._begin_late(cursors)
        return False

    async def _begin_late(self, cursors: Collection[PartitionKey]) -> None:
        """Partitions never read from of which the beginning is gone already: start where they begin, and say so."""
        late = {place: begin for place, begin in self._begins.items() if begin and place not in cursors}
        if late:
            moved = {place: CursorMove(None, begin) for place, begin in late.items()}
            await self._journal.receive(self._bus_key, [], moved)
            await note_missed(self._journal, self._bus_key, late)

    def _remember(
        self, cursors: Mapping[PartitionKey, Cursor], acknowledged: Mapping[PartitionKey, tuple[int, bytes]]
    ) -> None:
        self._back, self._known = {}, {}
        last = {place: (each.next - 1, each.last_hash) for place, each in cursors.items() if each.last_hash is not None}
        for place, (offset, value_hash) in {**last, **self._marks}.items():
            if offset >= self._begins.get(place, 0):
                self._back[place] = offset
                self._known[place] = {offset: value_hash}
        self._marks = last
        for place, (offset, value_hash) in acknowledged.items():
            unread = place not in cursors or offset >= cursors[place].next
            if unread and offset >= self._begins.get(place, 0):
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
            return Step(anew=await self._out_of_range(out, expected.get(out.partition)))
        if not records:
            # Silence says nothing: a bus may be slow. Only where it has gone on past the record, that one is not there.
            if self._back and self._passed_over(await bus.positions()):
                return Step(anew=await self._begin_anew(HOLDS_OTHERS))
            return Step()
        if not self._as_known(records):
            return Step(len(records), anew=await self._begin_anew(HOLDS_OTHERS))
        fresh = [record for record in records if record.offset >= expected.get(record.place, 0)]
        if fresh:
            await self._journal.receive(self._bus_key, fresh, moves(expected, fresh))
        return Step(len(records), len(fresh))

    def _as_known(self, records: Sequence[IncomingRecord]) -> bool:
        for record in records:
            self._back.pop(record.place, None)
            known = self._known.get(record.place, {})
            value_hash = known.pop(record.offset, None)
            if value_hash is not None and value_hash != _hash(record):
                return False
            if any(offset < record.offset for offset in known):
                return False
        return True

    def _passed_over(self, reached: Mapping[PartitionKey, int]) -> bool:
        return any(reached.get(place, 0) > offset for place, offset in self._back.items())

    async def healing(self) -> bool:
        """Whether the bus is being read again from its beginning."""
        return bool((await self._journal.bus_values(self._bus_key)).get("healing"))

    async def at_end(self) -> None:
        """Everything there is was read: after a new beginning, send again what the bus did not show."""
        if await self.healing():
            await self._journal.resend_unseen(self._bus_key)
        await self._journal.put_bus_values(self._bus_key, {"healing": None, "read_to_end": True})

    async def _begin_anew(self, why: str) -> bool:
        # The mark comes first: if we die in between, beginning anew once more costs nothing.
        values = {"healing": why, "healed": why, "healed_us": time.time_ns() // 1000, "read_to_end": None}
        await self._journal.put_bus_values(self._bus_key, values)
        await self._journal.reset_cursors(self._bus_key)
        self._back, self._known, self._marks = {}, {}, {}
        return True

    async def _out_of_range(self, out: CursorOutOfRange, expected: int | None) -> bool:
        """Retention has passed us: go on where the bus begins, and say what is missed. Or the bus is shorter: anew."""
        place = out.partition
        self._begins[place] = out.begin
        if out.offset >= out.begin:
            return await self._begin_anew(HOLDS_LESS)
        self._back.pop(place, None)
        self._known[place] = {at: known for at, known in self._known.get(place, {}).items() if at >= out.begin}
        if (expected or 0) < out.begin:
            await self._journal.receive(self._bus_key, [], {place: CursorMove(expected, out.begin)})
            await note_missed(self._journal, self._bus_key, {place: out.begin - (expected or 0)})
        return False


async def note_missed(journal: JournalCalls, bus_key: str, numbers: Mapping[PartitionKey, int]) -> None:
    """Count what the bus deleted before it was read: ``missed`` where it was read to its end once, else ``missed_before``.

    Offsets are counted, of which some may have held no record.
    """
    values = await journal.bus_values(bus_key)
    key = "missed" if values.get("read_to_end") else "missed_before"
    missed = dict(values.get(key) or {})
    for (topic, partition), number in numbers.items():
        name = f"{topic}/{partition}"
        missed[name] = missed.get(name, 0) + number
    await journal.put_bus_values(bus_key, {key: missed})


def _hash(record: IncomingRecord) -> bytes:
    return hashlib.sha256(record.value or b"").digest()


def moves(expected: Mapping[PartitionKey, int], records: Sequence[IncomingRecord]) -> dict[PartitionKey, CursorMove]:
    """The compare-and-set moves that go with ``records``; ``expected`` has the cursors as they were saved."""
    last = {record.place: record for record in records}
    return {place: CursorMove(expected.get(place), record.offset + 1, _hash(record)) for place, record in last.items()}


def behind(positions: Mapping[PartitionKey, int], ends: Mapping[PartitionKey, int]) -> bool:
    """Whether anything before ``ends`` is still unread."""
    return any(positions.get(place, 0) < end for place, end in ends.items())
