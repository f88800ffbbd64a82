"""The outbox: rows on their way to the bus their session is bound to, through crashes and losses."""

from __future__ import annotations

from pathlib import Path

from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import OutboxCounts
from tests.journal.samples import BUS, deliver, send, step


def waiting(journal: Journal, bus: str = BUS) -> list[str]:
    return [row.id for row in journal.outbox.waiting(bus)]


def test_a_row_goes_from_waiting_over_sending_to_sent(journal: Journal) -> None:
    one, two, three = (stored.event.id for stored in journal.append([step("1"), step("2"), step("3")]))
    assert waiting(journal) == [one, two, three]
    assert [row.id for row in journal.outbox.waiting(BUS, limit=2)] == [one, two]
    assert journal.outbox.mark_sending([one, two]) == (one, two)
    assert waiting(journal) == [three]
    assert journal.outbox.mark_sending([one]) == ()  # another sender has it
    assert journal.outbox.counts(BUS) == OutboxCounts(waiting=1, sending=2)
    journal.outbox.mark_sent([(one, 4, 11)])
    journal.outbox.mark_unsent([two])
    assert waiting(journal) == [two, three]
    assert [row.attempts for row in journal.outbox.waiting(BUS)] == [1, 0]
    assert journal.outbox.counts() == OutboxCounts(waiting=2, sent=1)
    assert journal.outbox.counts().unsent == 2
    (acknowledged,) = journal.outbox.acknowledged(BUS)
    assert (acknowledged.topic, acknowledged.partition, acknowledged.offset) == ("colearner.progress.v1", 4, 11)


def test_what_was_being_sent_when_the_sender_died_is_sent_again(journal: Journal, folder: Path) -> None:
    (stored,) = journal.append([step("1")])
    journal.outbox.mark_sending([stored.event.id])
    with Journal.open(folder) as after:
        assert waiting(after) == []
        assert after.outbox.requeue("another bus") == 0
        assert after.outbox.requeue(BUS) == 1
        assert waiting(after) == [stored.event.id]


def test_a_late_no_does_not_undo_an_acknowledgement(journal: Journal) -> None:
    (stored,) = journal.append([step("1")])
    journal.outbox.mark_sending([stored.event.id])
    deliver(journal, [stored.raw])  # read back from the bus before the acknowledgement came
    journal.outbox.mark_unsent([stored.event.id])
    journal.outbox.mark_refused(stored.event.id, "too late")
    assert journal.outbox.counts() == OutboxCounts(sent=1)


def test_a_refused_event_holds_no_other_back(journal: Journal) -> None:
    one, two = (stored.event.id for stored in journal.append([step("1"), step("2")]))
    journal.outbox.mark_sending([one, two])
    journal.outbox.mark_refused(one, "record too large")
    journal.outbox.mark_unsent([two])
    assert waiting(journal) == [two]
    (refusal,) = journal.outbox.refused()
    assert (refusal.event_id, refusal.reason, refusal.event_type) == (one, "record too large", "progress_update")
    assert journal.event(one).delivery == "refused"  # type: ignore[union-attr]
    assert journal.outbox.retry_refused() == 1
    assert waiting(journal) == [one, two]


def test_sessions_of_other_buses_and_of_none_do_not_go_out_here(journal: Journal) -> None:
    journal.append([step("1", "loose"), step("1", "elsewhere")])
    journal.follow("elsewhere", "other")
    assert waiting(journal) == []
    assert len(waiting(journal, "other")) == 1
    assert journal.outbox.counts().waiting == 2
    assert journal.outbox.counts("other").waiting == 1
    journal.follow("loose", BUS)
    assert len(waiting(journal)) == 1


def test_an_offset_that_nobody_knows_is_not_an_acknowledged_place(journal: Journal) -> None:
    (stored,) = journal.append([step("1")])
    send(journal, [(stored.event.id, 0, -1)])  # DuplicateSequenceNumber: success, offset −1
    assert journal.outbox.counts() == OutboxCounts(sent=1)
    assert journal.outbox.acknowledged(BUS) == ()
    deliver(journal, [stored.raw])
    (acknowledged,) = journal.outbox.acknowledged(BUS)
    assert acknowledged.offset == 0


def test_after_a_loss_only_what_the_bus_did_not_show_is_sent_again(journal: Journal) -> None:
    stored = journal.append([step(str(n)) for n in range(4)])
    names = [each.event.id for each in stored]
    send(journal, [(name, 0, place) for place, name in enumerate(names)])
    deliver(journal, [each.raw for each in stored])
    assert journal.outbox.resend_unseen(BUS) == 0
    journal.cursors.reset(BUS)
    assert journal.outbox.acknowledged(BUS) == ()  # what was acknowledged before says nothing about the new log
    deliver(journal, [stored[1].raw])
    (fresh,) = journal.append([step("5")])
    send(journal, [(fresh.event.id, 0, 1)])  # acknowledged since: it is there
    assert journal.outbox.resend_unseen(BUS) == 3
    assert waiting(journal) == [names[0], names[2], names[3]]
    assert journal.outbox.resend_unseen(BUS) == 0


def test_the_word_of_a_bus_that_the_session_has_left_counts_nothing(journal: Journal) -> None:
    one, two = (stored.event.id for stored in journal.append([step("1"), step("2")]))
    journal.outbox.mark_sending([one, two])
    journal.rebind("s1", "other")
    journal.outbox.mark_sent([(one, 0, 5)])
    assert waiting(journal, "other") == [one, two]
    journal.outbox.mark_sending([two])
    journal.outbox.mark_sent([(two, 0, 6)], bus=BUS)
    assert journal.outbox.counts("other") == OutboxCounts(waiting=1, sending=1)
    journal.outbox.mark_sent([(two, 0, 1)], bus="other")
    assert journal.outbox.counts("other") == OutboxCounts(waiting=1, sent=1)
