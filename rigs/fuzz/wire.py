"""The wire fuzzed: mutated envelopes of every type on every topic, read by a student's real language server.

Each record is told apart by its place on the bus. A plain look with ``json`` and ``sqlite3``, not the product's own
judging, says what must have become of it: sound events stand in the journal, what is no JSON object of the right shape
stands in quarantine byte for byte, and every record is accounted for. Meanwhile the server answers, and afterwards what
it folds is what a new process folds.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, Literal

from colearner_ls.contracts.catalogue import CATALOGUE
from colearner_ls.contracts.examples import EXAMPLES
from demo.editor import CAPABILITIES
from rigs.fuzz.mutation import encoded, mutated, torn
from rigs.fuzz.process import ServerGone, ServerProcess, framed
from rigs.fuzz.stage import (
    LINE,
    PROGRAMS,
    SESSION,
    TEXT,
    Stage,
    as_bytes,
    envelope,
    exercise_here,
    make_stage,
    publish,
)

BATCH: Final = 500
"""Records between two checks: below the 1,000 records of garbage that a journal keeps."""

READ_S: Final = 120.0
SHOW_S: Final = 30.0
"""Deadlines in seconds: for records to be read into the journal, and for what was read to be shown."""
LARGE: Final = 400_000
"""Bytes of an oversized event: over the limit of 262,144 for an event, under Kafka's for a record."""

_REQUIRED: Final = {"ts": str, "actor": str, "session_id": str, "event_type": str, "payload": dict}

Expected = Literal["event", "quarantine", "elsewhere", "any"]
_RIGHT: Final[dict[Expected, tuple[str, ...]]] = {
    "event": ("event", "duplicate"),
    "quarantine": ("quarantine",),
    # A name that no session may have makes it garbage.
    "elsewhere": ("elsewhere", "quarantine"),
    "any": ("event", "duplicate", "quarantine", "elsewhere"),
}
"""What may become of a record. One that lost its id to another of this run stands in quarantine, whatever it is."""


@dataclass
class WireReport:
    """What was sent and what became of it."""

    seed: int
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def fuzz_wire(folder: Path, seed: int, cases: int, bus: str | None = None) -> WireReport:
    """Send so many records through ``bus`` (else an embedded one) to a student's server in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    stage = make_stage(folder, "student", bus)
    random, report, log = Random(f"wire:{seed}"), WireReport(seed), folder / "wire.log"
    server = _start(stage, log)
    try:
        publish(stage.bus, [("colearner.assignments.v1", as_bytes(exercise_here(0)))])
        while report.cases < cases:
            _batch(stage, server, random, report, min(BATCH, cases - report.cases))
        _same_fold(stage, server, report)
    except ServerGone as gone:
        report.faults.append(f"the server is gone: {gone}")
    finally:
        server.kill()
    if b"Traceback" in log.read_bytes():
        report.faults.append(f"there is a traceback in {log}")
    return report


def _start(stage: Stage, log: Path) -> ServerProcess:
    def reply(method: str, number: Any) -> bytes:
        result: list[dict[str, str]] | None = [{}] if method == "workspace/configuration" else None
        return framed(json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode())

    server = ServerProcess([str(PROGRAMS / "colearner-ls")], stage.root, stage.environment, log, reply)
    folder = {"uri": stage.root.as_uri(), "name": "code"}
    opening = {"processId": None, "rootUri": folder["uri"], "workspaceFolders": [folder], "capabilities": CAPABILITIES}
    server.request("start", "initialize", opening)
    server.send({"method": "initialized", "params": {}})
    document = {"uri": stage.uri, "languageId": "python", "version": 1, "text": TEXT}
    server.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
    return server


def _batch(stage: Stage, server: ServerProcess, random: Random, report: WireReport, size: int) -> None:
    made = [_case(random, report.cases + number + 1) for number in range(size)]
    topics = sorted({topic for row in CATALOGUE.values() for topic in row.topics.values()})
    places = publish(stage.bus, [(random.choice(topics), raw) for _, raw in made])
    report.cases += size
    _until_read(stage, places)
    hover = {"textDocument": {"uri": stage.uri}, "position": {"line": LINE, "character": 4}}
    for method, params in (("textDocument/hover", hover), ("colearner/state", {})):
        answer = server.request(f"{method}-{report.cases}", method, params)
        if "error" in answer:
            report.faults.append(f"{method} after {report.cases} records: {answer['error']}")
    _account(stage, report, list(zip(places, made, strict=True)))


def _case(random: Random, number: int) -> tuple[Expected, bytes]:
    event_type = random.choice(sorted(EXAMPLES))
    sound = envelope(event_type, number)
    kind = random.random()
    if kind < 0.15:
        return "event", as_bytes(sound)
    if kind < 0.3:
        raw = torn(as_bytes(sound), random)
    elif kind < 0.33:
        sound["payload"]["note"] = "x" * LARGE
        raw = as_bytes(sound)
    elif kind < 0.36:
        sound["id"] = envelope(event_type, random.randrange(1, number + 1))["id"]
        raw = as_bytes(sound)
    else:
        raw = encoded(mutated(sound, random, random.choice((1, 1, 1, 2, 6))), random)
    return _expected(raw), raw


def _expected(raw: bytes) -> Expected:
    """What must become of it, as far as JSON alone tells."""
    try:
        value = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        return "any" if _names_a_session(raw) else "quarantine"
    if not isinstance(value, dict):
        return "quarantine"
    session = value.get("session_id")
    if isinstance(session, str) and session != SESSION:
        return "elsewhere"
    if any(not isinstance(value.get(name), kind) for name, kind in _REQUIRED.items()) or len(raw) > 262_144:
        return "quarantine"
    return "any"


def _names_a_session(raw: bytes) -> bool:
    """Broken text may still name a session, even another one, to a reader that is kinder than this one."""
    return b"session_id" in raw


def _until_read(stage: Stage, places: list[tuple[str, int, int]]) -> None:
    wanted: dict[tuple[str, int], int] = {}
    for topic, partition, offset in places:
        wanted[topic, partition] = max(wanted.get((topic, partition), 0), offset + 1)
    deadline = time.monotonic() + READ_S
    while True:
        rows = _query(stage, "SELECT topic, partition, next FROM cursor WHERE batch = 0")
        found = {(topic, partition): following for topic, partition, following in rows}
        if all(found.get(place, 0) >= following for place, following in wanted.items()):
            return
        if time.monotonic() > deadline:
            raise ServerGone(f"it read no further than {found} of {wanted}")
        time.sleep(0.05)


def _account(stage: Stage, report: WireReport, sent: list[tuple[tuple[str, int, int], tuple[Expected, bytes]]]) -> None:
    events = {tuple(row[:3]): row[3] for row in _query(stage, 'SELECT topic, partition, "offset", raw FROM event')}
    query = 'SELECT topic, partition, "offset", raw, reason FROM quarantine'
    kept = {tuple(row[:3]): row[3:] for row in _query(stage, query)}
    for place, (expected, raw) in sent:
        outcome = "event" if place in events else "quarantine" if place in kept else "elsewhere"
        if outcome == "elsewhere" and _is_known(events, kept, raw):
            outcome = "duplicate"
        report.outcomes[outcome] += 1
        if place in kept:
            report.reasons[kept[place][1]] += 1
        stored = events.get(place) or (kept[place][0] if place in kept else raw)
        if bytes(stored) != raw:
            report.faults.append(f"{place} was not kept byte for byte: {raw[:200]!r}")
        if expected == "any" and outcome == "elsewhere" and not _may_be_elsewhere(raw):
            report.faults.append(f"{place} is nowhere: {raw[:300]!r}")
        if outcome not in _RIGHT[expected] and not (outcome == "quarantine" and kept[place][1] == "id_conflict"):
            report.faults.append(f"{place} should be {expected} and is {outcome}: {raw[:300]!r}")


def _is_known(events: dict[Any, Any], kept: dict[Any, Any], raw: bytes) -> bool:
    """The same content stands somewhere else: an event once more, or the loser of an id seen before."""
    return raw in {bytes(each) for each in events.values()} or raw in {bytes(each[0]) for each in kept.values()}


def _may_be_elsewhere(raw: bytes) -> bool:
    return SESSION.encode() not in raw or b"session_id" in raw.replace(f'"session_id":"{SESSION}"'.encode(), b"")


def _same_fold(stage: Stage, server: ServerProcess, report: WireReport) -> None:
    """What the server has folded bit by bit is what a new process folds at once."""
    fresh = json.loads(stage.run("status", "--json"))
    theirs = sorted(each["exercise_id"] for each in fresh["exercises"])
    deadline = time.monotonic() + SHOW_S
    for number in count():
        state = server.request(f"state-at-the-end-{number}", "colearner/state", {})["result"]
        ours = sorted(each["exercise_id"] for each in state["exercises"])
        if ours == theirs:
            return
        if time.monotonic() > deadline:
            report.faults.append(f"the server shows {len(ours)} exercises and a new process {len(theirs)}")
            return
        time.sleep(0.1)


def _query(stage: Stage, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{stage.journal}?mode=ro", uri=True, timeout=30)) as db:
        return db.execute(query).fetchall()
