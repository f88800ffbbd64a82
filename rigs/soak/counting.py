"""The independent reader: kcat for the broker, plain sqlite3 and json for the journals. Counts what is missing or too much."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KCAT_S = 60.0

DIFFERS_BY_SIDE = ("role", "author", "sharing", "sync", "notices")
"""Keys of ``colearner status --json`` that say who looks; all others must be the same for both sides."""


@dataclass(frozen=True, slots=True)
class Event:
    """What an envelope says, read as JSON."""

    id: str
    session: str
    event_type: str
    actor: str
    writer: str
    seq: int
    payload: Mapping[str, Any]


def parse(raw: bytes | str) -> Event:
    """One envelope."""
    said = json.loads(raw)
    return Event(
        said["id"], said["session_id"], said["event_type"], said["actor"], said["writer"], said["seq"], said["payload"]
    )


@dataclass
class JournalFile:
    """What one ``journal.db`` holds."""

    events: list[Event] = field(default_factory=list)
    """In the order of their rows."""
    own_writers: set[str] = field(default_factory=set)
    outbox: Counter[str] = field(default_factory=Counter)
    """State → rows."""
    quarantine: list[str] = field(default_factory=list)
    integrity: str = ""
    healed: list[str] = field(default_factory=list)
    """Why it believed that the broker had lost data."""

    @property
    def ids(self) -> set[str]:
        """Of its events."""
        return {event.id for event in self.events}


def read_journal(path: Path, *, check: bool = False) -> JournalFile:
    """Read the file; with ``check`` ask SQLite whether it is whole. Raises :class:`sqlite3.Error`."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        found = JournalFile()
        found.events = [parse(raw) for (raw,) in db.execute("SELECT raw FROM event ORDER BY row")]
        found.own_writers = {writer for (writer,) in db.execute("SELECT id FROM writer")}
        found.outbox = Counter(dict(db.execute("SELECT state, count(*) FROM outbox GROUP BY state")))
        found.quarantine = [
            f"{reason}: {detail}" for reason, detail in db.execute("SELECT reason, detail FROM quarantine")
        ]
        found.healed = [value for (value,) in db.execute("SELECT value FROM bus_value WHERE key = 'healed'")]
        if check:
            (found.integrity,) = db.execute("PRAGMA integrity_check").fetchone()
    return found


def read_broker(bootstrap: str, prefix: str) -> list[Event]:
    """Every record on every topic with this prefix, read with kcat. Raises :class:`subprocess.SubprocessError`."""
    listed = json.loads(_kcat("-b", bootstrap, "-L", "-J"))
    topics = [each["topic"] for each in listed["topics"] if each["topic"].startswith(prefix)]
    found: list[Event] = []
    for topic in topics:
        said = _kcat("-b", bootstrap, "-C", "-t", topic, "-o", "beginning", "-e", "-f", "%s\n")
        found += [parse(line) for line in said.split("\n") if line]
    return found


def _kcat(*arguments: str) -> str:
    command = ["kcat", "-q", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=KCAT_S, check=True).stdout


@dataclass
class Count:
    """What was found. Every list but the notes must be empty."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    """Files that SQLite does not like, quarantined or refused events, events that nobody wrote."""
    notes: list[str] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """All that must not be."""
        return [*self.lost, *self.doubled, *self.disordered, *self.damaged]


@dataclass(frozen=True)
class Pair:
    """The two journals of one session and what each side shows of it (``colearner status --json``)."""

    names: tuple[str, str]
    journals: tuple[JournalFile, JournalFile]
    shown: tuple[Mapping[str, Any], Mapping[str, Any]]


def judge(pair: Pair, acknowledged: Mapping[str, set[str]], broker: Sequence[Event], count: Count) -> None:
    """Add to ``count`` what is wrong with one pair; ``acknowledged``: side → ids; ``broker``: all of its records."""
    sessions = {event.session for journal in pair.journals for event in journal.events}
    on_broker = {event.id for event in broker if event.session in sessions}
    for index, (name, journal) in enumerate(zip(pair.names, pair.journals, strict=True)):
        other_name, other = pair.names[1 - index], pair.journals[1 - index]
        said = acknowledged.get(name, set())
        _missing(count, f"{name}: acknowledged, but not in its own journal", said - journal.ids)
        _missing(count, f"{name}: acknowledged, but not on the broker", said - on_broker)
        _missing(count, f"{name}: acknowledged, but not in the journal of {other_name}", said - other.ids)
        _missing(count, f"{name}: in its journal, but not on the broker", journal.ids - on_broker - said)
        _missing(count, f"{name}: in its journal, but not in that of {other_name}", journal.ids - other.ids - said)
        _missing(count, f"{name}: on the broker, but not in its journal", on_broker - journal.ids - other.ids)
        doubled_in(name, journal.events, count)
        gaps_in(name, journal, count)
        _damage(name, journal, count)
    same_state(pair, count)
    for name, shown in zip(pair.names, pair.shown, strict=True):
        counted_once(name, pair.journals[0].events, shown, count)


def _missing(count: Count, words: str, ids: Iterable[str]) -> None:
    count.lost += [f"{words}: {each}" for each in sorted(ids)]


def doubled_in(name: str, events: Sequence[Event], count: Count) -> None:
    """The same id, or the same number of the same writer, applied twice."""
    for each, times in Counter(event.id for event in events).items():
        if times > 1:
            count.doubled.append(f"{name}: {each} stands {times} times in its journal")
    places: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for event in events:
        places[event.session, event.writer, event.seq].add(event.id)
    for (_, writer, seq), ids in places.items():
        if len(ids) > 1:
            count.doubled.append(f"{name}: number {seq} of writer {writer} was given to {sorted(ids)}")


def gaps_in(name: str, journal: JournalFile, count: Count) -> None:
    """Numbers of a writer in a session must be 1..n, and its own rows must stand in that order."""
    seqs: dict[tuple[str, str], list[int]] = defaultdict(list)
    for event in journal.events:
        seqs[event.session, event.writer].append(event.seq)
    for (_, writer), given in seqs.items():
        holes = sorted(set(range(1, max(given) + 1)) - set(given))
        if holes or min(given) != 1:
            count.disordered.append(f"{name}: of writer {writer} the numbers {holes[:10]} are missing of {max(given)}")
        if writer in journal.own_writers and given != sorted(given):
            count.disordered.append(f"{name}: its own numbers of writer {writer} do not stand in their order")


def _damage(name: str, journal: JournalFile, count: Count) -> None:
    if journal.integrity != "ok":
        count.damaged.append(f"{name}: integrity_check says {journal.integrity[:200]}")
    count.damaged += [f"{name}: quarantined: {each[:200]}" for each in journal.quarantine]
    unsent = {state: rows for state, rows in journal.outbox.items() if state != "sent"}
    if unsent:
        count.lost.append(f"{name}: own events that were not delivered: {unsent}")
    if len(journal.own_writers) > 1:
        count.notes.append(f"{name}: its journal was begun anew {len(journal.own_writers) - 1} times")
    count.notes += [
        f"{name}: believed that the broker had lost data: {each}" for each in journal.healed if each != "null"
    ]


def same_state(pair: Pair, count: Count) -> None:
    """Both sides must show the same session."""
    left, right = ({key: shown[key] for key in shown if key not in DIFFERS_BY_SIDE} for shown in pair.shown)
    for key in sorted({*left, *right}):
        if left.get(key) != right.get(key):
            count.disordered.append(f"{' and '.join(pair.names)} show different “{key}”")


def counted_once(name: str, events: Sequence[Event], shown: Mapping[str, Any], count: Count) -> None:
    """What is shown must be what the distinct events add up to, by arithmetic of our own."""
    once = list({event.id: event for event in events}.values())
    of_type: Counter[str] = Counter(event.event_type for event in once)
    for key, event_type in (
        ("exercises", "exercise_assigned"),
        ("submissions", "exercise_submission"),
        ("feedback", "assessment_feedback"),
        ("evidence", "evidence_snapshot"),
        ("hints", "coach_hint"),
        ("stuck", "stuck_reported"),
    ):
        if len(shown[key]) != of_type[event_type]:
            words = f"{name}: shows {len(shown[key])} {key}; there are {of_type[event_type]} {event_type} events"
            (count.doubled if len(shown[key]) > of_type[event_type] else count.lost).append(words)
    sums: dict[str, float] = defaultdict(float)
    for event in once:
        if event.event_type == "assessment_feedback" and "topic" in event.payload:
            sums[event.payload["topic"]] += event.payload.get("confidence_delta") or 0.0
    for topic, expected in sums.items():
        confidence = shown["progress"]["confidence"].get(topic, 0.0)
        if abs(confidence - expected) > 1e-9:
            words = f"{name}: confidence in {topic} is {confidence:.6f}; the feedback adds up to {expected:.6f}"
            (count.doubled if confidence > expected else count.lost).append(words)


def copies(broker: Sequence[Event]) -> tuple[int, int]:
    """Distinct events on the broker, and records beyond them (allowed: delivery is at-least-once)."""
    distinct = len({event.id for event in broker})
    return distinct, len(broker) - distinct
