"""What only the embedded bus can meet: its file is moved, replaced, damaged, full, and written by many processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from colearner_ls.bus.errors import BusRefused, BusStorageFull, BusUnreachable
from colearner_ls.bus.file_lock import FileLock
from colearner_ls.bus.protocol import IndexedBus, open_bus
from colearner_ls.bus.records import Ack, OutgoingRecord
from colearner_ls.bus.sqlite import SqliteBus
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import EVENTS, PROGRESS, TOPICS

from .conftest import Keep
from .transports import Embedded, publish_until_acked, read_all, record

ROOT = Path(__file__).resolve().parents[2]


def bus_in(folder: Path, *, patience: float = 5.0) -> SqliteBus:
    return SqliteBus(BusUrl.for_file(folder / "bus.db"), wait_s=patience)


async def test_the_scheme_picks_the_module(tmp_path: Path, keep: Keep) -> None:
    bus = await open_bus(BusUrl.for_file(tmp_path / "bus.db"), client_id="x")
    assert isinstance(bus, IndexedBus)
    await keep(bus)


async def test_the_file_belongs_to_its_owner_alone(tmp_path: Path, keep: Keep) -> None:
    bus = await keep(bus_in(tmp_path))
    await bus.publish([record(EVENTS, "s", "v")])
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file


async def test_a_missing_folder_is_not_made(tmp_path: Path) -> None:
    bus = bus_in(tmp_path / "not" / "there")
    with pytest.raises(BusUnreachable, match="folder is not there"):
        await bus.connect()
    assert not (tmp_path / "not").exists()
    await bus.close()


async def test_a_file_that_was_deleted_is_noticed_and_made_again(tmp_path: Path, keep: Keep) -> None:
    writer, reader = await keep(bus_in(tmp_path)), await keep(bus_in(tmp_path))
    old = await writer.connect()
    await writer.publish([record(EVENTS, "s", "lost")])
    for file in tmp_path.iterdir():
        file.unlink()

    with pytest.raises(BusUnreachable, match="not there"):
        await writer.publish([record(EVENTS, "s", "v")])
    with pytest.raises(BusUnreachable, match="not there"):
        await reader.read({(EVENTS, 0): 1}, max_wait=5)
    new = await writer.connect()
    assert new != old
    assert await reader.connect() == new
    assert (await reader.ends())[EVENTS, 0] == 0
    assert isinstance((await writer.publish([record(EVENTS, "s", "v")]))[0], Ack)


async def test_another_file_in_its_place_is_another_bus(tmp_path: Path, keep: Keep) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    bus, other = await keep(bus_in(here)), await keep(bus_in(there))
    identity, other_identity = await bus.connect(), await other.connect()
    await other.publish([record(EVENTS, "s", "theirs")])
    await other.close()
    here.rename(tmp_path / "away")
    there.rename(here)

    with pytest.raises(BusUnreachable):
        await bus.publish([record(EVENTS, "s", "ours")])
    assert await bus.connect() == other_identity != identity
    assert [r.value for r in await read_all(bus, {(EVENTS, 0): 0}, 1)] == [b"theirs"]


async def test_letting_go_of_a_moved_file_leaves_the_new_one_alone(tmp_path: Path, keep: Keep) -> None:
    """SQLite, closing a file that was moved, would delete the WAL of whatever stands in its place by now."""
    here = tmp_path / "here"
    here.mkdir()
    old = await keep(bus_in(here))
    await old.publish([record(EVENTS, "s", "old")])
    shutil.move(here, tmp_path / "away")
    here.mkdir()
    new = await keep(bus_in(here))
    await new.publish([record(EVENTS, "s", "new")])
    wal = here / "bus.db-wal"
    before = (wal.stat().st_ino, wal.stat().st_size)
    assert before[1] > 0

    await old.close()

    assert (wal.stat().st_ino, wal.stat().st_size) == before
    await new.publish([record(EVENTS, "s", "newer")])
    witness = await keep(bus_in(here))
    assert [r.value for r in await read_all(witness, {(EVENTS, 0): 0}, 2)] == [b"new", b"newer"]


async def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "bus.db") as db:
        db.execute("CREATE TABLE shopping (item TEXT)")
    db.close()
    bus = bus_in(tmp_path)
    with pytest.raises(BusRefused, match="not a colearner bus") as refused:
        await bus.connect()
    assert refused.value.hint
    await bus.close()
    with sqlite3.connect(tmp_path / "bus.db") as db:
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("shopping",)]
    db.close()


async def test_what_is_no_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "bus.db"
    path.write_bytes(b"just some text, longer than a header of SQLite is\n" * 100)
    bus = bus_in(tmp_path)
    with pytest.raises(BusRefused, match="not a database"):
        await bus.connect()
    await bus.close()
    assert path.read_bytes().startswith(b"just some text")


async def test_a_bus_of_a_newer_colearner_is_left_alone(tmp_path: Path, keep: Keep) -> None:
    bus = await keep(bus_in(tmp_path))
    await bus.close()
    with sqlite3.connect(tmp_path / "bus.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    later = bus_in(tmp_path)
    with pytest.raises(BusRefused, match="newer"):
        await later.connect()
    await later.close()


async def test_a_lock_that_is_held_is_told_by_its_holder(tmp_path: Path, keep: Keep) -> None:
    bus = await keep(bus_in(tmp_path, patience=0.5))
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "bus.db.lock")], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "held\n"
        (outcome,) = await bus.publish([record(EVENTS, "s", "v")])
        assert str(holder.pid) in outcome.reason
        assert bus.last_cause == outcome.reason
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    # A dead holder holds nothing.
    await publish_until_acked(bus, [record(EVENTS, "s", "v")])


HOLD = """
import sys, time
from pathlib import Path
from colearner_ls.bus.file_lock import FileLock
with FileLock(Path(sys.argv[1])).held():
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_lock_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = FileLock(path)
    assert lock.in_place
    path.unlink()
    assert not lock.in_place
    FileLock(path).close()
    assert not lock.in_place
    lock.close()


async def test_sessions_are_found_by_the_index(tmp_path: Path, keep: Keep) -> None:
    bus = await keep(bus_in(tmp_path))
    await bus.publish([record(TOPICS[n % 2], f"session {n % 5}", f"{n:03}") for n in range(200)])
    until = await bus.ends()
    await bus.publish([record(TOPICS[0], "session 3", "after the end that was noted")])
    keys = [b"session 1", b"session 3"]

    pages, start = [], {}
    while True:
        page = await bus.read_keys(keys, start=start, until=until, limit=7)
        assert len(page.records) <= 7
        pages.extend(page.records)
        start = page.next
        if page.done:
            break

    assert start == until
    assert {r.key for r in pages} == set(keys)
    assert sorted(r.value for r in pages) == [f"{n:03}".encode() for n in range(200) if n % 5 in (1, 3)]
    by_topic = {topic: [r.offset for r in pages if r.topic == topic] for topic in TOPICS[:2]}
    assert all(offsets == sorted(set(offsets)) for offsets in by_topic.values())
    assert (await bus.read_keys([b"nobody"], start={}, until=until)).records == ()
    (only_later,) = (
        await bus.read_keys(keys, start={(TOPICS[0], 0): 100}, until={(TOPICS[0], 0): 101}, limit=7)
    ).records
    assert only_later.value == b"after the end that was noted"
    with sqlite3.connect(f"file:{tmp_path / 'bus.db'}?mode=ro", uri=True) as db:
        plan = str(
            db.execute("EXPLAIN QUERY PLAN SELECT * FROM record WHERE key IN (?) AND topic = 1", (b"",)).fetchall()
        )
    db.close()
    assert "record_key" in plan, "reading by key goes through the whole file"


async def test_readers_are_woken_without_a_doorbell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep
) -> None:
    blocked = tmp_path / "run"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(blocked))
    monkeypatch.setattr("tempfile.tempdir", str(blocked))
    reader, writer = await keep(bus_in(tmp_path)), await keep(bus_in(tmp_path))
    assert reader._bell is None, "the fault is not in force"
    waiting = asyncio.ensure_future(reader.read({(EVENTS, 0): 0}, max_wait=20))
    await asyncio.sleep(0)
    started = time.monotonic()
    await writer.publish([record(EVENTS, "s", "v")])
    assert [r.value for r in await waiting] == [b"v"]
    assert time.monotonic() - started < 3


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """The path of a socket has a narrow limit, and pytest's folders are deep."""
    with tempfile.TemporaryDirectory(prefix="cl") as folder:
        yield Path(folder)


async def test_the_doorbell_rings_other_processes_and_dead_ones_are_swept_away(
    tmp_path: Path, short_folder: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder))
    bus = await keep(bus_in(tmp_path))
    (own,) = short_folder.rglob("bus-*/*")
    dead = own.with_name("999999-0")
    code = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(dead)], check=True)
    assert dead.exists()
    script = WRITE.format(count=1, batch=1)
    waiting = asyncio.ensure_future(bus.read({(EVENTS, 0): 0}, max_wait=20))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, str(tmp_path), "x", cwd=ROOT)
    assert [r.value for r in await waiting] == [b"x 0"]
    await process.wait()
    assert not dead.exists()
    assert own.exists()


WRITE = """
import asyncio, sys
from pathlib import Path
from colearner_ls.bus.records import OutgoingRecord
from colearner_ls.bus.sqlite import SqliteBus
from colearner_ls.bus.url import BusUrl

async def main():
    bus = SqliteBus(BusUrl.for_file(Path(sys.argv[1], "bus.db")), wait_s=60)
    await bus.connect()
    for number in range({count}):
        records = [
            OutgoingRecord("colearner.events.v1", sys.argv[2].encode(), f"{{sys.argv[2]}} {{number * {batch} + i}}".encode())
            for i in range({batch})
        ]
        for outcome in await bus.publish(records):
            print(number, outcome.offset, flush=True)
    await bus.close()

asyncio.run(main())
"""


async def test_many_processes_write_one_log_without_gaps(tmp_path: Path, keep: Keep) -> None:
    script = WRITE.format(count=30, batch=5)
    writers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(tmp_path), name, cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        for name in ("a", "b", "c")
    ]
    bus = await keep(bus_in(tmp_path))
    got = await read_all(bus, {(EVENTS, 0): 0}, 450)
    outputs = [(await writer.communicate())[0].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert [r.offset for r in got] == list(range(450))
    for name in ("a", "b", "c"):
        assert [r.value.decode() for r in got if r.key == name.encode()] == [f"{name} {n}" for n in range(150)]
    told = sorted(int(line.split()[1]) for output in outputs for line in output.splitlines())
    assert told == list(range(450))


@pytest.mark.slow
async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, keep: Keep) -> None:
    script = WRITE.format(count=100_000, batch=3)
    acknowledged: set[int] = set()
    for life in range(12):
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", script, str(tmp_path), f"{life}-{n}"],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            )
            for n in range(2)
        ]
        for writer in writers:
            # Some lines each, so that the kill comes in the middle of the work, at no moment in particular.
            for _ in range(5 + 7 * life):
                acknowledged.add(int(writer.stdout.readline().split()[1]))
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
        for writer in writers:
            rest, _ = writer.communicate()
            acknowledged.update(int(line.split()[1]) for line in rest.splitlines() if line.count(" ") == 1)
    bus = await keep(bus_in(tmp_path))
    end = (await bus.ends())[EVENTS, 0]
    got = await read_all(bus, {(EVENTS, 0): 0}, end)
    assert [r.offset for r in got] == list(range(end))
    assert len(acknowledged) > 300
    assert acknowledged <= set(range(end))
    with sqlite3.connect(tmp_path / "bus.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    _mount("-t", "tmpfs", "-o", "size=1m", "none", str(folder))
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"this test has to mount a file system, as root: {done.stderr}"


async def test_a_full_disk_refuses_and_loses_nothing(small_disk: Path, keep: Keep) -> None:
    bus = await keep(bus_in(small_disk))
    stored = 0

    async def fill() -> None:
        nonlocal stored
        for number in range(1000):
            outcomes = await bus.publish([record(EVENTS, "s", f"{number} {'x' * 10_000}")])
            stored += isinstance(outcomes[0], Ack)

    with pytest.raises(BusStorageFull) as full:
        await fill()
    assert isinstance(full.value, BusUnreachable)
    assert "full" in full.value.cause
    assert "space" in full.value.hint
    assert stored > 5
    free = os.statvfs(small_disk)
    assert free.f_bavail * free.f_frsize < 64 * 1024, "the disk is not full"

    assert [int(r.value.split()[0]) for r in await read_all(bus, {(EVENTS, 0): 0}, stored)] == list(range(stored))
    _mount("-o", "remount,size=8m", str(small_disk))
    await publish_until_acked(bus, [record(EVENTS, "s", f"{stored} again")])
    got = await read_all(bus, {(EVENTS, 0): 0}, stored + 1)
    assert [int(r.value.split()[0]) for r in got] == list(range(stored + 1))


async def test_a_full_disk_from_the_start(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(b"\0" * 1024 * 1024)
    bus = bus_in(small_disk)
    with pytest.raises(BusUnreachable):
        await bus.connect()
    (small_disk / "ballast").unlink()
    await bus.connect()
    assert isinstance((await bus.publish([record(EVENTS, "s", "v")]))[0], Ack)
    await bus.close()


async def test_a_read_only_disk_is_unreachable_not_fatal(small_disk: Path, keep: Keep) -> None:
    _mount("-o", "remount,size=8m", str(small_disk))
    bus = await keep(bus_in(small_disk))
    await bus.publish([record(EVENTS, "s", "before")])
    await bus.close()
    _mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(OSError, match="Read-only"):
        (small_disk / "probe").touch()
    bus = bus_in(small_disk)
    with pytest.raises(BusUnreachable, match=r"(?i)read-?only"):
        await bus.connect()
    _mount("-o", "remount,rw", str(small_disk))
    await keep(bus)
    assert [r.value for r in await read_all(bus, {(EVENTS, 0): 0}, 1)] == [b"before"]


async def test_one_refused_record_does_not_leave_a_gap(tmp_path: Path, keep: Keep) -> None:
    bus = await keep(bus_in(tmp_path))
    outcomes = await bus.publish(
        [
            record(EVENTS, "s", "a"),
            OutgoingRecord("elsewhere", b"", b""),
            record(PROGRESS, "s", "b"),
            record(EVENTS, "s", "c"),
        ]
    )
    assert [getattr(outcome, "offset", None) for outcome in outcomes] == [0, None, 0, 1]


async def test_the_folder_of_the_demo_becomes_a_file(tmp_path: Path, keep: Keep) -> None:
    """Something else may stand where the folder was."""
    transport = Embedded(tmp_path)
    bus = await keep(transport.open())
    transport.take_away()
    transport.folder.write_text("in the way")
    with pytest.raises(BusUnreachable):
        await bus.ends()
    with pytest.raises(BusUnreachable, match="folder is not there"):
        await bus.connect()
    transport.folder.unlink()
    transport.bring_back()
    await bus.connect()
    await bus.ends()
