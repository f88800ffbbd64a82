"""The table *What a reader does with bad input* (contracts.md), through both buses into a real journal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.bus.protocol import open_bus
from colearner_ls.bus.records import OutgoingRecord
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import ASSIGNMENTS, EVENTS, FEEDBACK, PROGRESS
from colearner_ls.journal.journal import Journal
from tests.sync.test_link import SESSION, Side, url

__all__ = ["url"]

GOOD: dict[str, Any] = {
    "ts": "2026-01-20T12:00:00Z",
    "actor": "coach",
    "session_id": SESSION,
    "event_type": "exercise_assigned",
    "payload": {"topic": "graphs", "exercise": "Mend it"},
}
ID = "0190a000-0000-7000-8000-000000000001"


def said(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}, separators=(",", ":")).encode()


def without(name: str) -> bytes:
    return json.dumps({key: value for key, value in GOOD.items() if key != name}).encode()


async def put(bus_url: BusUrl, *records: tuple[str, bytes]) -> None:
    bus = await open_bus(bus_url, client_id="peer")
    await bus.connect()
    await bus.publish([OutgoingRecord(topic, b"", value) for topic, value in records])
    await bus.close()


QUARANTINED = [
    ("not_json", b"hello"),
    ("not_json", b'{"ts": '),
    ("not_ijson", b"\xff\xfe\x00"),
    ("not_ijson", said(payload={"topic": "t", "exercise": "x", "n": 2**60})),
    ("not_ijson", said().replace(b'"Mend it"', b"NaN")),
    ("not_ijson", b'{"ts":"a","ts":"b"}'),
    ("not_an_object", b"[1,2]"),
    ("malformed", without("payload")),
    ("malformed", without("actor")),
    ("malformed", said(payload={"topic": "t"})),
    ("malformed", said(payload=[])),
    ("malformed", said(ts="yesterday")),
    ("malformed", said(actor="coach|student")),
    ("not_allowed", said(actor="student")),
    ("too_large", said(payload={"topic": "t", "exercise": "x" * 300_000})),
]


async def test_what_is_not_accepted_is_kept_byte_for_byte_and_reading_goes_on(tmp_path: Path, url: BusUrl) -> None:
    side = Side(tmp_path / "side", url)
    await put(url, *((ASSIGNMENTS, value) for _, value in QUARANTINED), (ASSIGNMENTS, said()))
    await side.sync()
    assert [stored.event.event_type for stored in side.journal.events(SESSION)] == ["exercise_assigned"]
    kept = side.journal.quarantine.list()
    assert sorted((each.reason, each.raw) for each in kept) == sorted(QUARANTINED)
    assert all(each.topic == ASSIGNMENTS and each.offset is not None and each.detail for each in kept)
    await side.sync()
    assert side.journal.quarantine.count() == len(QUARANTINED)


KEPT_OUT_OF_THE_FOLD = [
    said(event_type="buddy.match.created", payload={"any": 1}),
    said(version=99),
    said(event_type="exercise_assigned_ack", payload={"status": "sent"}),
    said(event_type="exercise_submission_ack", actor="student", payload={"status": "sent"}),
]


async def test_what_is_not_understood_is_kept_and_left_out_of_the_fold(tmp_path: Path, url: BusUrl) -> None:
    side = Side(tmp_path / "side", url)
    await put(url, *((EVENTS, value) for value in KEPT_OUT_OF_THE_FOLD))
    await side.sync()
    stored = list(side.journal.events(SESSION))
    assert sorted(each.raw for each in stored) == sorted(KEPT_OUT_OF_THE_FOLD)
    assert not any(each.applied for each in stored)
    assert side.journal.quarantine.count() == 0


async def test_an_event_seen_twice_and_on_two_topics_is_one(tmp_path: Path, url: BusUrl) -> None:
    side = Side(tmp_path / "side", url)
    reordered = json.dumps(dict(reversed(GOOD.items()))).encode()
    await put(url, (ASSIGNMENTS, said()), (EVENTS, said()), (EVENTS, said()), (FEEDBACK, reordered))
    await side.sync()
    assert side.journal.count(SESSION) == 1


async def contents(journal: Journal) -> list[str]:
    return [stored.event.payload["exercise"] for stored in journal.events(SESSION)]


async def test_of_two_contents_with_one_id_the_same_one_stands_everywhere(tmp_path: Path, url: BusUrl) -> None:
    first = said(id=ID, payload={"topic": "t", "exercise": "one"})
    second = said(id=ID, payload={"topic": "t", "exercise": "two"})
    early, late = Side(tmp_path / "early", url), Side(tmp_path / "late", url)
    await put(url, (ASSIGNMENTS, first))
    await early.sync()
    await put(url, (PROGRESS, second))
    await early.sync()
    await late.sync()
    assert await contents(early.journal) == await contents(late.journal)
    for side in (early, late):
        (conflict,) = side.journal.quarantine.list()
        assert conflict.reason == "id_conflict"
        assert conflict.raw in (first, second)


async def test_other_sessions_are_counted_and_left_alone(tmp_path: Path, url: BusUrl) -> None:
    side = Side(tmp_path / "side", url)
    await put(url, *((ASSIGNMENTS, said(session_id=f"other-{number}")) for number in range(3)))
    await side.sync()
    assert side.journal.count() == 0
    assert side.journal.bus_values.get(url.key)["unfollowed"] == 3


async def test_unknown_fields_travel_on_unchanged(tmp_path: Path, url: BusUrl) -> None:
    side = Side(tmp_path / "side", url)
    raw = said(new_field={"b": 1, "a": [1.0, "é"]}, payload={**GOOD["payload"], "later": True})
    await put(url, (ASSIGNMENTS, raw))
    await side.sync()
    (stored,) = side.journal.events(SESSION)
    assert stored.raw == raw


@pytest.mark.parametrize("lead", [48 * 3600])
async def test_a_clock_far_ahead_does_not_drag_ours(tmp_path: Path, url: BusUrl, lead: int) -> None:
    import time

    from tests.sync.test_link import draft

    side = Side(tmp_path / "side", url)
    ahead = time.time_ns() // 1000 + lead * 1_000_000
    await put(url, (ASSIGNMENTS, said(hlc=ahead)))
    await side.sync()
    (own,) = side.journal.append([draft(1)])
    assert own.event.hlc < ahead
