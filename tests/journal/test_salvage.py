"""A malformed journal: what can be read is carried over, what cannot is named, and work goes on."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.domain.state import SessionState
from colearner_ls.journal.errors import JournalMalformed, StorageFailed, StorageFull
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.learning_file import LearningFile, LearningWritten
from colearner_ls.journal.lifecycle_file import LifecycleFile
from colearner_ls.journal.records import News
from colearner_ls.journal.tail import Tail
from tests.journal.damages import damage as damage_at_random
from tests.journal.damages import make_sample, numbers
from tests.journal.damages import use as use_damaged
from tests.journal.mounts import fill, read_only, small_disk
from tests.journal.samples import BUS, PROGRESS, deliver, raw, send, step, until

PAGE = 4096


def make(folder: Path, *, lifecycle: bool) -> tuple[set[str], set[str], str]:
    """A journal with some of everything; ids of own events and of others', and the writer."""
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        own = {stored.event.id for n in range(60) for stored in journal.append([step(f"{n}" + "x" * (n * 37 % 900))])}
        others = {stored.event.id for stored in deliver(journal, [raw() for _ in range(60)] + [b"junk"]).new}
        send(journal, [(name, 0, place) for place, name in enumerate(sorted(own)[:20])])
        journal.local.put("link", "a", {"to": "b"}, session="s1")
        journal.claim("receipt:1")
        if lifecycle:
            LifecycleFile(journal).update()
        return own, others, journal.writer


def damage(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def pages_of(path: Path, table: str) -> list[int]:
    """The numbers of the pages of a table or index, from SQLite's own account where it has one, else by the root."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (count,) = db.execute("PRAGMA page_count").fetchone()
    db.close()
    data = path.read_bytes()
    pages = [root]
    for page in pages:
        head = data[(page - 1) * PAGE : page * PAGE]
        if head[0] in (2, 5):  # an interior page: children on the left of each cell, and the right-most one
            cells = int.from_bytes(head[3:5], "big")
            pages.append(int.from_bytes(head[8:12], "big"))
            for cell in range(cells):
                at = int.from_bytes(head[12 + 2 * cell : 14 + 2 * cell], "big")
                pages.append(int.from_bytes(head[at : at + 4], "big"))
    assert all(1 <= page <= count for page in pages)
    return pages


def use(journal: Journal) -> set[str]:
    """Read everything, as a program would; damage shows at the latest here."""
    found = {stored.event.id for stored in journal.events()}
    journal.append([step("after")])
    if journal.integrity_check():
        journal.salvage("the check says so")
        found = {stored.event.id for stored in journal.events()}
    return found


def header(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 0, b"not a database at all..."


def first_page(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 0, os.urandom(PAGE)


def schema_list(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 100, b"\xff" * 400


def application_id(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 68, b"\0\0\0\0"


def layout_number(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 60, b"\0\0\0\0"


def format_version(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 18, b"\x09"


def page_size(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 16, b"\x00\x03"


def event_root(path: Path) -> Iterator[tuple[int, bytes]]:
    yield (pages_of(path, "event")[0] - 1) * PAGE, b"\xff" * 200


def event_leaf(path: Path) -> Iterator[tuple[int, bytes]]:
    yield (pages_of(path, "event")[3] - 1) * PAGE, b"\xff" * 64


def event_leaves(path: Path) -> Iterator[tuple[int, bytes]]:
    for page in pages_of(path, "event")[2::3]:
        yield (page - 1) * PAGE, os.urandom(PAGE)


def order_index(path: Path) -> Iterator[tuple[int, bytes]]:
    yield (pages_of(path, "event_order")[0] - 1) * PAGE, b"\xff" * 64


def outbox_table(path: Path) -> Iterator[tuple[int, bytes]]:
    yield (pages_of(path, "outbox")[0] - 1) * PAGE, b"\xff" * 64


def writer_table(path: Path) -> Iterator[tuple[int, bytes]]:
    yield (pages_of(path, "writer")[0] - 1) * PAGE, b"\xff" * 64


def small_tables(path: Path) -> Iterator[tuple[int, bytes]]:
    for table in ("session", "local", "done", "quarantine"):
        yield (pages_of(path, table)[0] - 1) * PAGE, b"\xff" * PAGE


def everything(path: Path) -> Iterator[tuple[int, bytes]]:
    yield 0, os.urandom(path.stat().st_size)


PLACES = [
    header,
    first_page,
    schema_list,
    application_id,
    layout_number,
    format_version,
    page_size,
    event_root,
    event_leaf,
    event_leaves,
    order_index,
    outbox_table,
    writer_table,
    small_tables,
    everything,
]
Damage = Callable[[Path], Iterator[tuple[int, bytes]]]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_with_its_lifecycle_file_no_own_event_is_lost_wherever_the_damage_is(folder: Path, place: Damage) -> None:
    own, others, writer = make(folder, lifecycle=True)
    for offset, data in list(place(folder / "journal.db")):
        damage(folder / "journal.db", offset, data)
    with Journal.open(folder) as journal:
        found = use(journal)
        assert own <= found
        assert journal.writer != writer
        (report,) = journal.salvages()
        assert not any(event_id in sentence for sentence in report.lost for event_id in own)
        assert report.events + report.from_lifecycle >= len(own)
        assert Path(report.kept).exists()
        assert journal.cursors.all(BUS) == {}  # so that the bus is read again from the beginning
        if journal.bound_bus("s1") is None:
            journal.follow("s1", BUS)
        waiting = {row.id for row in journal.outbox.waiting(BUS)}
        assert own <= waiting  # unsent until they are seen
        seen = [stored.raw for stored in journal.events() if stored.event.id in sorted(own)[:20]]
        deliver(journal, seen)
        assert own & {row.id for row in journal.outbox.waiting(BUS)} == set(sorted(own)[20:])
        assert journal.integrity_check() == ()
        LifecycleFile(journal).update()
        lines = (folder / "lifecycle.jsonl").read_bytes().splitlines()
        assert lines == [stored.raw for stored in journal.events()]
        assert own | others >= found - {stored.event.id for stored in journal.events() if stored.source == "local"}
    with Journal.open(folder) as again:
        assert again.count() == len(lines)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_without_it_what_is_lost_is_named(folder: Path, place: Damage) -> None:
    own, _, _ = make(folder, lifecycle=False)
    for offset, data in list(place(folder / "journal.db")):
        damage(folder / "journal.db", offset, data)
    with Journal.open(folder) as journal:
        found = use(journal)
        (report,) = journal.salvages()
        missing = own - found
        if place in (
            header,
            first_page,
            application_id,
            layout_number,
            format_version,
            page_size,
            order_index,
            outbox_table,
        ):
            assert missing == set()
        if place is everything:
            assert missing == own
            assert any("event" in sentence for sentence in report.lost)
        elif place is event_leaves:
            assert 0 < len(missing) < len(own)
            for event_id in missing:
                assert any(event_id in sentence for sentence in report.lost)
        elif missing:
            assert report.lost


def test_what_else_was_kept_is_carried_over(folder: Path) -> None:
    make(folder, lifecycle=False)
    damage(folder / "journal.db", 0, b"x" * 100)
    with Journal.open(folder) as journal:
        assert journal.bound_bus("s1") == BUS
        assert journal.local.get("link", "a").value == {"to": "b"}  # type: ignore[union-attr]
        assert not journal.claim("receipt:1")
        assert [kept.raw for kept in journal.quarantine.list()] == [b"junk"]


def test_our_own_learning_file_is_not_taken_for_a_peers_afterwards(folder: Path) -> None:
    make(folder, lifecycle=True)
    with Journal.open(folder) as journal:
        LearningFile(journal).write(SessionState("s1"), None)
    damage(folder / "journal.db", 0, b"x" * 100)
    with Journal.open(folder) as journal:
        assert LearningFile(journal).write(SessionState("s1"), None) == LearningWritten(False)
    assert not list(folder.glob("*.bak-*"))


def test_the_log_that_was_not_yet_copied_is_read_too(folder: Path, tmp_path: Path) -> None:
    journal = Journal.open(folder)
    journal.follow("s1", BUS)
    journal.database.checkpoint()
    own = {stored.event.id for n in range(20) for stored in journal.append([step(str(n))])}
    kept = tmp_path / "as killed"
    shutil.copytree(folder, kept)
    journal.close()
    damage(kept / "journal.db", 0, b"\0" * 100)
    with Journal.open(kept) as again:
        assert {stored.event.id for stored in again.events()} == own


@pytest.mark.parametrize("size", [0, 1, 99, 5000, 3 * PAGE, 20 * PAGE])
def test_a_truncated_file_loses_nothing_that_stands_in_the_lifecycle_file(folder: Path, size: int) -> None:
    own, _, _ = make(folder, lifecycle=True)
    os.truncate(folder / "journal.db", size)
    with Journal.open(folder) as journal:
        use(journal)
        LifecycleFile(
            journal
        ).update()  # an empty file is a new journal for SQLite: what is in the lines comes back here
        assert own <= {stored.event.id for stored in journal.events()}
        assert own <= {
            event_id for (event_id,) in journal.database.read(lambda db: db.execute("SELECT id FROM outbox").fetchall())
        }


def test_random_damage_never_loses_an_own_event_that_is_in_both_files(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(int(os.environ.get("COLEARNER_DAMAGES", "10"))):
        folder = tmp_path / str(number)
        own, _, _ = make(folder, lifecycle=True)
        size = (folder / "journal.db").stat().st_size
        for _ in range(chance.randrange(1, 6)):
            damage(folder / "journal.db", chance.randrange(size), chance.randbytes(chance.randrange(1, 300)))
        with Journal.open(folder) as journal:
            assert own <= use(journal), number
            assert journal.integrity_check() == ()


def test_a_flipped_bit_that_sqlite_does_not_see_is_found_by_the_check(journal: Journal, folder: Path) -> None:
    (stored,) = journal.append([step("needle")])
    journal.close()
    data = (folder / "journal.db").read_bytes()
    damage(folder / "journal.db", data.index(b"needle"), b"noodle")
    with Journal.open(folder) as again:
        (problem,) = again.integrity_check()
        assert stored.event.id in problem
        report = again.salvage("a flipped bit")
        assert again.count() == 0
        (sentence,) = report.lost
        assert stored.event.id in sentence
        (kept,) = again.quarantine.list()
        assert kept.reason == "damaged"
        assert b"noodle" in kept.raw


def test_open_journals_go_over_to_the_new_file(folder: Path) -> None:
    own, _, _ = make(folder, lifecycle=True)
    with Journal.open(folder) as reader, Journal.open(folder) as writer:
        news: list[News] = []
        tail = Tail(reader, news.append)
        before = {stored.event.id for stored in reader.events()}
        assert own <= before
        generation = reader.generation
        writer.salvage("a test")
        until(lambda: any(each.reset for each in news))
        until(lambda: sum(len(each.rows) for each in news) >= len(before))
        tail.close()
        assert [each.reset for each in news].index(True) == 0
        assert {stored.event.id for each in news for stored in each.rows} == before
        assert reader.generation == generation + 1
        (fresh,) = reader.append([step("fresh")])
        assert fresh.event.writer == reader.writer == writer.writer
        assert writer.event(fresh.event.id) is not None
        assert len(reader.salvages()) == 1


def test_two_that_find_the_damage_salvage_once(folder: Path) -> None:
    own, _, _ = make(folder, lifecycle=True)
    with Journal.open(folder) as one, Journal.open(folder) as two:
        for page in pages_of(folder / "journal.db", "event"):
            damage(folder / "journal.db", (page - 1) * PAGE, b"\xff" * 64)
        for journal in (one, two):
            assert own <= {stored.event.id for stored in journal.events()}
        assert len(two.salvages()) == 1
        assert len(list(folder.glob("journal.db.malformed-*Z"))) == 1


def test_a_salvage_cut_short_is_finished_by_whoever_comes_next(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, _, _ = make(folder, lifecycle=True)
    real = Path.rename
    for stop in range(1, 4):
        renames = 0

        def dying(self: Path, target: Path, stop: int = stop) -> Path:
            nonlocal renames
            renames += 1
            if renames == stop:
                raise KeyboardInterrupt
            return real(self, target)

        with Journal.open(folder) as journal:
            monkeypatch.setattr(Path, "rename", dying)
            with pytest.raises(KeyboardInterrupt):
                journal.salvage("a test")
            monkeypatch.undo()
        with Journal.open(folder) as journal:
            assert own <= {stored.event.id for stored in journal.events()}, stop
            assert journal.integrity_check() == ()


def test_a_full_disk_stops_the_salvage_and_changes_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk:
        folder = disk / ".colearner"
        own, _, _ = make(folder, lifecycle=True)
        damage(folder / "journal.db", 0, b"x" * 100)
        before = (folder / "journal.db").read_bytes()
        ballast = fill(disk)
        with pytest.raises(StorageFull):
            Journal.open(folder)
        assert (folder / "journal.db").read_bytes() == before
        ballast.unlink()
        with Journal.open(folder) as journal:
            assert own <= {stored.event.id for stored in journal.events()}


def test_reading_alone_cannot_salvage(folder: Path) -> None:
    make(folder, lifecycle=True)
    damage(folder / "journal.db", 0, b"x" * 100)
    before = (folder / "journal.db").read_bytes()
    with read_only(folder), pytest.raises(JournalMalformed, match="damaged"):
        Journal.open(folder, readonly=True)
    assert (folder / "journal.db").read_bytes() == before
    assert PROGRESS


@pytest.mark.parametrize("live", [False, True], ids=["closed", "killed"])
@pytest.mark.parametrize("lifecycle", [True, False], ids=["with-its-lines", "alone"])
def test_damage_drawn_at_random_loses_nothing_that_can_be_read_and_names_the_rest(
    tmp_path: Path, live: bool, lifecycle: bool
) -> None:
    """Hundreds of cases: COLEARNER_DAMAGES=500. What alone cannot be told is a write-ahead log that lost its end."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    sample = make_sample(tmp_path / "sample", live=live, lifecycle=lifecycle)
    for number in range(int(os.environ.get("COLEARNER_DAMAGES", "15"))):
        folder = tmp_path / str(number)
        shutil.copytree(sample.folder, folder)
        what = damage_at_random(folder, chance)
        outcome = use_damaged(folder)
        assert not outcome.error, (what, outcome.error)
        missing = sample.own - outcome.found
        if lifecycle:
            assert not missing, what
        elif not live:
            assert not missing or outcome.named, what
        given_out = numbers(folder)
        assert len(given_out) == len(set(given_out)), what
        shutil.rmtree(folder)


def test_rows_that_a_damaged_page_hides_are_found_in_the_pages_themselves(folder: Path) -> None:
    """The page that leads to the rows is gone, so SQLite finds none of them."""
    own, _, _ = make(folder, lifecycle=False)
    path = folder / "journal.db"
    damage(path, (pages_of(path, "event")[0] - 1) * PAGE, os.urandom(PAGE))
    with Journal.open(folder) as journal:
        assert own <= use(journal)


def test_an_empty_file_where_a_journal_was_is_said(folder: Path) -> None:
    own, _, _ = make(folder, lifecycle=True)
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (folder / name).unlink(missing_ok=True)
    (folder / "journal.db").touch()
    with Journal.open(folder) as journal:
        (report,) = journal.salvages()
        assert "empty or missing" in report.cause
        assert own <= {stored.event.id for stored in journal.events()}
        (after,) = journal.append([step("after")])
        assert after.event.seq == 1  # under a name of its own
    with Journal.open(folder) as again:
        assert len(again.salvages()) == 1


def _folder(place: Path) -> None:
    (place / "something").mkdir(parents=True)


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _link(place: Path) -> None:
    place.symlink_to(place)


FINE = {("journal.lock", _pipe), ("files.lock", _pipe), ("journal.db-shm", _folder)}
"""A pipe can be locked; a folder for shared memory counts as damage, and is put aside with the rest."""


@pytest.mark.parametrize("put", [_folder, _pipe, _link])
@pytest.mark.parametrize(
    "name", ["journal.db", "journal.db-wal", "journal.db-shm", "journal.lock", "journal.writers", "files.lock"]
)
def test_what_is_no_file_in_the_place_of_one_is_named_and_nothing_is_lost(
    folder: Path, name: str, put: Callable[[Path], None]
) -> None:
    own, _, _ = make(folder, lifecycle=True)
    place = folder / name
    if place.exists():
        place.rename(folder / "aside")
    put(place)
    refused = (
        contextlib.nullcontext() if (name, put) in FINE else pytest.raises(StorageFailed, match=re.escape(str(place)))
    )
    with refused, Journal.open(folder) as journal:
        journal.append([step("1")])
        LifecycleFile(journal).update()
    with contextlib.suppress(FileNotFoundError):  # SQLite deletes its own log when it closes
        place.rename(folder / "was in the way")
    with Journal.open(folder) as journal:
        assert own <= {stored.event.id for stored in journal.events()}


def test_an_old_journal_put_back_in_place_gives_no_number_out_twice(folder: Path) -> None:
    """Only the database is put back, into the very same inode: nothing but the lines beside it tells."""
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        journal.append([step("1")])
        LifecycleFile(journal).update()
    old = (folder / "journal.db").read_bytes()
    with Journal.open(folder) as journal:
        later = journal.append([step(str(n)) for n in range(2, 6)])
        LifecycleFile(journal).update()
        writer = journal.writer
    (folder / "journal.db").write_bytes(old)
    with Journal.open(folder) as journal:
        assert journal.writer == writer
        (after,) = journal.append([step("after")])
        assert after.event.seq == 6
        assert {each.event.id for each in later} <= {row.id for row in journal.outbox.waiting(BUS)}


def test_an_old_backup_gets_its_own_later_events_from_the_bus(folder: Path, tmp_path: Path) -> None:
    """F29 for one journal: the cursor is older, everything is read again, and the state is the same as before."""
    said = [raw() for _ in range(5)]
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        first = journal.append([step("1")])
        deliver(journal, [*said[:2], first[0].raw])
    shutil.copytree(folder, tmp_path / "backup")
    with Journal.open(folder) as journal:
        later = journal.append([step("2"), step("3")])
        deliver(journal, [*said[2:], *(each.raw for each in later)])
        before = [(each.event.id, each.event.writer, each.event.seq) for each in journal.events_in_order("s1")]
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "backup", folder)
    with Journal.open(folder) as journal:
        (mine,) = journal.append([step("after")])
        received = deliver(journal, [*said[2:], *(each.raw for each in later)])
        assert {each.event.id for each in later} <= {each.event.id for each in received.new}
        now = [(each.event.id, each.event.writer, each.event.seq) for each in journal.events_in_order("s1")]
        assert [each for each in now if each[0] != mine.event.id] == before
        assert mine.event.writer not in {writer for _, writer, _ in before}
        assert [row.id for row in journal.outbox.waiting(BUS)] == [mine.event.id]
        assert journal.holes() == ()


def test_pages_that_lead_back_to_themselves_do_not_keep_a_reader_for_ever(folder: Path) -> None:
    """The root of the events names itself as every child: SQLite goes round in it, and gives the same rows again."""
    own, _, _ = make(folder, lifecycle=True)
    path = folder / "journal.db"
    pages = pages_of(path, "event")
    at = (pages[0] - 1) * PAGE
    head = path.read_bytes()[at : at + PAGE]
    assert head[0] == 5, "the table has more than one page"
    for cell in range(int.from_bytes(head[3:5], "big")):
        place = int.from_bytes(head[12 + 2 * cell : 14 + 2 * cell], "big")
        damage(path, at + place, pages[1].to_bytes(4, "big"))  # the first leaf, again and again
    damage(path, at + 8, pages[0].to_bytes(4, "big"))
    with Journal.open(folder) as journal:
        assert own <= use(journal)
