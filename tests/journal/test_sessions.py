"""Following sessions, binding them to buses, and the backfills that bring their history."""

from __future__ import annotations

from pathlib import Path

import pytest

from colearner_ls.journal.errors import CursorConflict, OtherBus
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Backfill, CursorMove
from tests.journal.samples import BUS, NOW, PROGRESS, deliver, ids, raw, records, send, step


def only_backfill(journal: Journal) -> Backfill:
    (backfill,) = journal.cursors.backfills(BUS)
    return backfill


def test_a_session_is_bound_to_one_bus(journal: Journal) -> None:
    assert journal.bound_bus("s1") == BUS
    assert journal.bound_bus("nobody") is None
    assert not journal.follow("s1", BUS)
    with pytest.raises(OtherBus) as caught:
        journal.follow_all(["s2", "s1"], "other")
    assert (caught.value.bound, caught.value.asked) == (BUS, "other")
    assert [session.id for session in journal.sessions()] == ["s1"]  # nothing of the call was kept


def test_what_is_followed_before_anything_was_read_needs_no_backfill(journal: Journal) -> None:
    journal.follow("s2", BUS)
    assert journal.cursors.backfills() == ()
    assert len(deliver(journal, [raw(session_id="s2"), raw()]).new) == 2


def test_a_later_session_gets_its_history_by_a_second_reader(journal: Journal) -> None:
    history = [raw(session_id="s2", hlc=NOW + n) for n in range(3)]
    log = [history[0], raw(), b"junk", history[1], history[2], raw(session_id="s3")]
    deliver(journal, log)
    assert journal.follow_all(["s2", "s4"], BUS) == ("s2", "s4")
    job = only_backfill(journal)
    assert job.sessions == ("s2", "s4")
    assert [(cursor.topic, cursor.partition, cursor.next, cursor.until) for cursor in job.cursors] == [
        (PROGRESS, 0, 0, 6)
    ]
    assert not job.done
    assert {session.id: session.loading for session in journal.sessions()} == {"s1": False, "s2": True, "s4": True}
    live = raw(session_id="s2", hlc=NOW + 9)
    assert len(deliver(journal, [live]).new) == 1  # the main reader has it from here on

    first = journal.receive(BUS, records(log[:4]), {(PROGRESS, 0): CursorMove(0, 4)}, backfill=job.number)
    assert (len(first.new), first.duplicates, first.quarantined) == (2, 0, 0)
    assert only_backfill(journal).cursors[0].next == 4
    with pytest.raises(CursorConflict):
        journal.receive(BUS, records(log), {(PROGRESS, 0): CursorMove(0, 6)}, backfill=job.number)
    journal.receive(BUS, records(log[4:], first=4), {(PROGRESS, 0): CursorMove(4, 6)}, backfill=job.number)
    assert only_backfill(journal).done
    journal.cursors.finish_backfill(job.number)
    assert journal.cursors.backfills() == ()
    assert not any(session.loading for session in journal.sessions())
    assert [stored.raw for stored in journal.events_in_order("s2")] == [*history, live]
    assert journal.count("s3") == 0
    assert journal.bus_values.get(BUS)["unfollowed"] == 4  # by the main reader alone


def test_a_batch_fetched_before_following_brings_the_session_too(journal: Journal) -> None:
    deliver(journal, [raw()])
    batch = records([raw(session_id="s2")], first=1)  # fetched, not yet received
    journal.follow("s2", BUS)
    assert only_backfill(journal).cursors[0].until == 1
    received = journal.receive(BUS, batch, {(PROGRESS, 0): CursorMove(1, 2)})
    assert len(received.new) == 1


def test_reading_a_bus_anew_ends_its_backfills(journal: Journal) -> None:
    deliver(journal, [raw(session_id="s2")])
    journal.follow("s2", BUS)
    journal.cursors.reset(BUS)
    assert journal.cursors.backfills() == ()
    assert journal.cursors.all(BUS) == {}
    assert len(deliver(journal, [raw(session_id="s2")]).new) == 1


def test_own_events_written_before_binding_go_out_afterwards(journal: Journal) -> None:
    (stored,) = journal.append([step("1", "s2")])
    assert journal.bound_bus("s2") is None
    deliver(journal, [raw(session_id="s2")])
    assert journal.follow("s2", BUS)
    assert [row.id for row in journal.outbox.waiting(BUS)] == [stored.event.id]
    assert only_backfill(journal).sessions == ("s2",)


def test_rebinding_marks_own_events_unsent_and_loads_from_the_other_bus(journal: Journal) -> None:
    one, two = journal.append([step("1"), step("2")])
    send(journal, [(one.event.id, 0, 5)])
    journal.follow("s9", "other")
    deliver(journal, [raw(session_id="s9")], bus="other")
    assert journal.rebind("s1", "other") == 2
    assert journal.rebind("s1", "other") == 0
    assert journal.bound_bus("s1") == "other"
    assert journal.outbox.waiting(BUS) == ()
    assert [row.id for row in journal.outbox.waiting("other")] == [one.event.id, two.event.id]
    (job,) = journal.cursors.backfills("other")
    assert (job.sessions, job.cursors[0].until) == (("s1",), 1)
    assert journal.outbox.acknowledged("other") == ()


def test_the_same_bus_at_another_address_is_taken_over(journal: Journal) -> None:
    (stored,) = journal.append([step("1")])
    send(journal, [(stored.event.id, 0, 5)])
    deliver(journal, [raw(), raw(session_id="s2")])
    journal.follow("s2", BUS)
    journal.bus_values.put(BUS, {"cluster": "abc"})
    assert journal.adopt_bus(BUS, "new") == ("s1", "s2")
    assert journal.bound_bus("s1") == "new"
    assert journal.cursors.all("new")[PROGRESS, 0].next == 2
    assert journal.cursors.all(BUS) == {}
    assert journal.cursors.backfills("new")[0].sessions == ("s2",)
    assert journal.bus_values.get("new")["cluster"] == "abc"
    assert journal.outbox.counts("new").sent == 1
    assert len(journal.outbox.acknowledged("new")) == 1


def test_taking_over_a_bus_that_is_known_under_both_names_loads_the_moved_sessions(journal: Journal) -> None:
    deliver(journal, [raw()])
    journal.follow("s2", "new")
    deliver(journal, [raw(session_id="s2"), raw(session_id="s2")], bus="new")
    assert journal.adopt_bus(BUS, "new") == ("s1",)
    assert journal.cursors.all("new")[PROGRESS, 0].next == 2
    (job,) = journal.cursors.backfills("new")
    assert (job.sessions, job.cursors[0].until) == (("s1",), 2)
    assert journal.cursors.all(BUS) == {}


def test_what_is_known_of_a_bus_is_kept_apart(journal: Journal) -> None:
    journal.bus_values.put(BUS, {"last_error": "no route", "contact": 5})
    journal.bus_values.put("other", {"contact": 6})
    journal.bus_values.put(BUS, {"last_error": None})
    assert journal.bus_values.get(BUS) == {"contact": 5}
    assert journal.bus_values.get("nobody") == {}


def test_everything_is_there_after_reopening(journal: Journal, folder: Path) -> None:
    journal.append([step("1")])
    deliver(journal, [raw(), raw(session_id="s2"), b"junk"])
    journal.follow("s2", BUS)
    journal.close()
    with Journal.open(folder) as again:
        assert len(ids(again)) == 2
        assert again.cursors.all(BUS)[PROGRESS, 0].next == 3
        assert again.cursors.backfills()[0].sessions == ("s2",)
        assert again.quarantine.count() == 1
        assert again.outbox.counts().waiting == 1
        assert again.integrity_check() == ()
