"""The write lock: it queues, it gives up in time, and it names who holds it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from colearner_ls.journal.errors import LockTimeout, StorageFailed
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lock import FileLock
from tests.journal.samples import step, until

_HOLD = """
import sys
from pathlib import Path
from colearner_ls.journal.lock import FileLock
with FileLock(Path(sys.argv[1])).held():
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process_holding(path: Path) -> Iterator[subprocess.Popen[str]]:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield holder
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


def test_a_process_that_holds_it_too_long_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with another_process_holding(path) as holder:
        started = time.monotonic()
        with pytest.raises(LockTimeout, match=f"process {holder.pid} ") as caught, FileLock(path).held(0.3):
            pytest.fail("the lock is taken")
        assert 0.25 < time.monotonic() - started < 3
        assert caught.value.pid == holder.pid
    with FileLock(path).held(2):  # the kernel has released the lock of the dead
        pass


def test_a_thread_that_holds_it_too_long_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    release = threading.Event()
    held = threading.Event()

    def hold() -> None:
        with FileLock(path).held():
            held.set()
            release.wait(30)

    thread = threading.Thread(target=hold, name="the-slow-one")
    thread.start()
    assert held.wait(10)
    with (
        pytest.raises(LockTimeout, match="the-slow-one") as caught,
        FileLock(path).held(0.2),
    ):
        pytest.fail("the lock is taken")
    assert caught.value.pid == os.getpid()
    release.set()
    thread.join()


def test_whoever_gave_up_does_not_keep_the_lock_when_it_comes(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with another_process_holding(path):
        for _ in range(3):
            with pytest.raises(LockTimeout), FileLock(path).held(0.05):
                pytest.fail("the lock is taken")
    with FileLock(path).held(5):
        pass
    until(lambda: not any(thread.name == "colearner-lock-wait" for thread in threading.enumerate()))


def test_a_holder_that_hangs_does_not_gather_threads_without_end(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    before = threading.active_count()
    with another_process_holding(path):
        for _ in range(40):
            with pytest.raises(LockTimeout), FileLock(path).held(0.01):
                pytest.fail("the lock is taken")
        assert threading.active_count() - before <= 17
        descriptors = sum(1 for _ in Path("/proc/self/fd").iterdir())
        with pytest.raises(LockTimeout), FileLock(path).held(0):
            pytest.fail("the lock is taken")
        assert sum(1 for _ in Path("/proc/self/fd").iterdir()) == descriptors
    until(lambda: threading.active_count() == before)
    with FileLock(path).held(0):
        pass


def test_one_at_a_time_and_everyone_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    inside = 0
    most = 0
    turns: list[int] = []

    def take_turns(number: int) -> None:
        nonlocal inside, most
        for _ in range(10):
            with FileLock(path).held(30):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                turns.append(number)
                inside -= 1

    threads = [threading.Thread(target=take_turns, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert sorted(turns) == sorted(list(range(6)) * 10)


def test_a_deleted_lock_file_does_not_let_two_in(tmp_path: Path) -> None:
    """Whoever waits for a file that was deleted meanwhile goes on to the new one."""
    path = tmp_path / "x.lock"
    order: list[str] = []
    with FileLock(path).held():
        waiter = threading.Thread(target=lambda: _enter(path, order, "waiter"))
        waiter.start()
        until(lambda: any(thread.name == "colearner-lock-wait" for thread in threading.enumerate()))
        path.unlink()
        newcomer = FileLock(path)
        context = newcomer.held()
        context.__enter__()
        order.append("newcomer in")
    time.sleep(0)  # the first holder has left: the waiter now has the deleted file's lock, and must not use it
    until(
        lambda: any(thread.name == "colearner-lock-wait" for thread in threading.enumerate()) or not waiter.is_alive()
    )
    order.append("newcomer out")
    context.__exit__(None, None, None)
    waiter.join(10)
    assert order == ["newcomer in", "newcomer out", "waiter"]


def _enter(path: Path, order: list[str], name: str) -> None:
    with FileLock(path).held(20):
        order.append(name)


def test_a_locked_journal_names_the_holder_and_loses_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal.database.lock, "_wait_s", 0.2)
    with another_process_holding(journal.path.with_suffix(".lock")) as holder:
        with pytest.raises(LockTimeout, match=f"process {holder.pid} "):
            journal.append([step("1")])
        assert journal.count() == 0  # reading goes on
    (stored,) = journal.append([step("1")])
    assert stored.event.seq == 1


def test_closing_waits_for_the_lock_but_not_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal.open(folder)
    journal.append([step("1")])
    monkeypatch.setattr(journal.database.lock, "_wait_s", 0.2)
    with another_process_holding(journal.path.with_suffix(".lock")):
        journal.close()
    with Journal.open(folder) as again:
        assert again.count() == 1


def test_a_lock_file_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.mkdir(parents=True)
    target = tmp_path / "target"
    target.write_text("precious")
    (folder / "journal.lock").symlink_to(target)
    with pytest.raises(StorageFailed, match="symbolic links"):
        Journal.open(folder)
    assert target.read_text() == "precious"
