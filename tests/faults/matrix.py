"""What the Kafka rows of the fault matrix have in common: a coach and a student at work, and witnesses of what came of it.

Both sides are real workspaces whose sync runs as in a server. What arrived is counted by programs that share nothing with
colearner: ``sqlite3`` on the journals, ``kcat`` on the broker.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.bus.kafka.settings import Timing
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.catalogue import TOPICS
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import InitSession, JoinSession
from colearner_ls.workspace.setting_up import set_up
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.syncing import run_sync, sync_once
from colearner_ls.workspace.writing import Outgoing
from tests.workspace.conftest import checkout

SIDES = ("coach", "student")
NAMES = {"coach": "eve", "student": "ada"}
QUICK = Timing(request=2.0, publish=3.0, probe=2.0)
"""Bounds shortened, so that a row does not take minutes; what is waited for is the same."""


def until(done: Callable[[], bool], what: str, seconds: float = 60) -> float:
    """Wait for it; how long it took, in s."""
    start = time.monotonic()
    while not done():
        if time.monotonic() - start > seconds:
            pytest.fail(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)
    return time.monotonic() - start


@contextmanager
def syncing(workspace: Workspace) -> Iterator[None]:
    """Sync runs for this workspace in a thread of its own, as it does in a server."""
    with asyncio.Runner() as runner:
        loop, started, tasks = runner.get_loop(), threading.Event(), []

        async def hold() -> None:
            tasks.append(asyncio.create_task(run_sync(workspace)))
            started.set()
            await asyncio.gather(*tasks, return_exceptions=True)

        thread = threading.Thread(target=runner.run, args=(hold(),), name=f"sync-{workspace.role}")
        thread.start()
        assert started.wait(20)
        try:
            yield
        finally:
            loop.call_soon_threadsafe(tasks[0].cancel)
            thread.join(20)
            assert not thread.is_alive(), "sync did not end"


class Site:
    """A coach and a student in two checkouts, each with a bus URL of its own (the same topics by another way, perhaps)."""

    def __init__(self, folder: Path, urls: dict[str, str]) -> None:
        self.folder = folder
        self.env = {"COLEARNER_HOME": str(folder / "home"), "PATH": os.environ["PATH"]}
        self.sides: dict[str, Workspace] = {}
        invite = ""
        for side in SIDES:
            checkout(folder / side, {"README.md": "work\n"})
            settings = resolve(folder / side, Overrides(author=NAMES[side], bus=urls[side]), self.env)
            asked = InitSession("coach", student_id="ada", coach_id="eve") if side == "coach" else JoinSession(invite)
            self.sides[side], written = set_up(settings, asked, self.env)
            invite = written.text
        self.session = self.sides["coach"].session_id
        self.said: set[str] = set()
        self.written = 0

    def begin(self) -> None:
        """Let both sides see what setting up said."""
        for side in ("coach", "student", "coach"):
            outcome = sync_once(self.sides[side], wait=60, fetch=True)
            assert outcome.error is None, outcome.error

    def say(self, side: str, howmany: int = 1) -> list[str]:
        """Events of this side, over several topics; their ids."""
        made = []
        for _ in range(howmany):
            self.written += 1
            note = {"stage": "note", "note": f"{side} {self.written}"}
            plan = {"plan": [{"id": f"s{self.written}", "topic": "graphs", "status": "todo"}]}
            each = Outgoing("learning_plan", plan) if self.written % 2 else Outgoing("lifecycle", note)
            made.append(self.sides[side].write(each).event_id)
        self.said |= set(made)
        return made

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Sync runs on both sides."""
        with syncing(self.sides["coach"]), syncing(self.sides["student"]):
            yield

    def journal(self, side: str) -> Path:
        return self.folder / side / ".colearner" / "journal.db"

    def query(self, side: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the journal's file, with nothing of ours in between."""
        with closing(sqlite3.connect(f"file:{self.journal(side)}?mode=ro", uri=True, timeout=10)) as db:
            return db.execute(sql, values).fetchall()

    def raws(self, side: str) -> dict[str, bytes]:
        rows = self.query(side, "SELECT id, raw FROM event WHERE session = ?", self.session)
        assert len(rows) == len({event_id for event_id, _ in rows}), f"{side}: an event stands twice"
        return dict(rows)

    def unsent(self, side: str) -> int:
        ((count,),) = self.query(side, "SELECT count(*) FROM outbox WHERE state NOT IN ('sent', 'refused')")
        return int(count)

    def settled(self) -> bool:
        sets = [set(self.raws(side)) for side in SIDES]
        return sets[0] == sets[1] and self.said <= sets[0] and not any(self.unsent(side) for side in SIDES)

    def settle(self, seconds: float = 60) -> float:
        """Wait until both sides have everything and nothing waits; how long it took, in s."""
        return until(self.settled, "both sides have everything", seconds)

    def connected(self, side: str) -> bool:
        return self.sides[side].snapshot().sync.connected

    def check(self) -> None:
        """Both journals are sound and hold the same bytes, each event once, and all that was said."""
        coach, student = (self.raws(side) for side in SIDES)
        assert coach == student
        assert set(coach) >= self.said
        for side in SIDES:
            assert self.query(side, "PRAGMA integrity_check") == [("ok",)]

    def close(self) -> None:
        for workspace in self.sides.values():
            workspace.close()


@dataclass(frozen=True)
class OnBroker:
    """One record as kcat saw it."""

    topic: str
    partition: int
    offset: int
    value: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value)
        return found


def records(bootstrap: str, prefix: str, session: str) -> list[OnBroker]:
    """The records of that session on the broker, read with kcat."""
    found: list[OnBroker] = []
    for topic in TOPICS:
        command = [
            "kcat",
            "-q",
            "-b",
            bootstrap,
            "-C",
            "-t",
            prefix + topic,
            "-o",
            "beginning",
            "-e",
            "-f",
            "%p %o %s\n",
        ]
        done = subprocess.run(command, capture_output=True, timeout=60, check=True)
        for line in done.stdout.splitlines():
            partition, offset, value = line.split(b" ", 2)
            if session.encode() in value:
                found.append(OnBroker(topic, int(partition), int(offset), value))
    return found


def doubles(found: list[OnBroker]) -> int:
    """How many records say again what another one says."""
    return sum(count - 1 for count in Counter(record.value for record in found).values())


def bus_key(url: str) -> str:
    return BusUrl.parse(url).key
