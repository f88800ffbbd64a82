"""Watching from outside, while it runs: who holds sync, who is connected, how memory and descriptors go, where cursors are.

Everything is read from the kernel (``/proc``) or from the files; no process is asked anything.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from rigs.soak.desk import SLOTS, Desk
from rigs.soak.ledger import Ledger

LOCK_EVERY_S: Final = 0.05
CONNECTIONS_EVERY_S: Final = 0.5
MEMORY_EVERY_S: Final = 5.0

OVERLAP_S: Final = 8.0
"""So long may two running processes of one side be connected at once: one that was stopped while another took over notices
within half a second of running and closes within 1.5 s; the rest is room for a machine with other things to do."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """Sync changed hands ``took_s`` s after its holder was killed or stopped (``how``)."""

    side: str
    how: str
    took_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Of one server: seconds since the run began, its age in s, resident memory in bytes, open descriptors."""

    at: float
    side: str
    pid: int
    age_s: float
    rss: int
    fds: int


@dataclass
class _Waiting:
    how: str
    since: float
    pid: int
    heir: int


@dataclass
class Watcher:
    """Looks around until closed. ``ports``: side → port of its proxy, by which its connections are known."""

    desks: Sequence[Desk]
    ports: Mapping[str, int]
    ledger: Ledger
    takeovers: list[Takeover] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    most_connected: int = 0
    """Most running processes of one side that were connected at the same time, however shortly."""
    cursors_back: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._over = threading.Event()
        self._mutex = threading.Lock()
        self._holders: dict[str, int | None] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._several_since: dict[str, float] = {}
        self._told: set[str] = set()
        self._cursors: dict[tuple[str, str, int], int] = {}
        self._threads = [
            threading.Thread(target=self._every, args=(seconds, look), daemon=True)
            for seconds, look in (
                (LOCK_EVERY_S, self._look_at_locks),
                (CONNECTIONS_EVERY_S, self._look_at_connections),
                (MEMORY_EVERY_S, self._look_at_memory),
                (MEMORY_EVERY_S, self._look_at_cursors),
            )
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._over.set()
        for thread in self._threads:
            thread.join(10)

    def _every(self, seconds: float, look: object) -> None:
        assert callable(look)
        while not self._over.wait(seconds):
            try:
                look()
            except Exception as error:  # noqa: BLE001 - a watcher that died would make the run look good
                self.ledger.fault(f"the watcher itself failed: {type(error).__name__}: {error}")

    # -- who holds sync

    def holder(self, desk: Desk) -> int | None:
        """The process that holds sync at this side now."""
        return holder_of(desk.lock, flocks())

    def struck(self, desk: Desk, slot: str, how: str) -> None:
        """Call right before a server is killed or stopped: measures the takeover where there is somebody to take over."""
        peer = desk.peers[slot]
        other = "1" if slot == "0" else "0"
        heir = desk.peers.get(other)
        with self._mutex:
            # Whoever was to take over is struck itself: that says nothing about takeovers.
            self._waiting.pop(desk.name, None)
            if self.holder(desk) != peer.pid or heir is None or other not in desk.ready:
                return
            if heir.alive and not heir.stopped:
                self._waiting[desk.name] = _Waiting(how, time.monotonic(), peer.pid, heir.pid)

    def spared(self, desk: Desk) -> None:
        """Call when a stopped server goes on: if nobody took over until now, nobody will."""
        with self._mutex:
            waiting = self._waiting.get(desk.name)
            if waiting is not None and waiting.how == "stopped":
                self._waiting.pop(desk.name)
                self.ledger.count("holder went on before a takeover", side=desk.name)

    def _look_at_locks(self) -> None:
        held = flocks()
        now = time.monotonic()
        for desk in self.desks:
            holder = holder_of(desk.lock, held)
            if holder != self._holders.get(desk.name):
                self._holders[desk.name] = holder
                self.ledger.log("holder", side=desk.name, pid=holder)
            with self._mutex:
                waiting = self._waiting.get(desk.name)
                if waiting is not None and holder not in (None, waiting.pid):
                    self._waiting.pop(desk.name)
                    self.takeovers.append(Takeover(desk.name, waiting.how, now - waiting.since))
                    self.ledger.log("takeover", side=desk.name, how=waiting.how, took_s=round(now - waiting.since, 3))

    # -- who is connected

    def _look_at_connections(self) -> None:
        now = time.monotonic()
        for desk in self.desks:
            connected = [pid for pid in desk.pids() if is_connected(pid, self.ports[desk.name])]
            # Looked at twice: one may have been closing while the next was opening.
            self.most_connected = max(self.most_connected, len(connected))
            if len(connected) < 2:
                self._several_since.pop(desk.name, None)
                continue
            since = self._several_since.setdefault(desk.name, now)
            if now - since > OVERLAP_S and desk.name not in self._told:
                self._told.add(desk.name)
                self.ledger.fault(
                    f"{len(connected)} processes of one side are connected to the bus at once",
                    side=desk.name,
                    pids=connected,
                )

    # -- how they do

    def _look_at_memory(self) -> None:
        for desk in self.desks:
            for slot in SLOTS:
                peer = desk.peers.get(slot)
                if peer is None or not peer.alive:
                    continue
                with suppress(psutil.Error):
                    process = psutil.Process(peer.pid)
                    sample = Sample(
                        round(self.ledger.now, 1),
                        f"{desk.name} {slot}",
                        peer.pid,
                        round(time.monotonic() - peer.started, 1),
                        process.memory_info().rss,
                        process.num_fds(),
                    )
                    self.samples.append(sample)

    def _look_at_cursors(self) -> None:
        for desk in self.desks:
            for topic, partition, next_ in cursors_of(desk.journal):
                place = (desk.name, topic, partition)
                if next_ < self._cursors.get(place, 0):
                    words = f"{desk.name}: the cursor of {topic}/{partition} went back from {self._cursors[place]} to {next_}"
                    self.cursors_back.append(words)
                    self.ledger.log("cursor went back", words=words)
                self._cursors[place] = next_


def flocks() -> dict[int, int]:
    """Inode → process, for every file that is locked with ``flock`` (proc_locks(5)); exclusive locks only."""
    found: dict[int, int] = {}
    for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
        fields = line.split()
        # A line with "->" is a process that waits.
        if fields[1] == "FLOCK" and fields[3] == "WRITE":
            found[int(fields[5].rpartition(":")[2])] = int(fields[4])
    return found


def holder_of(lock: Path, held: Mapping[int, int]) -> int | None:
    """The process that holds the lock on the file that is at this path now."""
    try:
        return held.get(lock.stat().st_ino)
    except FileNotFoundError:
        return None


def is_connected(pid: int, port: int) -> bool:
    """Whether a process has a TCP connection to a port of this machine."""
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return False
    return any(
        each.raddr and each.raddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in connections
    )


def cursors_of(journal: Path) -> list[tuple[str, int, int]]:
    """Topic, partition and next offset of the main reader; nothing where the file cannot be read just now."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True, timeout=1)) as db:
        return list(db.execute("SELECT topic, partition, next FROM cursor WHERE batch = 0"))
    return []


def growth(samples: Sequence[Sample], *, after_s: float = 60.0) -> dict[str, dict[str, Any]]:
    """Per server that lived long: memory at the age of ``after_s`` and at the end in MB, MB an hour, descriptors."""
    lives: dict[tuple[str, int], list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.age_s >= after_s:
            lives[sample.side, sample.pid].append(sample)
    found: dict[str, dict[str, Any]] = {}
    for (side, pid), life in lives.items():
        lived = life[-1].age_s - life[0].age_s
        if len(life) < 5 or lived < after_s:
            continue
        grown = (life[-1].rss - life[0].rss) / 1e6
        found[f"{side} ({pid})"] = {
            "age_s": life[-1].age_s,
            "rss_then_mb": round(life[0].rss / 1e6, 1),
            "rss_end_mb": round(life[-1].rss / 1e6, 1),
            "rss_most_mb": round(max(each.rss for each in life) / 1e6, 1),
            "mb_per_hour": round(grown / lived * 3600, 1),
            "rss_each_minute_mb": [round(each.rss / 1e6, 1) for each in life[:: max(1, round(60 / MEMORY_EVERY_S))]],
            "fds_least": min(each.fds for each in life),
            "fds_most": max(each.fds for each in life),
        }
    return found
