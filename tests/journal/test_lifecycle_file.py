"""``lifecycle.jsonl``: a copy of the journal, healed when torn, rebuilt identical, peers' lines taken in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from colearner_ls.contracts.ids import content_hash
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lifecycle_file import LifecycleFile, LifecycleWritten
from colearner_ls.journal.records import Draft
from tests.journal.samples import BUS, NOW, deliver, envelope, raw, step

PEER = {"ts": "2026-01-20T12:00:00Z", "session_id": "s1", "stage": "note", "note": "well done"}


@pytest.fixture
def file(journal: Journal) -> LifecycleFile:
    return LifecycleFile(journal)


def expected(journal: Journal) -> bytes:
    return b"".join(stored.raw + b"\n" for stored in journal.events())


def test_every_event_is_one_line_of_the_received_bytes_in_journal_order(journal: Journal, file: LifecycleFile) -> None:
    journal.append([step("1"), step("2", "s2")])
    received = deliver(journal, [raw(hlc=5, zusätzlich=1.50), raw(event_type="hologram", payload={})])
    assert file.update() == LifecycleWritten(4, rebuilt=True)
    assert file.path.read_bytes() == expected(journal)
    assert file.path.read_bytes().splitlines()[2] == received.new[0].raw
    journal.append([step("3")])
    assert file.update() == LifecycleWritten(1)
    assert file.update() == LifecycleWritten(0)
    assert file.path.read_bytes() == expected(journal)


def test_updating_when_nothing_is_new_writes_nothing(journal: Journal, file: LifecycleFile) -> None:
    journal.append([step("1")])
    file.update()
    before = file.path.stat()
    version = journal.database.read(lambda db: db.execute("PRAGMA data_version").fetchone())
    file.update()
    assert file.path.stat() == before
    assert journal.database.read(lambda db: db.execute("PRAGMA data_version").fetchone()) == version


def test_deleted_it_is_rebuilt_identical(journal: Journal, file: LifecycleFile) -> None:
    journal.append([step(str(n)) for n in range(1200)])
    file.update()
    before = file.path.read_bytes()
    file.path.unlink()
    assert file.update().rebuilt
    assert file.path.read_bytes() == before == expected(journal)


def test_torn_at_every_byte_of_its_end_it_is_completed(journal: Journal, file: LifecycleFile) -> None:
    journal.append([step("1"), step("2"), step("3")])
    file.update()
    whole = file.path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for size in (*range(last - 3, len(whole)), 0, 1):
        os.truncate(file.path, size)
        written = file.update()
        assert file.path.read_bytes() == whole
        assert written.kept is None
        assert not written.rebuilt
    assert not list(file.path.parent.glob("*.bak-*"))


def test_a_crash_between_writing_and_remembering_is_seen(journal: Journal, file: LifecycleFile) -> None:
    journal.append([step("1")])
    file.update()
    journal.append([step("2"), step("3")])
    with file.path.open("ab") as other:
        other.write(expected(journal)[file.path.stat().st_size :][:-7])
    assert file.update() == LifecycleWritten(1)  # the torn last line
    assert file.path.read_bytes() == expected(journal)


def test_a_change_in_the_middle_is_seen_even_at_the_same_size(journal: Journal, file: LifecycleFile) -> None:
    journal.append([step("1"), step("2")])
    file.update()
    whole = file.path.read_bytes()
    file.path.write_bytes(whole.replace(b'"1"', b'"7"', 1))
    written = file.update()
    assert written.rebuilt
    assert written.kept is not None
    assert written.kept.read_bytes() == whole.replace(b'"1"', b'"7"', 1)
    assert file.path.read_bytes() == whole


def test_a_line_break_inside_an_event_does_not_break_the_line(journal: Journal, file: LifecycleFile) -> None:
    fields = envelope(payload={"active_step": "a\nb"})
    deliver(journal, [json.dumps(fields, indent=2).encode().replace(b"\n", b"\r\n")])
    file.update()
    (line,) = file.path.read_bytes().splitlines()
    assert json.loads(line) == fields


def test_an_event_that_displaces_another_rewrites_the_file(journal: Journal, file: LifecycleFile) -> None:
    event_id = "6f1b0a52-0000-4000-8000-000000000001"
    small, large = sorted(
        (envelope(id=event_id, payload={"active_step": str(n)}) for n in range(2)), key=lambda f: content_hash(f, False)
    )
    deliver(journal, [json.dumps(large).encode(), raw()])
    file.update()
    deliver(journal, [json.dumps(small).encode()])
    written = file.update()
    assert written.rebuilt
    assert written.kept is None  # what was displaced is in quarantine
    assert file.path.read_bytes() == expected(journal)
    assert len(file.path.read_bytes().splitlines()) == 2


def test_peers_lines_become_local_remarks_and_are_never_published(journal: Journal, file: LifecycleFile) -> None:
    line = json.dumps(PEER).encode()
    file.path.write_bytes(line + b"\n" + json.dumps({**PEER, "stage": "insight"}).encode() + b"\n")
    (own,) = journal.append([step("1")])
    assert file.update() == LifecycleWritten(1, rebuilt=True, remarks=2)
    assert file.path.read_bytes() == own.raw + b"\n"
    with file.path.open("ab") as peer:
        peer.write(line + b"\n")  # the same again, and a new one without a line end
        peer.write(json.dumps({**PEER, "note": "more"}).encode())
    journal.append([step("2")])
    written = file.update()
    assert (written.remarks, written.kept) == (1, None)
    assert file.path.read_bytes() == expected(journal)
    remarks = journal.local.list("remark", session="s1")
    assert [record.value["note"] for record in remarks] == ["well done", "well done", "more"]
    assert remarks[0].value == PEER
    assert len(journal.outbox.waiting(BUS)) == 2
    assert journal.count() == 2


def test_what_is_neither_is_kept_aside(journal: Journal, file: LifecycleFile) -> None:
    stranger = raw(writer="11111111-1111-4111-8111-111111111111", seq=1)
    content = b"\xff\xfe not a line\n" + stranger + b"\n" + json.dumps(PEER).encode() + b"\n"
    file.path.write_bytes(content)
    journal.append([step("1")])
    written = file.update()
    assert (written.remarks, written.adopted) == (1, 0)
    assert written.kept is not None
    assert written.kept.read_bytes() == content
    assert written.kept.name.startswith("lifecycle.jsonl.bak-")
    assert file.path.read_bytes() == expected(journal)
    assert journal.count() == 1


def test_own_events_that_the_journal_lost_come_back_unsent(journal: Journal, file: LifecycleFile) -> None:
    """A write-ahead log cut short by a power failure loses commits without SQLite noticing."""
    kept, lost = journal.append([step("1"), step("2")])
    file.update()
    journal.database.write(
        lambda db: [db.execute(f"DELETE FROM {table} WHERE id = ?", (lost.event.id,)) for table in ("event", "outbox")],
        durable=False,
    )
    journal.database.write(lambda db: db.execute("DELETE FROM projection"), durable=False)
    written = file.update()
    assert (written.adopted, written.kept) == (1, None)
    assert [row.id for row in journal.outbox.waiting(BUS)] == [kept.event.id, lost.event.id]
    assert journal.append([step("3")])[0].event.seq == 3


def forget_events(journal: Journal) -> None:
    tables = ("event", "outbox", "projection")
    journal.database.write(lambda db: [db.execute(f"DELETE FROM {table}") for table in tables], durable=False)


def test_an_event_that_was_taken_back_does_not_come_back(journal: Journal, file: LifecycleFile) -> None:
    (taken_back,) = journal.append([step("secret")])
    file.update()
    forget_events(journal)
    (instead,) = journal.append([Draft("evidence_withdrawn", "student", "s1", {"writer_seq": 1}, student_id="stu")])
    assert instead.event.seq == taken_back.event.seq
    written = file.update()
    assert written.adopted == 0
    assert [stored.event.id for stored in journal.events()] == [instead.event.id]
    assert b"secret" not in file.path.read_bytes()


def test_an_event_whose_number_was_given_out_again_comes_back_all_the_same(
    journal: Journal, file: LifecycleFile
) -> None:
    (lost,) = journal.append([step("precious")])
    file.update()
    forget_events(journal)
    (other,) = journal.append([step("written by a journal that had forgotten")], wall_us=NOW)
    assert other.event.seq == lost.event.seq
    assert file.update().adopted == 1
    assert {stored.event.id for stored in journal.events()} == {lost.event.id, other.event.id}


def test_numbers_that_the_file_has_are_not_given_out_again(journal: Journal, file: LifecycleFile, folder: Path) -> None:
    stored = journal.append([step(str(n)) for n in range(5)])
    file.update()
    query = "DELETE FROM event WHERE seq > 2"
    journal.database.write(lambda db: [db.execute(query), db.execute("DELETE FROM projection")], durable=False)
    journal.close()
    with Journal.open(folder) as again:
        assert again.writer == stored[0].event.writer
        (after,) = again.append([step("after")])
        assert after.event.seq == 6
        assert {each.event.id for each in stored} < {each.event.id for each in again.events()}


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_moved_aside(journal: Journal, file: LifecycleFile, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    if kind == "link":
        file.path.symlink_to(target)
    elif kind == "folder":
        file.path.mkdir()
        (file.path / "x").write_text("precious")
    else:
        os.mkfifo(file.path)
    journal.append([step("1")])
    written = file.update()
    assert written.kept is not None
    assert target.read_text() == "precious"
    assert file.path.is_file()
    assert not file.path.is_symlink()
    assert file.path.read_bytes() == expected(journal)


def test_two_processes_update_the_same_file(journal: Journal, folder: Path) -> None:
    with Journal.open(folder) as other:
        files = [LifecycleFile(journal), LifecycleFile(other)]
        for number in range(12):
            (journal if number % 3 else other).append([step(str(number))])
            files[number % 2].update()
        for file in files:
            file.update()
        assert files[0].path.read_bytes() == expected(journal)


def test_it_may_be_large(journal: Journal, file: LifecycleFile) -> None:
    """Written in pieces of a megabyte, and read back in chunks."""
    journal.append([step("x" * 200_000) for _ in range(12)])
    file.path.write_bytes(b"")
    assert file.update() == LifecycleWritten(12)
    assert file.path.read_bytes() == expected(journal)
