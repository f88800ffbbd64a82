"""Tailing: every new event once, in order, soon after its commit; and other changes without rows."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from colearner_ls.journal import doorbell
from colearner_ls.journal.doorbell import Bell, ring
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import News
from colearner_ls.journal.tail import Tail, wait_for
from tests.journal.samples import BUS, step, until

Start = Callable[..., tuple[Tail, list[News]]]


@pytest.fixture
def start(journal: Journal) -> Iterator[Start]:
    tails: list[Tail] = []

    def start_tail(**more: object) -> tuple[Tail, list[News]]:
        news: list[News] = []
        tail = Tail(journal, news.append, **more)  # type: ignore[arg-type]
        tails.append(tail)
        return tail, news

    yield start_tail
    for tail in tails:
        tail.close()


def rows(news: list[News]) -> list[int]:
    return [stored.row for each in list(news) for stored in each.rows]


def test_new_events_of_this_and_of_other_processes_arrive_once_and_in_order(
    journal: Journal, folder: Path, start: Start
) -> None:
    journal.append([step("before")])
    _, news = start()
    code = """
import sys
from pathlib import Path
from colearner_ls.journal.journal import Journal
from tests.journal.samples import step
with Journal.open(Path(sys.argv[1])) as journal:
    for number in range(10):
        journal.append([step(str(number)), step("and")])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", code, str(folder)], env=environment) as other:
        for number in range(10):
            journal.append([step(str(number))])
    assert other.returncode == 0
    until(lambda: len(rows(news)) >= 30)
    assert rows(news) == [stored.row for stored in journal.events(after_row=1)]


def test_a_tail_can_begin_earlier(journal: Journal, start: Start) -> None:
    journal.append([step(str(number)) for number in range(1100)])
    _, news = start(after_row=50)
    until(lambda: len(rows(news)) == 1050)
    assert rows(news) == list(range(51, 1101))


def test_changes_without_new_rows_are_told_too(journal: Journal, folder: Path, start: Start) -> None:
    (stored,) = journal.append([step("1")])
    _, news = start()
    with Journal.open(folder) as other:
        other.outbox.mark_sending([stored.event.id])
        until(lambda: news)
    assert news[0] == News()
    assert not journal.follow("s1", BUS)  # nothing changes, so nothing is told
    assert rows(news) == []


def test_a_ring_is_heard_long_before_the_next_poll(journal: Journal, folder: Path, start: Start) -> None:
    _, news = start(poll_s=60.0)
    with Journal.open(folder) as other:
        for number in range(5):
            other.append([step(str(number))])
            until(lambda number=number: len(rows(news)) == number + 1, timeout_s=30)


def test_without_any_bell_the_poll_finds_it(
    journal: Journal, folder: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doorbell, "_folders", lambda: iter(()))
    tail, news = start(poll_s=0.02)
    assert tail._bell.fileno() is None
    with Journal.open(folder) as other:
        other.append([step("1")])
    until(lambda: rows(news) == [1])


def test_a_callback_that_fails_does_not_end_the_tail(journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []

    def listen(news: News) -> None:
        heard.extend(stored.row for stored in news.rows)
        if len(heard) == 1:
            raise ValueError("a front end's fault")

    tail = Tail(journal, listen)
    journal.append([step("1")])
    until(lambda: heard == [1])
    journal.append([step("2")])
    until(lambda: heard == [1, 2])
    tail.close()
    assert "a front end's fault" in caplog.text


def test_after_close_nothing_is_told(journal: Journal, start: Start) -> None:
    tail, news = start()
    journal.append([step("1")])
    until(lambda: rows(news) == [1])
    tail.close()
    tail.close()
    count = len(news)
    journal.append([step("2")])
    assert len(news) == count
    assert not any(thread.name == "colearner-tail" for thread in threading.enumerate())


def test_a_tail_ends_with_its_journal(folder: Path) -> None:
    journal = Journal.open(folder)
    tail = Tail(journal, lambda _: None)
    journal.close()
    until(lambda: not tail._thread.is_alive())
    tail.close()


def test_a_journal_out_of_reach_is_no_end(journal: Journal, folder: Path, start: Start) -> None:
    tail, news = start(poll_s=0.02)
    away = folder.with_name("away")
    folder.rename(away)
    until(lambda: tail.error is not None)
    away.rename(folder)
    until(lambda: tail.error is None)
    journal.append([step("1")])
    until(lambda: rows(news) == [1])


def test_waiting_for_a_condition_looks_again_after_every_commit(journal: Journal, folder: Path) -> None:
    def append_later() -> None:
        with Journal.open(folder) as other:
            other.append([step("1")])

    thread = threading.Thread(target=append_later)
    thread.start()
    assert wait_for(journal, lambda: journal.count() == 1, 20.0)
    thread.join()
    started = time.monotonic()
    assert not wait_for(journal, lambda: False, 0.1)
    assert 0.1 <= time.monotonic() - started < 5


# -- the bell itself


def test_bells_of_the_dead_are_cleared_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    short = tempfile.TemporaryDirectory(prefix="cl-")  # a socket's path holds 107 bytes, and tmp_path may be longer
    request.addfinalizer(short.cleanup)
    run = Path(short.name) / "run"
    monkeypatch.setattr(doorbell, "_folders", lambda: iter((run,)))
    code = "import os,sys,pathlib; from colearner_ls.journal import doorbell; "
    code += "doorbell._folders = lambda: iter((pathlib.Path(sys.argv[1]),)); doorbell.Bell(pathlib.Path(sys.argv[2])); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(run), str(tmp_path / "j.db")], check=True, timeout=60)
    (place,) = run.iterdir()
    assert len(list(place.iterdir())) == 1
    bell = Bell(tmp_path / "j.db")
    ring(tmp_path / "j.db")
    assert len(list(place.iterdir())) == 1
    bell.close()
    assert list(place.iterdir()) == []


def test_a_runtime_folder_with_too_long_a_name_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    bell = Bell(tmp_path / "j.db")
    assert bell.fileno() is not None
    assert bell._path is not None
    assert len(os.fsencode(bell._path)) < 104
    bell.close()


def test_a_runtime_folder_of_someone_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir(mode=0o777)
    (tmp_path / "run").chmod(0o777)
    monkeypatch.setattr(doorbell, "_folders", lambda: iter((tmp_path / "run",)))
    assert Bell(tmp_path / "j.db").fileno() is None
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setattr(doorbell, "_folders", lambda: iter((tmp_path / "link",)))
    assert Bell(tmp_path / "j.db").fileno() is None


def test_a_bell_that_nobody_answers_does_not_hold_the_writer_up(journal: Journal) -> None:
    bell = Bell(journal.path)
    for number in range(300):  # far more than the queue of a socket holds
        ring(journal.path)
        if number == 0:
            journal.append([step("1")])
    bell.quiet()
    bell.close()
    assert journal.count() == 1
