"""Receiving: the table *What a reader does with bad input* of contracts.md, and cursors moved with what they brought."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.contracts.event import MAX_EVENT_BYTES
from colearner_ls.contracts.ids import content_hash
from colearner_ls.journal import quarantine
from colearner_ls.journal.errors import CursorConflict
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import CursorMove, Hole, OutboxCounts, Snapshot
from tests.journal.samples import BUS, NOW, PROGRESS, Record, deliver, envelope, ids, raw, records, send, step

EVENT = "6f1b0a52-0000-4000-8000-000000000001"


@pytest.mark.parametrize(
    ("value", "reason", "session"),
    [
        (b"not json", "not_json", None),
        (b"", "not_json", None),
        (None, "not_json", None),
        (b"\xff\xfe", "not_ijson", None),
        (b'{"a": NaN}', "not_ijson", None),
        (b"[1]", "not_an_object", None),
        (b"[" * 100_000, "not_ijson", None),
        (raw(payload=None), "malformed", "s1"),
        (raw(actor="teacher"), "malformed", "s1"),
        (raw(session_id=None), "malformed", None),
        (raw(payload={"completed": "all"}), "malformed", "s1"),
        (raw(actor="coach"), "not_allowed", "s1"),
        (raw(payload={"active_step": "x" * MAX_EVENT_BYTES}), "too_large", "s1"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else None,  # made anew by each worker, with other ids in them
)
def test_what_cannot_be_used_is_kept_byte_for_byte(
    journal: Journal, value: bytes | None, reason: str, session: str | None
) -> None:
    good = raw(id=EVENT)
    received = deliver(journal, [value, good])
    assert (len(received.new), received.quarantined) == (1, 1)
    (kept,) = journal.quarantine.list()
    assert (kept.bus, kept.topic, kept.partition, kept.offset) == (BUS, PROGRESS, 0, 0)
    assert kept.raw == (value or b"")
    assert (kept.reason, kept.session_id, kept.at) == (reason, session, NOW)
    assert kept.detail
    assert ids(journal) == [EVENT]
    assert journal.cursors.all(BUS)[PROGRESS, 0].next == 2


def test_sessions_that_are_not_followed_are_counted_and_left_alone(journal: Journal) -> None:
    received = deliver(journal, [raw(session_id="other"), raw(session_id="other", actor="coach"), raw()])
    assert (received.unfollowed, len(received.new), received.quarantined) == (2, 1, 0)
    assert journal.quarantine.count() == 0
    assert journal.count() == 1
    deliver(journal, [raw(session_id="other")])
    assert journal.bus_values.get(BUS)["unfollowed"] == 3


def test_a_session_bound_to_another_bus_is_not_served_by_this_one(journal: Journal) -> None:
    journal.follow("s2", "sqlite:/other")
    assert deliver(journal, [raw(session_id="s2")]).unfollowed == 1
    assert len(deliver(journal, [raw(session_id="s2")], bus="sqlite:/other").new) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"event_type": "kintell.match_found", "payload": {"a": 1}},
        {"version": 99, "payload": {"whatever": True}},
        {"event_type": "exercise_submission_ack", "payload": {"status": "sent"}},  # judged before the actor
    ],
)
def test_what_is_not_applied_is_kept_and_passed_on(journal: Journal, fields: dict[str, Any]) -> None:
    value = raw(**fields)
    (stored,) = deliver(journal, [value]).new
    assert not stored.applied
    assert stored.raw == value
    assert list(journal.events("s1")) == [stored]
    assert journal.outbox.counts().unsent == 0


def test_the_same_event_again_has_no_effect(journal: Journal) -> None:
    fields = envelope()
    value = json.dumps(fields).encode()
    shuffled = json.dumps(dict(reversed(fields.items())), indent=1).encode()
    signed = json.dumps({**fields, "sig": {"kid": "k", "alg": "EdDSA", "value": "x"}}).encode()
    received = deliver(journal, [value, value, shuffled, signed])
    assert (len(received.new), received.duplicates, received.conflicts) == (1, 3, 0)
    (stored,) = journal.events("s1")
    assert stored.raw == value
    assert journal.quarantine.count() == 0


def test_of_two_contents_the_smaller_hash_stands_whichever_came_first(tmp_path: Path) -> None:
    variants = [envelope(id=EVENT, payload={"active_step": str(n)}) for n in range(3)]
    variants.sort(key=lambda fields: content_hash(fields, False))
    values = [json.dumps(fields).encode() for fields in variants]
    for number, order in enumerate(itertools.permutations(values)):
        with Journal.open(tmp_path / str(number)) as journal:
            journal.follow("s1", BUS)
            for value in (*order, *order):
                deliver(journal, [value])
            assert [stored.raw for stored in journal.events("s1")] == [values[0]]
            kept = journal.quarantine.list()
            assert {each.raw for each in kept} == set(values[1:])
            assert {each.reason for each in kept} == {"id_conflict"}
            assert len(kept) == 2
            assert {each.event_id for each in kept} == {EVENT}


def test_a_displaced_event_is_reported_under_a_new_row(journal: Journal) -> None:
    small, large = sorted(
        (envelope(id=EVENT, payload={"active_step": str(n)}) for n in range(2)), key=lambda f: content_hash(f, False)
    )
    (first,) = deliver(journal, [json.dumps(large).encode()]).new
    assert not first.replaced
    received = deliver(journal, [json.dumps(small).encode()])
    (second,) = received.new
    assert (second.replaced, received.conflicts) == (True, 1)
    assert second.row > first.row
    assert list(journal.events("s1", after_row=first.row)) == [second]
    (kept,) = journal.quarantine.list()
    assert (kept.bus, kept.topic, kept.offset, kept.raw) == (BUS, PROGRESS, 0, first.raw)


def test_copies_of_a_derived_id_that_differ_elsewhere_are_one_event(tmp_path: Path) -> None:
    values = [raw(id=None, hlc=hlc, extra=hlc) for hlc in (None, NOW, NOW + 7)]
    for number, order in enumerate(itertools.permutations(values)):
        with Journal.open(tmp_path / str(number)) as journal:
            journal.follow("s1", BUS)
            received = [deliver(journal, [value]) for value in (*order, *order)]
            assert [stored.raw for stored in journal.events("s1")] == [min(values)]
            assert journal.quarantine.count() == 0
            assert sum(each.duplicates for each in received) == 5


def test_a_quarantined_event_does_not_claim_its_id(journal: Journal) -> None:
    received = deliver(journal, [raw(id=EVENT, actor="coach"), raw(id=EVENT)])
    assert (received.quarantined, received.conflicts, len(received.new)) == (1, 0, 1)
    assert ids(journal) == [EVENT]


def test_own_events_seen_on_the_bus_are_sent(journal: Journal) -> None:
    stored = journal.append([step("1"), step("2"), step("3")])
    journal.outbox.mark_sending([stored[1].event.id])
    received = deliver(journal, [stored[0].raw, stored[1].raw, stored[0].raw])
    assert received.sent == (stored[0].event.id, stored[1].event.id)
    assert received.duplicates == 3
    assert [each.delivery for each in journal.events("s1")] == ["sent", "sent", "waiting"]
    (acknowledged,) = journal.outbox.acknowledged(BUS)
    assert (acknowledged.partition, acknowledged.offset, acknowledged.event_id) == (0, 1, stored[1].event.id)


def _displacing(own: bytes) -> bytes:
    """Another content of the same id that stands in its place."""
    fields = json.loads(own)
    forged = next(
        forgery
        for number in range(1000)
        if content_hash(forgery := {**fields, "payload": {"active_step": f"x{number}"}}, False)
        < content_hash(fields, False)
    )
    return json.dumps(forged).encode()


def test_an_own_event_that_another_content_displaced_is_not_sent(journal: Journal) -> None:
    (own,) = journal.append([step("1")])
    deliver(journal, [_displacing(own.raw)])
    assert journal.outbox.waiting(BUS) == ()
    (refusal,) = journal.outbox.refused()
    assert (refusal.event_id, refusal.reason) == (own.event.id, "id_conflict")
    (kept,) = journal.quarantine.list()
    assert (kept.raw, kept.bus) == (own.raw, None)


def test_a_sent_own_event_that_another_content_displaced_never_waits_again(journal: Journal) -> None:
    (own,) = journal.append([step("1")])
    send(journal, [(own.event.id, 0, 0)])
    winner = _displacing(own.raw)
    deliver(journal, [own.raw, winner])
    for _ in range(2):  # the bus comes back empty, with the winner alone, and empty again
        journal.cursors.reset(BUS)
        assert journal.outbox.resend_unseen(BUS) == 0
        deliver(journal, [winner])
    assert journal.rebind("s1", "kafka:elsewhere:9092") == 0
    assert journal.outbox.counts() == OutboxCounts(refused=1)


# -- cursors


def test_a_cursor_elsewhere_stops_the_whole_batch(journal: Journal) -> None:
    deliver(journal, [raw()])
    for expected in (None, 0, 2):
        with pytest.raises(CursorConflict) as caught:
            journal.receive(BUS, records([raw(), b"junk"]), {(PROGRESS, 0): CursorMove(expected, 9)})
        assert (caught.value.found, caught.value.expected) == (1, expected)
    moves = {(PROGRESS, 3): CursorMove(None, 5), (PROGRESS, 0): CursorMove(7, 8)}
    with pytest.raises(CursorConflict):
        journal.receive(BUS, records([raw()]), moves)
    assert journal.count() == 1
    assert journal.quarantine.count() == 0
    assert list(journal.cursors.all(BUS)) == [(PROGRESS, 0)]


def test_cursors_belong_to_a_bus_and_remember_the_last_record(journal: Journal) -> None:
    deliver(journal, [raw()])
    deliver(journal, [raw(), raw()], bus="other")
    assert {key: cursor.next for key, cursor in journal.cursors.all(BUS).items()} == {(PROGRESS, 0): 1}
    assert {key: cursor.next for key, cursor in journal.cursors.all("other").items()} == {(PROGRESS, 0): 2}
    before = journal.cursors.all(BUS)[PROGRESS, 0]
    journal.receive(BUS, [], {(PROGRESS, 0): CursorMove(1, 5)})  # a jump over records that are gone
    after = journal.cursors.all(BUS)[PROGRESS, 0]
    assert (after.next, after.last_hash) == (5, before.last_hash)
    assert len(before.last_hash or b"") == 32


def test_a_batch_of_strangers_alone_moves_the_cursor(journal: Journal) -> None:
    deliver(journal, [raw(session_id="x")] * 3)
    assert journal.cursors.all(BUS)[PROGRESS, 0].next == 3


# -- garbage


def test_garbage_is_limited_by_number(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "GARBAGE_RECORDS", 10)
    deliver(journal, [b"old %d" % n for n in range(8)])
    received = deliver(journal, [b"new %d" % n for n in range(7)] + [raw(actor="coach")])
    assert (received.quarantined, received.dropped) == (8, 5)
    kept = journal.quarantine.list()
    assert [each.raw for each in kept if each.session_id is None] == [b"old %d" % n for n in range(5, 8)] + [
        b"new %d" % n for n in range(7)
    ]
    assert sum(each.session_id == "s1" for each in kept) == 1
    assert journal.bus_values.get(BUS)["dropped"] == 5


def test_garbage_is_limited_by_size(journal: Journal) -> None:
    blob = b"x" * (3 * 1024 * 1024)
    deliver(journal, [b"%d" % n + blob for n in range(7)])
    kept = journal.quarantine.list()
    assert sum(len(each.raw) for each in kept) <= 16 * 1024 * 1024
    assert [each.raw[:1] for each in kept] == [b"2", b"3", b"4", b"5", b"6"]


def test_garbage_read_again_is_kept_once(journal: Journal) -> None:
    values = [b"junk", b"junk", raw(actor="coach")]
    deliver(journal, values)
    journal.cursors.reset(BUS)
    assert deliver(journal, values).quarantined == 0
    assert [each.offset for each in journal.quarantine.list()] == [0, 1, 2]


def test_a_quarantined_record_can_be_judged_again_and_dropped(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = raw(id=EVENT, actor="coach")
    deliver(journal, [value, b"junk"])
    kept, junk = journal.quarantine.list()
    again = journal.quarantine.retry(kept.number)
    assert again is not None
    assert (again.stored, again.reason) == (None, "not_allowed")
    import colearner_ls.contracts.judging as judging
    from colearner_ls.contracts.catalogue import CATALOGUE

    wider = {**CATALOGUE, "progress_update": _also_for_coaches(CATALOGUE["progress_update"])}
    monkeypatch.setattr(judging, "CATALOGUE", wider)  # a newer version lets coaches say it
    again = journal.quarantine.retry(kept.number)
    assert again is not None
    assert again.stored is not None
    assert again.stored.raw == value
    assert ids(journal) == [EVENT]
    assert journal.quarantine.get(kept.number) is None
    assert journal.quarantine.retry(kept.number) is None
    assert journal.quarantine.drop(junk.number)
    assert not journal.quarantine.drop(junk.number)
    assert journal.quarantine.list() == ()


def _also_for_coaches(row: Any) -> Any:
    import dataclasses

    return dataclasses.replace(row, actors=frozenset({"student", "coach"}))


def test_retrying_the_loser_of_an_id_leaves_it_in_quarantine(journal: Journal) -> None:
    for number in range(2):
        deliver(journal, [raw(id=EVENT, payload={"active_step": str(number)})])
    standing = [stored.raw for stored in journal.events()]
    (kept,) = journal.quarantine.list()
    again = journal.quarantine.retry(kept.number)
    assert again is not None
    assert again.reason == "id_conflict"
    assert journal.quarantine.list() == (kept,)
    assert [stored.raw for stored in journal.events()] == standing


# -- holes and snapshots


def test_holes_are_found_by_the_numbers_of_their_writers(journal: Journal) -> None:
    writer = "11111111-1111-4111-8111-111111111111"
    deliver(journal, [raw(writer=writer, seq=seq) for seq in (7, 3, 2, 8)])
    journal.append([step("1")])
    assert journal.holes() == (Hole("s1", writer, 1, 1), Hole("s1", writer, 4, 6))
    deliver(journal, [raw(writer=writer, seq=seq) for seq in (1, 4, 5, 6)])
    assert journal.holes() == ()


def test_an_event_landing_before_a_snapshot_drops_it_and_the_later_ones(journal: Journal) -> None:
    stored = deliver(journal, [raw(hlc=NOW + n) for n in (10, 20, 30)]).new
    row = stored[-1].row
    for each in stored:
        assert journal.snapshots.put(Snapshot("s1", each.event.position, b"%d" % each.event.hlc, "v1"), through_row=row)
    latest = journal.snapshots.latest("s1", version="v1")
    assert latest is not None
    assert latest.position == stored[2].event.position
    deliver(journal, [raw(hlc=NOW + 15)])
    latest = journal.snapshots.latest("s1", version="v1")
    assert latest is not None
    assert (latest.position, latest.data) == (stored[0].event.position, b"%d" % (NOW + 10))
    assert journal.snapshots.latest("s1", version="v2") is None
    deliver(journal, [raw(session_id="s9", hlc=1)])  # another session changes nothing
    assert journal.snapshots.latest("s1", version="v1") == latest


def test_a_snapshot_made_before_an_earlier_event_came_is_refused(journal: Journal) -> None:
    (first,) = deliver(journal, [raw(hlc=NOW + 10)]).new
    snapshot = Snapshot("s1", first.event.position, b"x")
    deliver(journal, [raw(hlc=NOW + 5)])
    assert not journal.snapshots.put(snapshot, through_row=first.row)
    assert journal.snapshots.latest("s1") is None
    assert journal.snapshots.put(snapshot, through_row=journal.last_row())


def test_a_replaced_event_drops_snapshots_at_its_old_place_too(journal: Journal) -> None:
    small, large = sorted(
        (envelope(id=EVENT, hlc=hlc) for hlc in (NOW + 10, NOW + 90)), key=lambda fields: content_hash(fields, False)
    )
    (first,) = deliver(journal, [json.dumps(large).encode()]).new
    (later,) = deliver(journal, [raw(hlc=NOW + 50)]).new
    for each in (first, later):
        assert journal.snapshots.put(Snapshot("s1", each.event.position, b"x"), through_row=later.row)
    deliver(journal, [json.dumps(small).encode()])
    found = journal.snapshots.latest("s1")
    assert found is None or found.position < min(first.event.position, (small["hlc"], EVENT))
    assert not journal.snapshots.put(Snapshot("s1", first.event.position, b"x"), through_row=later.row)


def test_events_that_were_not_known_count_after_an_update(journal: Journal, folder: Path) -> None:
    from colearner_ls.journal.rejudging import rejudge

    (unknown,) = deliver(journal, [raw(event_type="hologram", payload={})]).new
    journal.database.write(
        lambda db: db.execute("UPDATE event SET event_type = 'x', applied = 0 WHERE row = ?", (unknown.row,)),
        durable=False,
    )
    (known,) = deliver(journal, [raw(hlc=NOW + 5)]).new
    # As an older version would have left it: a type that this one knows, marked as not applied.
    journal.database.write(
        lambda db: db.execute("UPDATE event SET applied = 0 WHERE row = ?", (known.row,)), durable=False
    )
    assert rejudge(journal.database, "some version") == 1
    assert [stored.applied for stored in journal.events()] == [False, True]
    assert rejudge(journal.database, "some version") == 0
    assert Record(PROGRESS, 0, 0, None).value is None
