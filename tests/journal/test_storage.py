"""Full disks, read-only folders, copied folders, folders on strange filesystems."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from colearner_ls.domain.state import SessionState
from colearner_ls.journal import location
from colearner_ls.journal.errors import JournalMissing, ReadOnly, StorageFull, WalRefused
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.learning_file import LearningFile
from colearner_ls.journal.lifecycle_file import LifecycleFile
from colearner_ls.journal.location import ID_FILE, find, locate, open_journal, unfit
from tests.journal.mounts import fill, read_only, small_disk
from tests.journal.samples import BUS, deliver, ids, raw, step


def test_a_full_disk_refuses_cleanly_and_loses_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk, Journal.open(disk / ".colearner") as journal:
        journal.follow("s1", BUS)
        stored = [*journal.append([step(str(n)) for n in range(50)])]
        lifecycle = LifecycleFile(journal)
        lifecycle.update()
        ballast = fill(disk)
        refusals: list[StorageFull] = []
        for number in range(400):  # the write-ahead log may still have a little room of its own
            try:
                stored += journal.append([step(f"late-{number}" + "x" * 2000)], claim=f"c{number}")
            except StorageFull as error:
                refusals.append(error)
        assert len(refusals) > 5
        assert all("Free some space" in error.hint for error in refusals)
        with pytest.raises(StorageFull):
            journal.receive(BUS, [], {("t", n): _move() for n in range(5000)})
        assert [each.event.id for each in journal.events("s1")] == [each.event.id for each in stored]
        with (disk / ".colearner" / "lifecycle.jsonl").open("r+b") as file:
            file.write(b"#")  # somebody's hand in it: it is to be written anew
        before = (disk / ".colearner" / "lifecycle.jsonl").read_bytes()
        with pytest.raises(StorageFull):
            lifecycle.update()
        assert (disk / ".colearner" / "lifecycle.jsonl").read_bytes() == before
        journal.close()
        with Journal.open(disk / ".colearner") as again:
            assert ids(again) == [each.event.id for each in stored]
            assert again.integrity_check() == ()
            ballast.unlink()
            assert len(again.append([step("after")], claim="c399")) == 1  # the refused append left no claim behind
            assert [each.event.seq for each in again.events("s1")] == list(range(1, len(stored) + 2))
            LifecycleFile(again).update()
            assert (disk / ".colearner" / "lifecycle.jsonl").read_bytes().count(b"\n") == len(stored) + 1


def _move() -> object:
    from colearner_ls.journal.records import CursorMove

    return CursorMove(None, 1, b"x" * 32)


def test_a_journal_that_finds_no_room_for_itself_says_so_and_can_be_made_later(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "512k") as disk:
        folder = disk / ".colearner"
        folder.mkdir()
        ballast = fill(disk)
        with pytest.raises(StorageFull):
            Journal.open(folder)
        ballast.unlink()
        with Journal.open(folder) as journal:
            assert len(journal.append([step("1")])) == 1


def test_a_read_only_folder_can_be_read(folder: Path) -> None:
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        stored = journal.append([step("1")])
    with read_only(folder.parent), Journal.open(folder) as journal:
        assert journal.readonly
        assert list(journal.events("s1")) == list(stored)
        assert journal.sessions()[0].bus == BUS
        assert journal.writer == stored[0].event.writer
        for write in (
            lambda: journal.append([step("2")]),
            lambda: journal.claim("x"),
            lambda: journal.follow("s2", BUS),
            lambda: deliver(journal, [raw()]),
            lambda: LifecycleFile(journal).update(),
            lambda: LearningFile(journal).write(SessionState("s1"), None),
        ):
            with pytest.raises(ReadOnly, match="read-only"):
                write()
    with Journal.open(folder) as journal:
        assert not journal.readonly
        assert journal.append([step("2")])[0].event.seq == 2


def test_a_read_only_folder_is_read_with_what_only_the_log_has(folder: Path, tmp_path: Path) -> None:
    """A crash leaves events in the write-ahead log alone; they were acknowledged all the same."""
    journal = Journal.open(folder)
    journal.append([step("1")])
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)  # as a killed process leaves it
    journal.close()
    (copy / "journal.db-shm").unlink()
    assert (copy / "journal.db-wal").stat().st_size > 0
    with read_only(copy), Journal.open(copy) as reader:
        assert [stored.event.payload["active_step"] for stored in reader.events()] == ["1"]


def test_there_is_nothing_to_read_where_nothing_was_made(tmp_path: Path) -> None:
    with pytest.raises(JournalMissing, match="no journal"):
        Journal.open(tmp_path / "nowhere", create=False)
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "empty").mkdir()
    with read_only(tmp_path / "empty"), pytest.raises(ReadOnly):
        Journal.open(tmp_path / "empty")


def test_a_copied_folder_writes_under_a_new_name(folder: Path, tmp_path: Path) -> None:
    with Journal.open(folder) as journal:
        first = journal.writer
        journal.append([step("1")])
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    with Journal.open(copy) as copied, Journal.open(folder) as original:
        assert original.writer == first
        assert copied.writer != first
        (there,) = copied.append([step("2")])
        (here,) = original.append([step("2")])
        assert (there.event.writer, there.event.seq) == (copied.writer, 1)
        assert (here.event.writer, here.event.seq) == (first, 2)
        assert copied.holes() == ()
    with Journal.open(copy) as again:
        assert again.writer == copied_writer(again)


def copied_writer(journal: Journal) -> str:
    return str(list(journal.events("s1"))[-1].event.writer)


def test_a_moved_folder_keeps_its_name_and_another_machine_gets_one(folder: Path, tmp_path: Path) -> None:
    with Journal.open(folder) as journal:
        first = journal.writer
    folder.rename(tmp_path / "moved")
    with Journal.open(tmp_path / "moved") as journal:
        assert journal.writer == first
    with Journal.open(tmp_path / "moved", machine="another") as journal:
        assert journal.writer != first
    with Journal.open(tmp_path / "moved") as journal:
        assert journal.writer != first  # its numbers may have gone on meanwhile


def test_a_folder_put_back_from_a_backup_writes_under_a_new_name(folder: Path, tmp_path: Path) -> None:
    """Its numbers went on after the backup was made. The inode may be the very same one again."""
    with Journal.open(folder) as journal:
        journal.append([step("1")])
    backup = tmp_path / "backup"
    shutil.copytree(folder, backup)
    with Journal.open(folder) as journal:
        (lost,) = journal.append([step("2")])
    inode = (folder / "journal.db").stat().st_ino
    for name in folder.iterdir():
        if name.name != "journal.db":
            name.unlink()
    (folder / "journal.db").write_bytes((backup / "journal.db").read_bytes())  # keeps the inode, as ext4 often does
    shutil.copytree(backup, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("journal.db"))
    assert (folder / "journal.db").stat().st_ino == inode
    with Journal.open(folder) as journal:
        (stored,) = journal.append([step("3")])
        assert stored.event.writer != lost.event.writer
        assert stored.event.seq == 1


def test_a_program_that_ends_without_closing_leaves_a_tidy_folder(folder: Path) -> None:
    code = """
import sys
from pathlib import Path
from colearner_ls.journal.journal import Journal
from tests.journal.samples import step
journal = Journal.open(Path(sys.argv[1]))
journal.append([step("1")])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, check=True, timeout=60)
    assert not (folder / "journal.db-wal").exists()
    with Journal.open(folder) as journal:
        assert journal.count() == 1


def test_a_file_restored_while_it_is_open_is_noticed(folder: Path, tmp_path: Path) -> None:
    with Journal.open(folder) as journal:
        journal.append([step("1")])
        journal.database.checkpoint()
        backup = tmp_path / "backup.db"
        shutil.copyfile(folder / "journal.db", backup)
        before = journal.writer
        (lost,) = journal.append([step("2")])
        generation = journal.generation
        for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
            (folder / name).unlink()
        shutil.copyfile(backup, folder / "journal.db")
        (after,) = journal.append([step("3")])
        assert journal.generation == generation + 1
        assert journal.writer != before
        assert (after.event.writer, after.event.seq) == (journal.writer, 1)
        assert [stored.event.payload["active_step"] for stored in journal.events()] == ["1", "3"]
        assert journal.event(lost.event.id) is None


def test_a_file_deleted_while_it_is_open_is_missed(folder: Path) -> None:
    with Journal.open(folder) as journal:
        journal.append([step("1")])
        shutil.rmtree(folder)
        with pytest.raises(JournalMissing):
            journal.append([step("2")])
        with pytest.raises(JournalMissing):
            journal.count()
    assert not folder.exists()


# -- where it lives


@pytest.mark.parametrize(
    "place",
    ["Dropbox/x", "OneDrive - School/x", "Library/CloudStorage/GoogleDrive-a@b/x", "My Drive/x", "Nextcloud/a/b"],
)
def test_known_sync_folders_are_no_place_for_a_journal(tmp_path: Path, place: str) -> None:
    folder = tmp_path / place / ".colearner"
    folder.mkdir(parents=True)
    home = tmp_path / "home"
    where = locate(folder, home)
    assert where.path.is_relative_to(home)
    assert "synced" in where.reason
    assert locate(folder, home) == where
    assert find(folder, home).path == folder / "journal.db"  # nothing was made yet
    journal, found = open_journal(folder, home)
    with journal:
        assert found == where
        assert journal.path == where.path
        journal.append([step("1")])
        LifecycleFile(journal).update()
    assert find(folder, home).path == where.path
    assert (folder / "lifecycle.jsonl").exists()
    assert not (folder / "journal.db").exists()
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_folder_synced_by_its_mark_is_seen(tmp_path: Path) -> None:
    (tmp_path / "shared" / ".stfolder").mkdir(parents=True)
    assert "synced" in unfit(tmp_path / "shared" / "repo" / ".colearner")
    assert unfit(tmp_path / "repo" / ".colearner") == ""


def test_a_network_filesystem_is_seen_by_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("nfs4", "cifs", "fuse.sshfs", "9p", "drvfs"):
        monkeypatch.setattr(location, "filesystem", lambda _path, kind=kind: kind)
        assert kind in unfit(tmp_path)
    monkeypatch.setattr(location, "filesystem", lambda _path: "ext4")
    assert unfit(tmp_path) == ""


def test_the_innermost_mount_decides(tmp_path: Path) -> None:
    table = "\n".join(
        [
            "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw",
            "23 22 0:40 / /home rw - nfs4 server:/home rw",
            r"24 23 0:41 / /home/me/my\040disk rw shared:2 master:1 - xfs /dev/sdb1 rw",
            "25 22 0:42 / /mnt rw - ext4 /dev/sdc rw",
            "26 25 0:43 / /mnt rw - cifs //server/x rw",
            "nonsense",
        ]
    )
    kinds = {
        path: location._type_in(table, path)
        for path in ("/etc", "/home/me", "/home/me/my disk/x", "/homestead", "/mnt/a")
    }
    assert kinds == {
        "/etc": "ext4",
        "/home/me": "nfs4",
        "/home/me/my disk/x": "xfs",
        "/homestead": "ext4",
        "/mnt/a": "cifs",
    }
    with small_disk(tmp_path / "disk") as disk:
        assert location.filesystem(disk / "sub") == "tmpfs"


def test_where_wal_is_refused_the_journal_goes_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, home = tmp_path / "repo" / ".colearner", tmp_path / "home"
    real = Journal.open.__func__  # type: ignore[attr-defined]

    def refusing(cls: type[Journal], path: Path, **more: object) -> Journal:
        if path.is_relative_to(folder):
            path.touch()
            raise WalRefused("no WAL here", "")
        return real(cls, path, **more)

    monkeypatch.setattr(Journal, "open", classmethod(refusing))
    journal, where = open_journal(folder, home)
    with journal:
        assert where.path.is_relative_to(home)
        assert where.reason == "no WAL here"
    assert not (folder / "journal.db").exists()
    again, found = open_journal(folder, home)
    again.close()
    assert found.path == where.path


def test_wal_refused_by_sqlite_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``PRAGMA journal_mode=WAL`` answers with the mode that it stays in: in memory it cannot change."""
    from colearner_ls.journal.database import prepare_layout

    with sqlite3.connect(":memory:", isolation_level=None) as db, pytest.raises(WalRefused, match="memory"):
        prepare_layout(db, tmp_path / "journal.db")
    db.close()


def test_a_copy_of_a_workspace_does_not_share_its_journal_at_home(tmp_path: Path) -> None:
    home = tmp_path / "home"
    one = tmp_path / "Dropbox" / "one" / ".colearner"
    journal, first = open_journal(one, home)
    journal.close()
    two = tmp_path / "Dropbox" / "two" / ".colearner"
    shutil.copytree(one, two)
    journal, second = open_journal(two, home)
    journal.close()
    assert first.path != second.path
    assert locate(one, home) == first
    one.parent.rename(tmp_path / "Dropbox" / "renamed")
    assert locate(tmp_path / "Dropbox" / "renamed" / ".colearner", home).path == first.path


@pytest.mark.parametrize("hostile", [b"../../../etc", b"\xff" * 40, b"", b"/tmp/x"])
def test_a_hostile_workspace_id_names_no_path(tmp_path: Path, hostile: bytes) -> None:
    folder = tmp_path / "Dropbox" / ".colearner"
    folder.mkdir(parents=True)
    (folder / ID_FILE).write_bytes(hostile)
    where = locate(folder, tmp_path / "home")
    assert where.path.parent.parent == tmp_path / "home" / "journals"
    assert os.path.realpath(where.path).startswith(os.path.realpath(tmp_path / "home"))


def test_a_journal_that_is_there_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal.open(tmp_path / ".colearner").close()
    monkeypatch.setattr(location, "unfit", lambda _folder: "changed its mind")
    assert locate(tmp_path / ".colearner", tmp_path / "home").path == tmp_path / ".colearner" / "journal.db"
