"""Drafts, records from a bus and envelopes for the journal's tests."""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import CursorMove, Draft, Received

BUS = "kafka:localhost:9092"
PROGRESS = "colearner.progress.v1"
US = 1_000_000
NOW = 1_790_000_000 * US
"""A fixed wall clock (µs since the epoch) where a test needs one."""


@dataclass(frozen=True)
class Record:
    """A record as a bus hands it over."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


def step(name: str, session: str = "s1", **more: Any) -> Draft:
    """A small valid draft."""
    return Draft("progress_update", "student", session, {"active_step": name}, student_id="stu", **more)


def envelope(**fields: Any) -> dict[str, Any]:
    """A valid envelope of another writer; ``None`` leaves a field out."""
    whole = {
        "ts": "2026-01-20T12:00:00.000000Z",
        "actor": "student",
        "session_id": "s1",
        "event_type": "progress_update",
        "payload": {"completed": [], "active_step": "1"},
        "id": str(uuid.uuid4()),
        "hlc": NOW,
        **fields,
    }
    return {name: value for name, value in whole.items() if value is not None}


def raw(**fields: Any) -> bytes:
    """The bytes of :func:`envelope`."""
    return json.dumps(envelope(**fields), separators=(",", ":")).encode()


def records(
    values: Iterable[bytes | None], *, first: int = 0, topic: str = PROGRESS, partition: int = 0
) -> list[Record]:
    """Consecutive records of one partition."""
    return [Record(topic, partition, first + place, value) for place, value in enumerate(values)]


def deliver(journal: Journal, values: Sequence[bytes | None], *, bus: str = BUS, wall_us: int = NOW) -> Received:
    """Let the main reader bring these next."""
    cursor = journal.cursors.all(bus).get((PROGRESS, 0))
    first = 0 if cursor is None else cursor.next
    batch = records(values, first=first)
    last = hashlib.sha256(batch[-1].value or b"").digest() if batch else None
    move = CursorMove(None if cursor is None else first, first + len(batch), last)
    return journal.receive(bus, batch, {(PROGRESS, 0): move}, wall_us=wall_us)


def ids(journal: Journal, session: str = "s1") -> list[str]:
    """Ids of the session's events in journal order."""
    return [stored.event.id for stored in journal.events(session)]


def until(condition: Callable[[], object], timeout_s: float = 20) -> None:
    """Poll until the condition holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.002)


def send(journal: Journal, acks: Sequence[tuple[str, int, int]]) -> None:
    """Let these go out, acknowledged at (partition, offset)."""
    journal.outbox.mark_sending([event_id for event_id, _, _ in acks])
    journal.outbox.mark_sent(acks)
