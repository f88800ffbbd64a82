"""Long histories of a session, as their events come over the wire, put into a journal the way a bus brings them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from colearner_ls.bus.records import IncomingRecord
from colearner_ls.contracts.timestamps import to_ts
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import CursorMove

START_US = 1_790_000_000_000_000
"""September 2026, in µs: before the clock of any machine that runs this, so that new events come after."""

BATCH = 500
TOPIC = "colearner.progress.v1"
COACH_WRITER = "019bd9c5-5c00-7000-8000-00000000c0ac"
STUDENT_WRITER = "019bd9c5-5c00-7000-8000-0000000057de"
SHA = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
COMMIT = "3f786850e387550fdab836ed7e6dc881de23001b"
SNIPPET = "".join(f"    total = total + weight[{line}] * value[{line}]  # line {line}\n" for line in range(12))


class History:
    """``events`` events of a coach and one student in one session, about 0.7 kB each: exercises one after the other,
    ``each`` events for one: 9 are said, the others are the automatic progress (5 of 7) and evidence of work."""

    def __init__(
        self, session_id: str, events: int, *, each: int, student_id: str = "ada", path: str = "graph.py"
    ) -> None:
        self._session = session_id
        self._student = student_id
        self._path = path
        self._count = events
        self._each = each
        self._number = 0
        self._seq = {COACH_WRITER: 0, STUDENT_WRITER: 0}

    def envelopes(self) -> Iterator[bytes]:
        """The bytes on the wire, in order."""
        for event in self._endless():
            if self._number > self._count:
                return
            yield json.dumps(event, separators=(",", ":")).encode()

    def _endless(self) -> Iterator[dict[str, Any]]:
        names = {"student_id": self._student, "coach_id": "kim", "title": "Onboarding"}
        yield self._coach("session_started", {"session_id": self._session, **names})
        plan = [{"id": f"step-{step}", "topic": f"topic {step}", "status": "todo"} for step in range(1, 11)]
        yield self._coach("learning_plan", {"goals": ["know the graph"], "plan": plan})
        number = 0
        while True:
            number += 1
            yield from self._exercise(number)

    def _exercise(self, number: int) -> Iterator[dict[str, Any]]:
        step, line = f"step-{number % 10 + 1}", number % 150 + 1
        anchor = {
            "path": self._path,
            "quote": {"exact": f"value_{line} = compute({line})", "prefix": "\n\n", "suffix": "\nvalue"},
            "range": {"start_line": line, "end_line": line},
        }
        texts = {"topic": "graph", "exercise": f"Make line {line} cope with cycles.", "expected": "Each node once."}
        assigned = self._coach("exercise_assigned", {**texts, "step_id": step, "anchors": [anchor]})
        exercise = assigned["id"]
        yield assigned
        for status in ("received", "accepted"):
            yield self._said("exercise_assigned_ack", {"status": status, "exercise_id": exercise}, exercise)
        for place in range(self._each - 9):
            yield self._progress(step, place) if place % 7 < 5 else self._evidence(exercise, place)
        snapshot = self._evidence(exercise, self._each, trigger="submit")
        yield snapshot
        told = {"exercise_id": exercise, "response": "It returns early now.", "evidence": [snapshot["id"]]}
        submission = self._said("exercise_submission", {**told, "confidence": 0.7})
        yield submission
        names = {"exercise_id": exercise, "submission_id": submission["id"]}
        yield self._coach("exercise_submission_ack", {"status": "received", **names}, submission["id"])
        mistakes = ["No cycle of one node is tested.", {"text": "Shared between calls.", "anchor": anchor}]
        judged = {"grade": "pass", "mistakes": mistakes, "next_step": "The next one.", "confidence_delta": 0.01}
        feedback = self._coach("assessment_feedback", {**judged, **names, "topic": "graph"}, submission["id"])
        yield feedback
        for status in ("read", "addressed"):
            told = {"status": status, "feedback_id": feedback["id"]}
            yield self._said("assessment_feedback_ack", told, feedback["id"])

    def _progress(self, step: str, place: int) -> dict[str, Any]:
        changed = [{"path": self._path, "sha256": SHA, "bytes": 2048 + place}]
        told = {
            "completed": [],
            "confidence": {"graph": place % 100 / 100},
            "active_step": step,
            "files_changed": changed,
        }
        return self._said("progress_update", {**told, "files_total": 1, "from_commit": COMMIT, "to_commit": COMMIT})

    def _evidence(self, exercise: str, place: int, trigger: str = "save") -> dict[str, Any]:
        lines = {"start_line": place + 1, "end_line": place + 12}
        told = {"path": self._path, "hash": f"sha256:{SHA}", "snippet": SNIPPET, "range": lines, "language": "python"}
        return self._said("evidence_snapshot", {**told, "exercise_id": exercise, "trigger": trigger, "commit": COMMIT})

    def _coach(self, event_type: str, payload: dict[str, Any], cause: str | None = None) -> dict[str, Any]:
        return self._event("coach", COACH_WRITER, event_type, payload, cause)

    def _said(self, event_type: str, payload: dict[str, Any], cause: str | None = None) -> dict[str, Any]:
        return self._event("student", STUDENT_WRITER, event_type, payload, cause)

    def _event(
        self, actor: str, writer: str, event_type: str, payload: dict[str, Any], cause: str | None
    ) -> dict[str, Any]:
        self._number += 1
        self._seq[writer] += 1
        hlc = START_US + self._number * 1_000_000
        found = {
            "ts": to_ts(hlc),
            "actor": actor,
            "session_id": self._session,
            "event_type": event_type,
            "payload": payload,
            "id": str(uuid.UUID(int=(0x0190 << 112) | (0x7 << 76) | (0x8 << 60) | self._number)),
            "hlc": hlc,
            "version": 1,
            "student_id": self._student,
            "author": f"{actor}@00c0ffee",
            "writer": writer,
            "seq": self._seq[writer],
        }
        return {**found, "causation_id": cause} if cause else found


def receive(folder: Path, session_id: str, events: int, *, each: int) -> None:
    """Let the journal of a folder that is set up receive such a history, judged and stored as always."""
    with Journal.open(folder / ".colearner") as journal:
        bus = journal.bound_bus(session_id)
        if bus is None:
            raise ValueError(f"{folder} does not follow {session_id}")
        batch: list[IncomingRecord] = []
        for offset, value in enumerate(History(session_id, events, each=each).envelopes()):
            batch.append(IncomingRecord(TOPIC, 999, offset, session_id.encode(), value, 0))
            if len(batch) == BATCH:
                _take(journal, bus, batch)
                batch = []
        if batch:
            _take(journal, bus, batch)


def _take(journal: Journal, bus: str, batch: list[IncomingRecord]) -> None:
    first, last = batch[0].offset, batch[-1]
    digest = hashlib.sha256(last.value or b"").digest()
    move = CursorMove(first or None, last.offset + 1, digest)
    received = journal.receive(bus, batch, {(TOPIC, 999): move})
    if len(received.new) != len(batch):
        raise ValueError(f"{len(batch) - len(received.new)} of {len(batch)} events were not taken in")
