"""Rows of the fault matrix about the disk: F18 (full), F21 (damage), F22 (read-only, no inodes, no permission), F29."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.bus.errors import BusError
from colearner_ls.bus.records import OutgoingRecord, Unknown
from colearner_ls.bus.sqlite import SqliteBus
from colearner_ls.bus.url import BusUrl
from colearner_ls.cli.logs import record_fault
from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.domain.state import SessionState
from colearner_ls.journal.errors import ReadOnly, StorageFull
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.keys import KeyFolder
from colearner_ls.journal.learning_file import LearningFile
from colearner_ls.journal.lifecycle_file import LifecycleFile
from colearner_ls.journal.pins import Pins
from colearner_ls.journal.records import CursorMove, Snapshot
from colearner_ls.journal.registry import Registry
from colearner_ls.sync.holder import SyncHolder
from colearner_ls.workspace.config_file import write_config
from tests.faults.stopping import COLEARNER, Sides, until
from tests.faults.test_one_workspace import Editor
from tests.journal.damages import damage, make_sample
from tests.journal.mounts import few_inodes, fill, read_only, small_disk
from tests.journal.samples import BUS, PROGRESS, deliver, raw, step

Measured = Callable[[str], None]


class Disk:
    """A workspace folder and a user data folder on one small disk, with everything in use before it fills up."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.folder = root / "ws" / ".colearner"
        self.home.mkdir()
        self.folder.mkdir(parents=True)
        self.journal = Journal.open(self.folder)
        self.journal.follow("s1", BUS)
        self.stored = [*self.journal.append([step(str(n)) for n in range(20)])]
        deliver(self.journal, [raw()])
        write_config(root / "ws", {"role": "student"})
        Registry(self.home).record(root / "ws", bus=BUS, session="s1", how="join")
        self.key = KeyFolder(self.home).make("ada@example.org").public
        Pins(self.home).pin("s1", self.key)
        self.publish("first")
        LifecycleFile(self.journal).update()
        LearningFile(self.journal).write(SessionState("s1"), None)

    def files(self) -> dict[str, bytes]:
        """What lies beside the databases."""
        keep = (".toml", ".json", ".jsonl", ".writers", ".key", ".pem")
        return {str(path): path.read_bytes() for path in sorted(self.root.rglob("*")) if path.suffix in keep}

    def publish(self, words: str, size: int = 10) -> None:
        """Put one record on the embedded bus."""

        async def work() -> None:
            bus = SqliteBus(BusUrl.parse(f"sqlite://{self.home / 'bus.db'}"))
            await bus.connect()
            try:
                value = json.dumps({"words": words, "more": "x" * size}).encode()
                (outcome,) = await bus.publish([OutgoingRecord(PROGRESS, b"s1", value)])
                if isinstance(outcome, Unknown):
                    raise StorageFull(self.home)  # it may or may not be there, so it is sent again
            finally:
                await bus.close()

        asyncio.run(work())


BIG = "y" * 200_000
"""More than the room that a write-ahead log may still have of its own."""


def _append(disk: Disk) -> None:
    disk.stored += disk.journal.append([step(BIG)])


def _receive(disk: Disk) -> None:
    deliver(disk.journal, [raw(payload={"completed": [], "active_step": BIG})])


def _cursors(disk: Disk) -> None:
    disk.journal.receive(BUS, [], {("t", n): CursorMove(None, 1, b"x" * 32) for n in range(5000)})


def _snapshot(disk: Disk) -> None:
    last = disk.stored[-1].event
    disk.journal.snapshots.put(Snapshot("s1", last.position, BIG.encode(), "v"), through_row=disk.journal.last_row())


def _local(disk: Disk) -> None:
    disk.journal.local.put("draft", "1", {"words": BIG})


def _claims(disk: Disk) -> None:
    for number in range(700):
        disk.journal.claim(f"{number}" + "k" * 4000)


def _lifecycle(disk: Disk) -> None:
    with (disk.folder / "lifecycle.jsonl").open("r+b") as file:
        file.write(b"#")  # somebody's hand in it: it is written anew
    LifecycleFile(disk.journal).update()


def _learning(disk: Disk) -> None:
    with (disk.folder / "learning.json").open("r+b") as file:
        file.write(b"#")
    LearningFile(disk.journal).write(SessionState("s1"), None)


def _config(disk: Disk) -> None:
    write_config(disk.root / "ws", {"author": "a" * 5000})


def _registry(disk: Disk) -> None:
    Registry(disk.home).record(disk.root / ("long" * 50), bus=BUS, session="z" * 5000, how="join")


def _key(disk: Disk) -> None:
    KeyFolder(disk.home).make("another@example.org")


def _pin(disk: Disk) -> None:
    Pins(disk.home).pin("s2", disk.key)


def _bus(disk: Disk) -> None:
    disk.publish("more", 200_000)


def _journal(disk: Disk) -> None:
    Journal.open(disk.root / "another" / ".colearner").close()


WRITERS = [
    _append,
    _receive,
    _cursors,
    _snapshot,
    _local,
    _claims,
    _lifecycle,
    _learning,
    _config,
    _registry,
    _key,
    _pin,
    _bus,
    _journal,
]


def test_f18_every_kind_of_write_on_a_full_disk(tmp_path: Path, measured: Measured) -> None:
    """Each is refused with a word that helps, keeps what was there, loses nothing, and works once there is room."""
    refusals = []
    with small_disk(tmp_path / "disk", "32m") as root:
        disk = Disk(root)
        for write in WRITERS:
            before = disk.files()
            count = disk.journal.count()
            ballast = fill(root)
            with pytest.raises((StorageFull, BusError, ColearnerError)) as caught:
                write(disk)
            words = f"{caught.value.message} {caught.value.hint}".lower()
            assert "full" in words or "space" in words or "room" in words, (write.__name__, words)
            refusals.append(write.__name__)
            after = disk.files()
            if write not in (_lifecycle, _learning):  # those two were changed by the test itself
                assert {name: after[name] for name in before} == before, write.__name__
            assert set(after) == set(before), write.__name__
            assert disk.journal.count() == count
            assert record_is_none(disk)
            assert SyncHolder(disk.folder).try_acquire() in (True, False)
            ballast.unlink()
            write(disk)
            assert disk.journal.integrity_check() == ()
        assert {each.event.id for each in disk.stored} <= {each.event.id for each in disk.journal.events()}
        LifecycleFile(disk.journal).update()
        kept = [each.raw for each in disk.journal.events()]
        assert (disk.folder / "lifecycle.jsonl").read_bytes().splitlines() == kept
        disk.journal.close()
    measured(
        f"{len(refusals)} kinds of write refused in words, 0 acknowledged events lost, all done after there was room"
    )


def record_is_none(disk: Disk) -> bool:
    """The fault log cannot be written, and that raises nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLEARNER_HOME", str(disk.home))
        where = record_fault(RuntimeError("x" * 8000))
    return where is None or where.stat().st_size < 8000


@contextlib.contextmanager
def on_a_disk(sides: Sides, size: str) -> Iterator[Path]:
    """The student's ``.colearner`` on a small disk of its own."""
    folder = sides.home("student")
    kept = folder.with_name("kept")
    folder.rename(kept)
    with small_disk(folder, size):
        for file in kept.iterdir():
            if file.is_file():
                shutil.copy2(file, folder / file.name)
        yield folder


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f18_the_editor_stays_up_on_a_full_disk(tmp_path: Path, measured: Measured) -> None:
    """The server answers, the command line says what to do, and what came meanwhile arrives when there is room."""
    sides = Sides(tmp_path)
    with on_a_disk(sides, "2m") as folder:
        editor = Editor(tmp_path / "student", sides.environment)
        try:
            until(lambda: (editor.state() or {}).get("session"), "the session is open")
            stored = {sides.say("student", "before", "--wait", "30")}
            ballast = fill(folder)
            code, output, messages = sides.try_run("student", "stage", "note", "--note", "z" * 100_000, "--no-wait")
            assert code != 0
            assert output == ""
            assert "disk is full" in messages
            assert "Traceback" not in messages
            stored.add(sides.say("coach", "w" * 100_000, "--wait", "30"))
            slowest = 0.0
            for _ in range(20):
                asked = time.monotonic()
                assert editor.state()["session"]
                slowest = max(slowest, time.monotonic() - asked)
            assert editor.peer.process.poll() is None
            ballast.unlink()
            back = until(lambda: stored <= set(sides.ids("student")), "what came meanwhile is there")
            stored.add(sides.say("student", "after", "--wait", "30"))
        finally:
            editor.peer.__exit__(None, None, None)
        sides.settle()
        sides.check(stored)
    measured(
        f"refused in words, the editor answered within {slowest:.2f} s, caught up {back:.1f} s after there was room"
    )


def test_f21_damage_of_any_kind_is_mended_or_named(tmp_path: Path, measured: Measured) -> None:
    """Damaged pages, headers, logs and cursors are found and mended; what could not be saved is named."""
    from tests.journal.damages import use

    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    samples = [make_sample(tmp_path / f"sample {live}", live=live, lifecycle=True) for live in (False, True)]
    salvaged = 0
    for number in range(20):
        sample = samples[number % 2]
        folder = tmp_path / str(number)
        shutil.copytree(sample.folder, folder)
        what = damage(folder, chance)
        outcome = use(folder)
        assert not outcome.error, what
        assert sample.own <= outcome.found, what
        salvaged += outcome.salvages
        shutil.rmtree(folder)
    measured(f"20 random damages, {salvaged} salvages, 0 own events lost")


def test_f21_a_damaged_cursor_is_read_again_from_the_beginning(tmp_path: Path, measured: Measured) -> None:
    """A cursor that says nonsense ends in a second reading, in which nothing is doubled."""
    folder = tmp_path / ".colearner"
    said = [raw() for _ in range(8)]
    with Journal.open(folder) as journal:
        journal.follow("s1", BUS)
        deliver(journal, said)
        journal.database.write(lambda db: db.execute("UPDATE cursor SET last_hash = x'00'"), durable=True)
        journal.cursors.reset(BUS)
        received = deliver(journal, said)
        assert (received.duplicates, len(received.new)) == (8, 0)
        assert journal.count() == 8
    measured("8 records read twice, 0 doubled")


@pytest.mark.slow
def test_f21_locks_and_bells_that_the_dead_left_are_in_nobodys_way(tmp_path: Path, measured: Measured) -> None:
    """Lock files with a dead process's name, or with nonsense in them, and bells nobody hears keep no one waiting."""
    sides = Sides(tmp_path)
    home = sides.home("student")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    for name, text in (
        ("journal.lock", f"{gone.pid}\tMainThread\tcolearner\n"),
        ("files.lock", "\0\0nonsense"),
        ("sync.lock", f"{gone.pid}\n"),
        ("sync.lock.next", "?"),
    ):
        (home / name).write_text(text)
    (tmp_path / "home" / "bus.db.lock").write_text(str(gone.pid))
    for bell in (path for path in tmp_path.rglob("*") if path.is_socket()):
        bell.unlink()
        bell.write_text("no bell")
    stored = {sides.say("student", "goes through", "--wait", "30")}
    assert stored <= set(sides.on_bus())
    sides.settle()
    sides.check(stored)
    measured("4 lock files of the dead: the next command sent at once")


def as_nobody(work: Callable[[], str]) -> str:
    """Run it in a forked process that has no more rights than ``nobody``; what it returned."""
    if os.geteuid() != 0:
        return work()  # modes of files hold for whoever is not root as they do for nobody
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()

    def run() -> None:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            theirs.send(work())
        except BaseException as error:  # noqa: BLE001 - told to the test
            theirs.send(f"{type(error).__name__}: {error}")

    process = context.Process(target=run)
    process.start()
    answer = ours.recv() if ours.poll(60) else "no answer"
    process.join(10)
    return str(answer)


def test_f22_permission_lost_means_reading_goes_on(measured: Measured) -> None:
    """Without the right to write, the journal reads on and says what is wrong; given back, it writes on."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are nobody else's to enter
        place = Path(name)
        place.chmod(0o755)
        folder = place / ".colearner"
        with Journal.open(folder) as journal:
            journal.append([step("1")])
        folder.chmod(0o555)
        for file in folder.iterdir():
            file.chmod(0o444)

        def read() -> str:
            with pytest.raises(PermissionError):  # the fault is in force
                (folder / "probe").write_text("x")
            with Journal.open(folder) as journal:
                assert journal.count() == 1
                with pytest.raises(ReadOnly) as refused:
                    journal.append([step("2")])
                assert refused.value.hint
                with contextlib.suppress(OSError):
                    assert not SyncHolder(folder).try_acquire()
            return "read"

        def unreadable() -> str:
            with pytest.raises(ColearnerError) as refused:
                Journal.open(folder).close()
            assert "Traceback" not in refused.value.message
            return f"refused: {refused.value.hint}"

        assert as_nobody(read) == "read"
        for file in folder.iterdir():
            file.chmod(0o000)
        refused = as_nobody(unreadable)
        assert refused.startswith("refused: "), refused
        folder.chmod(0o755)
        for file in folder.iterdir():
            file.chmod(0o644)
        with Journal.open(folder) as journal:
            assert len(journal.append([step("2")])) == 1
    measured("read as nobody, refused in words, written again when it may")


def test_f22_no_inodes_left(tmp_path: Path, measured: Measured) -> None:
    """A disk that has room and no inodes counts as full: refused in words, nothing lost, and it goes on afterwards."""
    with few_inodes(tmp_path / "disk") as root:
        folder = root / ".colearner"
        with Journal.open(folder) as journal:
            journal.follow("s1", BUS)
            stored = [*journal.append([step("1")])]
            LifecycleFile(journal).update()
        full = []
        with contextlib.suppress(OSError):
            for number in range(1000):
                (root / f"f{number}").touch()
                full.append(root / f"f{number}")
        with pytest.raises(OSError, match="No space"):  # the fault is in force
            (root / "probe").touch()
        with pytest.raises(StorageFull), Journal.open(folder) as journal:
            stored += journal.append([step("2")])
        for file in full:
            file.unlink()
        with Journal.open(folder) as journal:
            stored += journal.append([step("3")])
            assert [each.event.id for each in journal.events()] == [each.event.id for each in stored]
            assert journal.integrity_check() == ()
    measured("refused as full, 0 lost")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f22_an_editor_on_a_read_only_folder(tmp_path: Path, measured: Measured) -> None:
    """The editor shows what is there, the command line says why nothing is saved, and neither ends."""
    sides = Sides(tmp_path)
    stored = {sides.say("coach", "news", "--wait", "30")}
    sides.settle()
    with read_only(sides.home("student")):
        editor = Editor(tmp_path / "student", sides.environment)
        try:
            until(lambda: (editor.state() or {}).get("session"), "the session is shown")
            code, output, messages = sides.try_run("student", "stage", "note", "--note", "no", "--no-wait")
            assert code != 0
            assert "read-only" in messages
            assert "Traceback" not in messages
            assert output == ""
            shown = subprocess.run(
                [COLEARNER, "status"],
                cwd=tmp_path / "student",
                env=sides.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert shown.returncode == 0, shown.stderr
            assert editor.state()["session"]
            assert editor.peer.process.poll() is None
        finally:
            editor.peer.__exit__(None, None, None)
    stored.add(sides.say("student", "again", "--wait", "30"))
    sides.settle()
    sides.check(stored)
    measured("shown in the editor and by status, refused in words, written again afterwards")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f29_a_workspace_put_back_from_an_old_backup(tmp_path: Path, measured: Measured) -> None:
    """Its own later events come back from the bus, no number is given out twice, and both sides agree again."""
    sides = Sides(tmp_path)
    stored = {sides.say("student", "before", "--wait", "30")}
    sides.settle()
    backup = tmp_path / "backup"
    shutil.copytree(sides.home("student"), backup)
    stored |= {sides.say("student", f"after the backup {n}", "--wait", "30") for n in range(2)}
    stored.add(sides.say("coach", "meanwhile", "--wait", "30"))
    sides.settle()
    shutil.rmtree(sides.home("student"))
    shutil.copytree(backup, sides.home("student"))
    assert not stored <= set(sides.ids("student"))
    stored.add(sides.say("student", "first after it was put back", "--no-wait"))
    sides.settle()
    sides.check(stored)
    assert no_number_twice(sides)
    measured("2 own and 1 foreign event came back from the bus, 0 lost, 0 doubled, no number twice")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_f29_a_copied_folder_beside_its_original(tmp_path: Path, measured: Measured) -> None:
    """Both copies of a folder are used at once: each writes under its own name, and everyone has everything once."""
    sides = Sides(tmp_path)
    stored = {sides.say("student", "before", "--wait", "30")}
    shutil.copytree(tmp_path / "student", tmp_path / "copy")
    config = tomllib.loads((tmp_path / "copy" / ".colearner" / "config.toml").read_text())
    session = config["session"]
    for number in range(2):
        stored.add(sides.say("student", f"original {number}", "--no-wait"))
        arguments = (
            "--role",
            "student",
            "--session",
            session,
            "stage",
            "note",
            "--note",
            f"copy {number}",
            "--no-wait",
        )
        stored.add(json.loads(sides.run("copy", *arguments))["event_id"])
    sides.run("copy", "--role", "student", "--session", session, "sync", "--wait", "30")
    sides.settle()
    sides.check(stored)
    sides.run("copy", "--role", "student", "--session", session, "sync", "--wait", "30")
    assert set(sides.ids("copy")) == set(sides.ids("student"))
    assert no_number_twice(sides)
    measured("2 events from each copy, 0 lost, 0 doubled, no number twice")


def no_number_twice(sides: Sides) -> bool:
    from tests.journal.damages import numbers

    given_out = numbers(sides.home("coach"))
    return len(given_out) == len(set(given_out))
