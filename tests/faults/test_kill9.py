"""kill -9 of the real console scripts, again and again; an independent reader counts: 0 lost, 0 doubled.

A coach and a student write in two checkouts, each by its own ``colearner`` process that is killed at a random moment or at
one of four places inside. What a process printed as stored must be in both journals at the end, once. The counting is done
with sqlite3 and json alone on the files, and with kcat on Kafka.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rigs.kafka import KafkaBroker
from tests.workspace.conftest import GRAPH, checkout

COLEARNER = str(Path(sys.executable).with_name("colearner"))
DYING = str(Path(__file__).with_name("killing"))
PLACES = ("append", "send", "acknowledge", "cursor")
SIDES = ("coach", "student")


@dataclass
class Field:
    """Two checkouts and what their processes were told is stored."""

    folder: Path
    environment: dict[str, str]
    kills: Counter[str] = field(default_factory=Counter)
    stored: set[str] = field(default_factory=set)
    written: int = 0

    def run(self, side: str, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [COLEARNER, "--json", "--yes", *arguments],
            cwd=self.folder / side,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def verb(self, side: str) -> list[str]:
        self.written += 1
        if side == "coach":
            return ["stage", "note", "--note", f"coach {self.written}"]
        return random.choice(
            [
                ["progress", "--completed", f"step-{self.written}"],
                ["stage", "note", "--note", f"student {self.written}"],
                ["evidence", "src/graph.py:7-9", "--note", f"{self.written}"],
                ["sync"],
            ]
        )

    def kill_one(self, side: str, *, place: str | None, after: float) -> None:
        """Start one process and kill it; what it managed to print as stored counts."""
        environment = dict(self.environment)
        if place is not None:
            environment |= {"PYTHONPATH": DYING, "COLEARNER_TEST_DIE": place}
        arguments = ["sync", "--wait", "30"] if place == "cursor" else self.verb(side)
        if place in ("append", "send", "acknowledge"):
            arguments = ["stage", "note", "--note", f"{side} {self.written}"]
        process = subprocess.Popen(
            [COLEARNER, "--json", "--yes", *arguments],
            cwd=self.folder / side,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if place is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(after)
            process.send_signal(signal.SIGKILL)
        output, _ = process.communicate(timeout=60)
        if process.returncode == -signal.SIGKILL:
            self.kills[place or "random"] += 1
        with contextlib.suppress(ValueError, KeyError):
            answer = json.loads(output)
            self.stored |= {answer["event_id"], *answer.get("evidence", [])}

    def settle(self) -> None:
        for side in ("coach", "student", "coach", "student"):
            self.run(side, "sync", "--wait", "30")

    def ids(self, side: str) -> list[str]:
        """Event ids of one journal, read by nothing of ours."""
        path = self.folder / side / ".colearner" / "journal.db"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
            raws = [raw for (raw,) in db.execute("SELECT raw FROM event")]
            (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
        assert verdict == "ok"
        return [json.loads(raw)["id"] for raw in raws]

    def check(self) -> None:
        """Both journals hold the same events, each once, and among them all that was ever said to be stored."""
        sides = {side: self.ids(side) for side in SIDES}
        doubled = {side: len(ids) - len(set(ids)) for side, ids in sides.items()}
        lost = {side: len(self.stored - set(ids)) for side, ids in sides.items()}
        print(f"kills {dict(self.kills)}, stored {len(self.stored)}, lost {lost}, doubled {doubled}")
        assert lost == dict.fromkeys(SIDES, 0)
        assert doubled == dict.fromkeys(SIDES, 0)
        assert set(sides["coach"]) == set(sides["student"])


def set_up(tmp_path: Path, bus: str | None) -> Field:
    environment = {**os.environ, "COLEARNER_HOME": str(tmp_path / "home"), "PYTHONPATH": ""}
    field_ = Field(tmp_path, environment)
    for side in SIDES:
        checkout(tmp_path / side, {"src/graph.py": GRAPH})
    options = ["--bus", bus] if bus else []
    invite = json.loads(field_.run("coach", *options, "--wait", "20", "init", "--role", "coach", "--student", "ada"))[
        "invite"
    ]
    field_.run("student", "join", invite, "--wait", "20")
    field_.settle()
    return field_


def campaign(field_: Field, kills: int, seed: int) -> None:
    """``kills`` processes killed: twice at every place, the others at random moments of a run."""
    print(f"seed {seed}")
    random.seed(seed)
    slowest = timed(field_)
    plan: list[str | None] = [*PLACES, *PLACES] + [None] * (kills - 2 * len(PLACES))
    random.shuffle(plan)
    tries = 0
    while sum(field_.kills.values()) < kills and tries < 4 * kills:
        place = plan[tries] if tries < len(plan) else None
        tries += 1
        field_.kill_one(random.choice(SIDES), place=place, after=random.uniform(0.4, 1.1) * slowest)
        if place == "cursor" and not field_.kills["cursor"]:
            # Nothing new had come in: let the other side say something and try again.
            field_.run("coach", "stage", "note", "--note", "news", "--wait", "30")
            field_.kill_one("student", place="cursor", after=0)
    field_.settle()
    field_.check()


def timed(field_: Field) -> float:
    """How long a whole run takes here, in s, so that random kills fall into all of it."""
    start = time.monotonic()
    field_.run("student", "stage", "note", "--note", "how long")
    return time.monotonic() - start


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_f01_kill_9_of_any_process_on_the_embedded_bus(tmp_path: Path, measured: Callable[[str], None]) -> None:
    """Nothing that was said to be stored is lost, nothing is doubled, and both journals are sound."""
    field_ = set_up(tmp_path, None)
    campaign(field_, 50, random.randrange(1 << 30))
    assert sum(field_.kills.values()) >= 50
    assert all(field_.kills[place] for place in PLACES), field_.kills
    kills = ", ".join(f"{times} {place}" for place, times in sorted(field_.kills.items()))
    measured(f"{sum(field_.kills.values())} kills ({kills}), {len(field_.stored)} stored, 0 lost, 0 doubled")


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
@pytest.mark.timeout(400)
def test_f01_kill_9_of_any_process_on_kafka(
    tmp_path: Path, kafka_broker: KafkaBroker, kafka_url: str, kafka_prefix: str, measured: Callable[[str], None]
) -> None:
    """The same over Kafka, where kcat finds everything that was said to be stored."""
    field_ = set_up(tmp_path, kafka_url)
    campaign(field_, 16, random.randrange(1 << 30))
    assert all(field_.kills[place] for place in PLACES), field_.kills
    on_broker = set(kcat_ids(kafka_broker.bootstrap, kafka_prefix))
    assert field_.stored <= on_broker
    measured(f"{sum(field_.kills.values())} kills, {len(field_.stored)} stored and on the broker, 0 lost, 0 doubled")


def kcat_ids(bootstrap: str, prefix: str) -> list[str]:
    """Ids of all events on the broker, read with kcat."""
    from colearner_ls.contracts.catalogue import TOPICS

    found: list[str] = []
    for topic in TOPICS:
        command = ["kcat", "-q", "-b", bootstrap, "-C", "-t", prefix + topic, "-o", "beginning", "-e"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        found += [json.loads(line)["id"] for line in done.stdout.splitlines() if line]
    return found
