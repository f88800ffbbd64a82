"""Sending: the outbox is rows, and publishing is at-least-once (architecture.md, *Sync*)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from colearner_ls.bus.cloudevents import headers
from colearner_ls.bus.errors import BusError
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import Ack, OutgoingRecord, Refused
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.records import OutboxRow
from colearner_ls.sync.journal_calls import JournalCalls

BATCH_ROWS: Final = 200
BATCH_BYTES: Final = 2 * 1024 * 1024
"""Bounds of one publish: memory stays small however long the broker was away."""

REFUSALS_BEFORE_GIVING_UP: Final = 2
"""A record that the broker refuses twice, on fresh producers, is ``refused`` (architecture.md, *Sending*)."""

UNKNOWN_OFFSET: Final = -1
"""The broker has the event but did not say where (journal/outbox.py, ``mark_sent``)."""


@frozen
class Sent:
    """What one round did: events acknowledged, of unknown outcome, and refused for good."""

    acknowledged: int = 0
    unknown: int = 0
    refused: int = 0
    reason: str | None = None

    @property
    def tried(self) -> bool:
        """Whether there was anything to send."""
        return bool(self.acknowledged or self.unknown or self.refused)


class Sender:
    """Sends the waiting events of one bus in rounds."""

    def __init__(self, journal: JournalCalls, bus_key: str) -> None:
        self._journal = journal
        self._bus_key = bus_key
        self._refusals: Counter[str] = Counter()

    async def round(self, bus: Bus) -> Sent:
        """Send one batch. Whatever happens, every row of it ends up sent, refused or waiting again.

        Raises what :meth:`~colearner_ls.bus.protocol.Bus.publish` raises; the rows then wait again.
        """
        rows = _within(await self._journal.waiting(self._bus_key, BATCH_ROWS))
        if not rows:
            return Sent()
        taken = set(await self._journal.mark_sending([row.id for row in rows]))
        rows = [row for row in rows if row.id in taken]
        try:
            outcomes = await bus.publish([_record(row) for row in rows])
        except BusError:
            await self._journal.mark_unsent([row.id for row in rows])
            raise
        acknowledged: list[tuple[str, int, int]] = []
        unknown: list[str] = []
        refused: list[tuple[str, str]] = []
        reason = None
        for row, outcome in zip(rows, outcomes, strict=True):
            if isinstance(outcome, Ack):
                acknowledged.append(
                    (row.id, outcome.partition, UNKNOWN_OFFSET if outcome.offset is None else outcome.offset)
                )
                continue
            reason = outcome.reason
            if isinstance(outcome, Refused) and self._is_final(row.id):
                refused.append((row.id, outcome.reason))
            else:
                unknown.append(row.id)
        await self._journal.settle(self._bus_key, acknowledged, unknown, refused)
        return Sent(len(acknowledged), len(unknown), len(refused), reason)

    def _is_final(self, event_id: str) -> bool:
        self._refusals[event_id] += 1
        return self._refusals[event_id] >= REFUSALS_BEFORE_GIVING_UP


def _within(rows: Sequence[OutboxRow]) -> list[OutboxRow]:
    taken: list[OutboxRow] = []
    size = 0
    for row in rows:
        size += len(row.raw)
        if taken and size > BATCH_BYTES:
            break
        taken.append(row)
    return taken


def _record(row: OutboxRow) -> OutgoingRecord:
    return OutgoingRecord(row.topic, row.session_id.encode(), row.raw, headers(row.event))
