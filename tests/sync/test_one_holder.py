"""Several processes on one workspace: exactly one of them is connected to the bus, and what one writes is sent once.

Each stands for an editor's server: a workspace of its own on the same folder, running sync. The lock is all that keeps them
apart, so without it (tests/sync/sabotage.py) this must fail.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from colearner_ls.bus.protocol import Bus, open_bus
from colearner_ls.bus.records import OutgoingRecord
from colearner_ls.bus.url import BusUrl
from colearner_ls.sync import link
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import MoveStage
from colearner_ls.workspace.syncing import run_sync, sync_once
from tests.workspace.conftest import Pair, pair

__all__ = ["pair"]  # a fixture

WATCHED_S = 2.5
"""Every process tries for the lock twice a second: long enough for each to have connected if nothing kept it from it."""


class Connections:
    """Counts who is connected at once, and what is handed to the bus."""

    def __init__(self) -> None:
        self.open: set[int] = set()
        self.most = 0
        self.published: Counter[bytes] = Counter()

    async def connect(self, url: BusUrl, *, client_id: str) -> Any:
        """In the place of :func:`open_bus`."""
        return Watched(await open_bus(url, client_id=client_id), self)


class Watched:
    """A bus that reports to :class:`Connections`."""

    def __init__(self, bus: Bus, connections: Connections) -> None:
        self._bus = bus
        self._connections = connections

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)

    async def connect(self) -> Any:
        self._connections.open.add(id(self))
        self._connections.most = max(self._connections.most, len(self._connections.open))
        return await self._bus.connect()

    async def publish(self, records: list[OutgoingRecord]) -> Any:
        self._connections.published.update(record.value for record in records)
        return await self._bus.publish(records)

    async def close(self) -> None:
        self._connections.open.discard(id(self))
        await self._bus.close()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    counted = Connections()
    monkeypatch.setattr(link, "open_bus", counted.connect)
    return counted


async def until(done: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.02)


def unsent(workspace: Workspace) -> int:
    return workspace.journal.outbox.counts(workspace.settings.bus.key).unsent


async def test_of_several_processes_one_is_connected_and_sends(pair: Pair, connections: Connections) -> None:
    processes = [pair.reopen("student") for _ in range(3)]
    running = [asyncio.create_task(run_sync(process)) for process in processes]
    try:
        await until(lambda: bool(connections.open), "somebody is connected")
        for number in range(12):
            await asyncio.to_thread(processes[number % 3].do, MoveStage("note", note=f"remark {number}"))
        await asyncio.sleep(WATCHED_S)
        await until(lambda: not unsent(processes[0]), "all is sent")
        assert connections.most == 1, "two processes of one workspace were connected at once"
        again = {value: times for value, times in connections.published.items() if times > 1}
        assert not again, "the same event was sent by two processes"
        assert len(connections.published) == 12
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert not connections.open


async def test_when_the_connected_one_ends_another_connects(pair: Pair, connections: Connections) -> None:
    first, second = pair.reopen("student"), pair.reopen("student")
    holder = asyncio.create_task(run_sync(first))
    await until(lambda: bool(connections.open), "the first is connected")
    (before,) = connections.open
    heir = asyncio.create_task(run_sync(second))
    try:
        await asyncio.sleep(WATCHED_S / 2)
        assert connections.open == {before}, "a second process connected beside the first"
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)
        await until(lambda: bool(connections.open - {before}), "the second is connected")
        assert connections.most == 1
    finally:
        holder.cancel()
        heir.cancel()
        await asyncio.gather(holder, heir, return_exceptions=True)


async def test_a_command_does_not_connect_beside_an_editor(pair: Pair, connections: Connections) -> None:
    editor, command = pair.reopen("student"), pair.reopen("student")
    running = asyncio.create_task(run_sync(editor))
    try:
        await until(lambda: bool(connections.open), "the editor is connected")
        command.do(MoveStage("note", note="from the terminal"))
        outcome = await asyncio.to_thread(sync_once, command, wait=20, fetch=False)
        assert outcome.delivered
        assert outcome.held_by is not None
        assert connections.most == 1, "the command connected beside the editor"
        assert list(connections.published.values()) == [1]
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
