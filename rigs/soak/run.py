"""One soak from beginning to end: broker, proxies, people, faults, the drain, the count."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rigs.kafka import KafkaBroker
from rigs.proxy import Proxy
from rigs.soak.acts import SOURCE
from rigs.soak.chaos import NEEDED_KILLS_PER_MINUTE, NEEDED_RESTARTS_PER_MINUTE, Chaos
from rigs.soak.counting import JournalFile, Pair, read_broker, read_journal
from rigs.soak.desk import FILES, SLOTS, Desk, clean_environment
from rigs.soak.ledger import Ledger
from rigs.soak.observing import Watcher
from rigs.soak.report import Report
from rigs.soak.striking import Hands

PREFIX: Final = "soak."
OVERTIME: Final = 0.5
"""A busy machine may take so much longer to reach the faults that a run must have."""

PLAN: Final = "".join(f"- `s{number}` Step {number}\n" for number in range(1, 10))


@dataclass(frozen=True)
class Settings:
    """``minutes`` of faults, after ``calm_s`` s without any (what is normal is measured there)."""

    seed: int
    out: Path
    minutes: float = 10.0
    pairs: int = 2
    pace: float = 1.0
    """Times as many faults a minute as a run of ten minutes has."""
    calm_s: float = 15.0
    drain_s: float = 120.0
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to that of all processes: a test breaks the product this way."""

    @property
    def needed(self) -> dict[str, int]:
        """How many of each fault there must have been for the run to count."""
        return {
            "kills": int(NEEDED_KILLS_PER_MINUTE * self.minutes * self.pace),
            "broker restarts": int(NEEDED_RESTARTS_PER_MINUTE * self.minutes * self.pace),
        }


class Interrupted(Exception):  # noqa: N818 - not an error
    """Somebody wants the run to end now."""


def soak(settings: Settings, interrupted: threading.Event, say: Callable[[str], None] = print) -> Report:
    """Run; the report. Raises :class:`Interrupted` once all is tidied up, and what the rigs raise."""
    settings.out.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(settings.out / f"{settings.seed}.log.jsonl")
    # Short: sockets and Kafka's files lie below.
    place = Path(tempfile.mkdtemp(prefix="colearner-soak-")).resolve()
    report = Report(settings.seed, settings.minutes, settings.pairs)
    try:
        with ExitStack() as stack:
            stack.callback(ledger.close)
            _run(settings, ledger, place, report, stack, interrupted, say)
    except Interrupted:
        shutil.rmtree(place, ignore_errors=True)
        raise
    except BaseException:
        say(f"the folders of this run are kept in {place}")
        raise
    if report.failures:
        report.kept = str(place)
    else:
        shutil.rmtree(place, ignore_errors=True)
    report.save(settings.out / f"{settings.seed}.json")
    return report


def _run(
    settings: Settings,
    ledger: Ledger,
    place: Path,
    report: Report,
    stack: ExitStack,
    interrupted: threading.Event,
    say: Callable[[str], None],
) -> None:
    sides = 2 * settings.pairs
    names = [f"SIDE{index}" for index in range(sides)]
    proxies = [stack.enter_context(Proxy("127.0.0.1", 0, seed=settings.seed + index)) for index in range(sides)]
    broker = stack.enter_context(
        KafkaBroker.start(
            listeners=dict.fromkeys(names, "PLAINTEXT"),
            advertised={name: proxy.address for name, proxy in zip(names, proxies, strict=True)},
        )
    )
    for name, proxy in zip(names, proxies, strict=True):
        proxy.retarget("127.0.0.1", broker.ports[name])
    over = threading.Event()
    desks = _desks(settings, ledger, place, over)
    for pair in range(settings.pairs):
        _meet(desks[2 * pair], desks[2 * pair + 1], proxies[2 * pair], proxies[2 * pair + 1])
    say(f"{sides} sides with two servers each are set up; seed {settings.seed}")
    watcher = Watcher(desks, {desk.name: proxy.port for desk, proxy in zip(desks, proxies, strict=True)}, ledger)
    stack.callback(watcher.close)
    for desk in desks:
        stack.callback(desk.close)
        desk.begin()
    spared = tuple((2 * pair + pair % 2, "1") for pair in range(settings.pairs))
    hands = Hands(Chaos(settings.seed, sides, settings.pace, spared), desks, proxies, broker, watcher, ledger)
    _wait_for(lambda: all(len(desk.ready) == len(SLOTS) for desk in desks), 120, interrupted)
    _wait(settings.calm_s, interrupted)
    report.calm_until = ledger.now
    ledger.log("faults begin")
    hands.begin()
    try:
        _endure(settings, ledger, interrupted, say)
    finally:
        hands.end()
        over.set()
    report.faults_s = ledger.now - report.calm_until
    report.drained_s = _drain(desks, settings.drain_s, interrupted)
    say("the faults are over; counting")
    broker_events = read_broker(broker.bootstrap, PREFIX)
    for desk in desks:
        desk.close()
    watcher.close()
    report.take(ledger, watcher, desks, settings.needed)
    report.count(broker_events, _pairs(desks), ledger.acknowledged)


def _desks(settings: Settings, ledger: Ledger, place: Path, over: threading.Event) -> list[Desk]:
    found = []
    for pair in range(settings.pairs):
        for role in ("coach", "student"):
            name = f"{role}-{pair}"
            folder = place / name / "code"
            _check_out(folder)
            environment = clean_environment(place / name / "home", settings.environment)
            chance = random.Random(f"{settings.seed} {name}")
            found.append(Desk(name, role, folder, environment, ledger, chance, over))
    return found


def _check_out(folder: Path) -> None:
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(SOURCE, encoding="utf-8")
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ("-c", "user.name=soak", "-c", "user.email=soak@localhost")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-qm", "start"]):
        subprocess.run(
            ["git", *identity, *arguments], cwd=folder, env={**os.environ, **alone}, check=True, capture_output=True
        )


def _meet(coach: Desk, student: Desk, coachs: Proxy, students: Proxy) -> None:
    """Set a session up, each side reaching the broker through its own network."""
    learner = student.name
    urls = [f"kafka://{proxy.address}?prefix={PREFIX}&partitions=3" for proxy in (coachs, students)]
    who = ("--as", coach.name, "--student", learner, "--no-wait")
    invite = coach.run("coach", "init", "--bus", urls[0], *who)["invite"]
    student.run("student", "join", invite, "--bus", urls[1], "--as", learner, "--no-wait")
    student.run("share", "auto", "--no-wait")
    plan = coach.folder.parent / "plan.md"
    plan.write_text(PLAN, encoding="utf-8")
    coach.run("plan", str(plan), "--no-wait")


def _endure(settings: Settings, ledger: Ledger, interrupted: threading.Event, say: Callable[[str], None]) -> None:
    """Wait until the time is over and the faults were as many as they must be, with some patience for the latter."""
    began = time.monotonic()
    seconds = settings.minutes * 60
    told = 0.0
    while True:
        _wait(0.25, interrupted)
        passed = time.monotonic() - began
        if passed - told >= 60:
            told = passed
            counts = {name: ledger.counts[name] for name in settings.needed}
            say(f"{passed / 60:.0f} min: {counts}, {sum(map(len, ledger.acknowledged.values()))} acknowledged")
        enough = all(ledger.counts[name] >= number for name, number in settings.needed.items())
        if passed >= seconds * (1 + OVERTIME) or (passed >= seconds and enough):
            return


def _drain(desks: Sequence[Desk], within_s: float, interrupted: threading.Event) -> float | None:
    """Wait until both sides of each pair hold the same and nothing waits; how long it took, ``None`` at the deadline."""
    began = time.monotonic()
    quiet_since: float | None = None
    before: list[set[str]] = []
    while time.monotonic() - began < within_s:
        journals = _read_all(desks)
        now = [journal.ids for journal in journals]
        settled = bool(journals) and all(
            left.ids == right.ids and not _unsent(left) and not _unsent(right) for left, right in _twos(journals)
        )
        if not settled or now != before:
            quiet_since = None
        if settled and quiet_since is None:
            quiet_since = time.monotonic()
        # A receipt may still be on its way: it must be quiet for a moment.
        if quiet_since is not None and time.monotonic() - quiet_since > 1.5:
            return quiet_since - began
        before = now
        _wait(0.2, interrupted)
    return None


def _unsent(journal: JournalFile) -> bool:
    return any(rows for state, rows in journal.outbox.items() if state != "sent")


def _read_all(desks: Sequence[Desk], *, check: bool = False) -> list[JournalFile]:
    try:
        return [read_journal(desk.journal, check=check) for desk in desks]
    except sqlite3.OperationalError:
        if check:
            raise
        return []  # just being written: look again


def _twos(journals: Sequence[JournalFile]) -> Iterator[tuple[JournalFile, JournalFile]]:
    for index in range(0, len(journals), 2):
        yield journals[index], journals[index + 1]


def _pairs(desks: Sequence[Desk]) -> list[Pair]:
    journals = _read_all(desks, check=True)
    found = []
    for index in range(0, len(desks), 2):
        both = desks[index], desks[index + 1]
        shown = (both[0].run("status", "--offline"), both[1].run("status", "--offline"))
        found.append(Pair((both[0].name, both[1].name), (journals[index], journals[index + 1]), shown))
    return found


def _wait(seconds: float, interrupted: threading.Event) -> None:
    if interrupted.wait(seconds):
        raise Interrupted


def _wait_for(done: Callable[[], bool], within_s: float, interrupted: threading.Event) -> None:
    deadline = time.monotonic() + within_s
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the servers did not open their sessions within {within_s:g} s")
        _wait(0.1, interrupted)
