"""Rows of the fault matrix about what stands on the broker: duplicates, poison, other versions. A foreign client writes it."""

from __future__ import annotations

import json
import random
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from colearner_ls.contracts.catalogue import TOPICS
from colearner_ls.workspace.syncing import sync_once
from rigs.kafka import KafkaBroker

from .matrix import SIDES, Site, doubles, records, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

Measured = Callable[[str], None]


@pytest.fixture
def site(tmp_path: Path, kafka_url: str) -> Iterator[Site]:
    made = Site(tmp_path, dict.fromkeys(SIDES, kafka_url))
    made.begin()
    yield made
    made.close()


class Foreign:
    """A writer that shares nothing with colearner: librdkafka."""

    def __init__(self, broker: KafkaBroker, prefix: str) -> None:
        self._producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 0})
        self._prefix = prefix

    def write(self, topic: str, partition: int, value: bytes | None, key: bytes | None = None) -> None:
        self._producer.produce(self._prefix + topic, value=value, key=key, partition=partition)
        self._producer.poll(0)

    def flush(self) -> None:
        assert self._producer.flush(30) == 0


@pytest.fixture
def foreign(kafka_broker: KafkaBroker, kafka_prefix: str) -> Foreign:
    return Foreign(kafka_broker, kafka_prefix)


def files(site: Site, side: str) -> bytes:
    """What the side's views come to, as other programs read them."""
    site.sides[side].project()
    return (site.folder / side / ".colearner" / "learning.json").read_bytes()


def test_f15_duplicates_in_any_order(
    site: Site, kafka_broker: KafkaBroker, kafka_prefix: str, foreign: Foreign, measured: Measured
) -> None:
    """However often and in whatever order records come again, each event counts once and the state is the same."""
    with site.at_work():
        for side in SIDES:
            site.say(side, 15)
        site.settle()
    before = {side: (site.raws(side), files(site, side)) for side in SIDES}

    # Five times, over all topics and partitions, shuffled across what was one session's order.
    chance = random.Random(15)
    copies = [value for value in before["coach"][0].values() for _ in range(5)]
    chance.shuffle(copies)
    for value in copies:
        foreign.write(chance.choice(TOPICS), chance.randrange(3), value)
    foreign.flush()
    # An old outbox: all that the student ever wrote goes out once more.
    with closing(sqlite3.connect(site.journal("student"), timeout=10)) as db, db:
        (resent,) = db.execute("SELECT count(*) FROM outbox").fetchone()
        db.execute("UPDATE outbox SET state = 'waiting'")
    # And the coach reads everything from the beginning.
    with closing(sqlite3.connect(site.journal("coach"), timeout=10)) as db, db:
        db.execute("DELETE FROM cursor")
    with site.at_work():
        site.settle()
    site.begin()  # reads on both sides to the very end
    for side in SIDES:
        assert (site.raws(side), files(site, side)) == before[side]
    site.check()
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    assert doubles(found) >= len(copies) + resent
    measured(
        f"{len(found)} records on the broker for {len(site.raws('coach'))} events ({len(copies)} copies in random "
        f"partitions, {resent} from an old outbox, one replay from the beginning): 0 lost, 0 doubled, the same state"
    )


def poison(session: str, topic: str) -> dict[str, bytes | None]:
    """Everything that a reader must survive, for one topic. Values that name the session are kept, the others counted."""
    good = {
        "ts": "2026-01-20T12:00:00Z",
        "actor": "coach",
        "session_id": session,
        "event_type": "coach_hint",
        "payload": {"hint": f"poison on {topic}"},
    }

    def changed(**values: Any) -> bytes:
        return json.dumps({**good, "id": str(uuid.uuid4()), **values}).encode()

    text = json.dumps(good)[:-1]
    return {
        "no value": None,
        "empty": b"",
        "not JSON": b"{not json " + session.encode(),
        "binary": bytes(range(256)) * 8,
        "bad UTF-8": text.encode() + b',"note":"\xff\xfe"}',
        "a list": json.dumps([good]).encode(),
        "a number": b"42",
        "nested 10,000 deep": text.encode() + b',"deep":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        "NaN": text.encode() + b',"x":NaN}',
        "an integer beyond 2^53": text.encode() + b',"x":90071992547409931}',
        "a name twice": text.encode() + b',"actor":"student"}',
        "a lone surrogate": text.encode() + b',"x":"\\ud800"}',
        "no session": json.dumps({name: value for name, value in good.items() if name != "session_id"}).encode(),
        "wrong types": changed(payload="text"),
        "a wrong id": changed(id="not-a-uuid"),
        "a wrong time": changed(ts="yesterday"),
        "a strange actor": changed(actor="root"),
        "what the actor may not say": changed(
            actor="student", event_type="assessment_feedback", payload={"grade": "pass"}
        ),
        "a required field missing": changed(event_type="assessment_feedback", payload={}),
        "900 KB": changed(payload={"hint": "x" * 900_000}),
    }


def all_set_aside(site: Site, side: str, count: int) -> bool:
    return site.query(side, "SELECT count(*) FROM quarantine") == [(count,)]


def test_f16_poison_on_every_topic(site: Site, foreign: Foreign, measured: Measured) -> None:
    """Poison is set aside with its reason and place, byte for byte; what stands after it is read as ever."""
    written = 0
    with site.at_work():
        site.settle()
        before = {side: set(site.raws(side)) for side in SIDES}
        for topic in TOPICS:
            for partition in range(3):
                for value in poison(site.session, topic).values():
                    foreign.write(topic, partition, value)
                    written += 1
        foreign.flush()
        began = time.monotonic()
        for side in SIDES:
            site.say(side, 6)
        site.settle()
        seconds = time.monotonic() - began
        for side in SIDES:
            until(partial(all_set_aside, site, side, written), f"{side} has come past all poison")
            assert site.connected(side)
    site.check()
    kept = {}
    for side in SIDES:
        assert set(site.raws(side)) - before[side] <= site.said, "poison counts as an event"
        reasons = site.query(side, "SELECT reason, count(*) FROM quarantine GROUP BY reason ORDER BY reason")
        kept[side] = sum(count for _, count in reasons)
        assert all(reason for reason, _ in reasons)
        listed = site.sides[side].journal.quarantine.count()
        assert listed == kept[side]
    assert kept["coach"] == kept["student"]
    places = site.query("student", 'SELECT count(DISTINCT topic || "-" || partition) FROM quarantine')
    assert places == [(len(TOPICS) * 3,)]
    measured(
        f"{written} poisonous records of {len(poison('', ''))} kinds in all partitions of {len(TOPICS)} topics: "
        f"{kept['coach']} quarantined on each side, none counted as an event; the 12 events after them arrived in {seconds:.1f} s"
    )


def test_f26_a_newer_version_on_the_other_side(site: Site, foreign: Foreign, measured: Measured) -> None:
    """Types and versions of the future are kept byte for byte and passed on, out of the state, until they are known."""
    future = {
        "new type": {"event_type": "holo_lesson", "payload": {"beam": [1, 2, {"x": None}]}, "version": 1},
        "new version": {"event_type": "stuck_reported", "payload": {"whisper": "…"}, "version": 3},
        "unknown fields": {"event_type": "stuck_reported", "payload": {"summary": "lost", "mood": "low"}, "mood": 7},
    }
    sent = {}
    with site.at_work():
        site.settle()
        for number, (name, fields) in enumerate(future.items()):
            envelope = {
                "ts": f"2026-01-20T12:00:0{number}Z",
                "actor": "student",
                "session_id": site.session,
                "student_id": "ada",
                "id": str(uuid.uuid4()),
                **fields,
            }
            # Spaces and order as no writer of ours has them: the bytes are what is kept.
            sent[name] = json.dumps(envelope, indent=1, sort_keys=True).encode()
            site.said.add(str(envelope["id"]))
            foreign.write(TOPICS[number], number, sent[name])
        foreign.flush()
        for side in SIDES:
            site.say(side, 2)
        site.settle()
    site.check()
    for side in SIDES:
        assert set(sent.values()) <= set(site.raws(side).values())
        unapplied = site.query(side, "SELECT event_type, count(*) FROM event WHERE applied = 0 GROUP BY 1 ORDER BY 1")
        assert unapplied == [("holo_lesson", 1), ("stuck_reported", 1)]
        assert site.query(side, "SELECT count(*) FROM quarantine") == [(0,)]
        site.sides[side].project()
        lines = (site.folder / side / ".colearner" / "lifecycle.jsonl").read_text(encoding="utf-8").splitlines()
        passed_on = [json.loads(line) for line in lines]
        assert all(json.loads(value) in passed_on for value in sent.values())
    # A journal that a newer colearner opens later: what it knows by then counts, without being fetched again.
    assert [stuck.summary for stuck in site.sides["student"].learner().stuck] == ["lost"]
    outcome = sync_once(site.sides["student"], wait=30, fetch=True)
    assert outcome.error is None
    measured(
        "1 unknown type, 1 newer version, 1 with unknown fields: kept and passed on byte for byte, 2 of them uncounted"
    )
