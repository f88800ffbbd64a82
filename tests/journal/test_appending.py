"""Appending: what one transaction gives out and keeps together."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from colearner_ls.contracts.errors import BadInput, NotAllowed, TooLarge
from colearner_ls.contracts.event import MAX_CLOCK_LEAD_US
from colearner_ls.contracts.ids import new_id
from colearner_ls.journal.errors import DuplicateId, JournalClosed, JournalTooNew, NotAJournal
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Draft, LocalRecord
from tests.journal.samples import BUS, NOW, deliver, envelope, ids, raw, step


def test_an_event_and_its_outbox_row_are_stored_together(journal: Journal) -> None:
    (stored,) = journal.append([step("1")], wall_us=NOW)
    event = stored.event
    assert (event.hlc, event.ts) == (NOW, "2026-09-21T14:13:20.000000Z")
    assert (event.writer, event.seq) == (journal.writer, 1)
    assert stored.delivery == "waiting"
    assert stored.source == "local"
    assert journal.event(event.id) == stored
    (waiting,) = journal.outbox.waiting(BUS)
    assert (waiting.raw, waiting.topic, waiting.session_id) == (stored.raw, "colearner.progress.v1", "s1")
    assert json.loads(stored.raw)["id"] == event.id


def test_hlc_is_now_or_one_more_than_the_greatest_of_the_session(journal: Journal) -> None:
    (first,) = journal.append([step("1")], wall_us=NOW)
    (second,) = journal.append([step("2")], wall_us=NOW - 3600 * 1_000_000)  # the clock went back an hour
    (other,) = journal.append([step("1", "s2")], wall_us=NOW - 5)  # another session has an order of its own
    assert first.event.hlc == NOW
    assert second.event.hlc == NOW + 1
    assert other.event.hlc == NOW - 5


@pytest.mark.parametrize(("lead", "advances"), [(MAX_CLOCK_LEAD_US, True), (MAX_CLOCK_LEAD_US + 1, False)])
def test_an_hlc_over_a_day_ahead_does_not_advance_ours(journal: Journal, lead: int, advances: bool) -> None:
    received = deliver(journal, [raw(hlc=NOW + lead)])
    (stored,) = journal.append([step("1")], wall_us=NOW)
    assert stored.event.hlc == (NOW + lead + 1 if advances else NOW)
    assert len(received.new) == 1
    assert bool(received.ahead) is not advances


def test_an_answer_is_ordered_after_what_its_writer_had_seen(journal: Journal) -> None:
    deliver(journal, [raw(hlc=NOW + 10 * 60 * 1_000_000)])  # a writer whose clock is ten minutes ahead
    journal.append([step("answer")], wall_us=NOW)
    assert [stored.event.payload["active_step"] for stored in journal.events_in_order("s1")] == ["1", "answer"]


def test_seq_is_gapless_per_session(journal: Journal) -> None:
    journal.append([step("1"), step("2"), step("1", "s2")])
    journal.append([step("3"), step("2", "s2")])
    assert [stored.event.seq for stored in journal.events("s1")] == [1, 2, 3]
    assert [stored.event.seq for stored in journal.events("s2")] == [1, 2]
    assert journal.holes() == ()


def test_drafts_of_one_append_may_refer_to_one_another(journal: Journal) -> None:
    evidence_id = new_id()
    evidence, submission = journal.append(
        [
            Draft("evidence_snapshot", "student", "s1", {"path": "a.py"}, event_id=evidence_id),
            Draft("exercise_submission", "student", "s1", {"exercise_id": "e", "evidence": [evidence_id]}),
        ]
    )
    assert submission.event.payload["evidence"] == [evidence.event.id]
    assert submission.event.hlc > evidence.event.hlc


@pytest.mark.parametrize(
    ("draft", "error"),
    [
        (Draft("progress_update", "student", "s1", {}), BadInput),
        (Draft("progress_update", "coach", "s1", {"active_step": "1"}), NotAllowed),
        (Draft("progress_update", "student", "s1", {"active_step": "x" * 300_000}), TooLarge),
        (Draft("no_such_thing", "student", "s1", {}), BadInput),
        (Draft("progress_update", "student", "", {"active_step": "1"}), BadInput),
    ],
)
def test_one_bad_draft_leaves_nothing_of_the_whole_append(
    journal: Journal, draft: Draft, error: type[Exception]
) -> None:
    with pytest.raises(error):
        journal.append([step("good"), draft], local=[LocalRecord("k", "x", 1)], claim="once")
    assert journal.count() == 0
    assert journal.outbox.waiting(BUS) == ()
    assert journal.local.list("k") == ()
    (stored,) = journal.append([step("good")], claim="once")
    assert stored.event.seq == 1


def test_an_id_is_given_once(journal: Journal) -> None:
    (stored,) = journal.append([step("1")])
    with pytest.raises(DuplicateId):
        journal.append([step("2"), step("3", event_id=stored.event.id)])
    assert ids(journal) == [stored.event.id]


def test_a_claim_lets_one_of_many_through(journal: Journal, folder: Path) -> None:
    won: list[int] = []
    barrier = threading.Barrier(8)

    def compete(number: int, mine: Journal) -> None:
        barrier.wait()
        if mine.append([step(str(number))], claim="receipt:1"):
            won.append(number)

    with Journal.open(folder) as other:
        threads = [threading.Thread(target=compete, args=(n, journal if n % 2 else other)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(won) == 1
    assert [stored.event.payload["active_step"] for stored in journal.events()] == [str(won[0])]
    assert not journal.claim("receipt:1")
    assert journal.claim("receipt:2")
    assert not journal.claim("receipt:2")


def test_local_records_come_with_the_append(journal: Journal) -> None:
    journal.append([step("1")], local=[LocalRecord("link", "a", {"to": "é\ud800"}, "s1")], wall_us=NOW)
    (record,) = journal.local.list("link", session="s1")
    assert record == LocalRecord("link", "a", {"to": "é\ud800"}, "s1", NOW)
    journal.local.put("link", "a", None)
    assert journal.local.get("link", "a").value is None  # type: ignore[union-attr]
    assert journal.local.list("link", session="s1") == ()
    assert journal.local.delete("link", "a")
    assert not journal.local.delete("link", "a")


def test_a_forged_number_of_ours_does_not_end_our_numbers(journal: Journal) -> None:
    journal.append([step("1")])
    deliver(journal, [raw(writer=journal.writer, seq=2**53 - 1)])
    assert [journal.append([step(name)])[0].event.seq for name in "23"] == [2, 3]


def test_a_number_of_ours_that_the_bus_brings_back_is_not_given_out_again(journal: Journal) -> None:
    journal.append([step("1")])
    deliver(journal, [raw(writer=journal.writer, seq=7)])  # said here before this journal was put back from a backup
    assert journal.append([step("2")])[0].event.seq == 8


def test_what_is_not_published_takes_no_number(journal: Journal) -> None:
    _, private, last = journal.append([step("1"), step("2", publish=False), step("3")])
    assert (private.event.writer, private.event.seq, private.delivery) == (None, None, None)
    assert last.event.seq == 2
    assert [row.event.payload["active_step"] for row in journal.outbox.waiting(BUS)] == ["1", "3"]


def test_threads_and_connections_append_at_once(journal: Journal, folder: Path) -> None:
    failures: list[BaseException] = []

    def work(mine: Journal, name: str) -> None:
        try:
            for number in range(20):
                mine.append([step(f"{name}{number}")])
                list(mine.events("s1", after_row=mine.last_row() - 1))
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    with Journal.open(folder) as other:
        threads = [
            threading.Thread(target=work, args=(each, f"{n}-")) for n, each in enumerate((journal, journal, other))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    events = list(journal.events("s1"))
    assert [stored.event.seq for stored in events] == list(range(1, 61))
    assert [stored.event.hlc for stored in events] == sorted({stored.event.hlc for stored in events})


def test_reading_imports_no_validation_and_no_event_loop(folder: Path) -> None:
    with Journal.open(folder) as journal:
        journal.append([step("1")])
    code = """
import sys
from pathlib import Path
from colearner_ls.journal.journal import Journal
with Journal.open(Path(sys.argv[1])) as journal:
    assert [s.event.payload["active_step"] for s in journal.events("s1")] == ["1"]
    assert journal.sessions()[0].id == "s1" and journal.outbox.counts().waiting == 1 and journal.local.list("x") == ()
heavy = {"pydantic", "asyncio", "rich", "aiokafka", "uuid_utils", "platformdirs"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=60)


def test_find_takes_the_beginning_and_the_end_of_an_id(journal: Journal) -> None:
    first, second = journal.append([step("1"), step("2")])
    assert journal.find(first.event.id[-8:].upper()) == (first,)
    assert journal.find(first.event.id) == (first,)
    assert journal.find(second.event.id[:8]) == (second, first)  # made in the same minute
    assert journal.find(first.event.id[:8], limit=1) == (second,)
    for nothing in ("", "abc", "%%%%", "____", "' OR 1=1 --", "zzzz"):
        assert journal.find(nothing) == ()


def test_reading_after_a_row_and_after_a_position(journal: Journal) -> None:
    stored = journal.append([step(str(n)) for n in range(1203)])  # more than two chunks
    assert list(journal.events("s1")) == list(stored)
    assert list(journal.events("s1", after_row=stored[600].row)) == list(stored[601:])
    assert list(journal.events_in_order("s1", stored[999].event.position)) == list(stored[1000:])
    assert journal.count("s1") == journal.count() == 1203
    assert journal.last_row() == stored[-1].row


def test_a_closed_journal_says_so(folder: Path) -> None:
    journal = Journal.open(folder)
    journal.close()
    journal.close()
    with pytest.raises(JournalClosed):
        journal.append([step("1")])
    with pytest.raises(JournalClosed):
        journal.count()


def test_the_folder_ignores_itself_and_an_own_gitignore_stays(tmp_path: Path) -> None:
    Journal.open(tmp_path / "one").close()
    assert (tmp_path / "one" / ".gitignore").read_text() == "*\n"
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / ".gitignore").write_text("mine\n")
    Journal.open(tmp_path / "two").close()
    assert (tmp_path / "two" / ".gitignore").read_text() == "mine\n"


def test_other_databases_and_newer_journals_are_left_alone(tmp_path: Path) -> None:
    import sqlite3

    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE precious(x)")
    before = foreign.read_bytes()
    with pytest.raises(NotAJournal):
        Journal.open(foreign)
    assert foreign.read_bytes() == before
    Journal.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "journal.db") as db:
        db.execute("PRAGMA user_version=99")
    with pytest.raises(JournalTooNew, match="layout 99"):
        Journal.open(tmp_path)


def test_peers_events_carry_no_author_and_read_all_the_same(journal: Journal) -> None:
    value = raw(id=None, hlc=None, author=None)
    (stored,) = deliver(journal, [value]).new
    assert stored.event.derived
    assert stored.raw == value
    assert stored.event.hlc == 1_768_910_400_000_000
    assert journal.event(stored.event.id) == stored
    assert envelope()["id"] != stored.event.id
