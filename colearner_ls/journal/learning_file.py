"""``learning.json``: the current session and learner, in the shape that peers read and write, rewritten atomically."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.state import Exercise, Feedback, LearnerState, SessionState
from colearner_ls.journal import local_records, peer_learning
from colearner_ls.journal.faults import os_faults
from colearner_ls.journal.files import keep_aside, read_plain, replace_file
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.lock import FileLock
from colearner_ls.journal.peer_learning import PeerLearning
from colearner_ls.journal.projections import FILES_LOCK, get_note, put_note
from colearner_ls.journal.records import LocalRecord
from colearner_ls.journal.rows import now_us

LEARNING_FILE: Final = "learning.json"
_NOTE: Final = "learning"
_LIMIT: Final = 16 * 1024 * 1024
"""A file over this many bytes is kept aside unread."""


@frozen
class LearningWritten:
    """What a rewrite did. ``imported``: a peer's file was taken in, and is kept there. ``unreadable``: what stood there
    was not JSON, nothing was taken in, and it is kept there; the person should be told."""

    changed: bool
    imported: Path | None = None
    unreadable: Path | None = None


class LearningFile:
    """Writes the file, and takes in what a peer's program has written over it."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.path = journal.folder / LEARNING_FILE
        self._lock = FileLock(journal.path.with_name(FILES_LOCK))

    def write(self, session: SessionState, student_id: str | None) -> LearningWritten:
        """Bring the file up to date with ``session`` for that learner.

        Raises :class:`~colearner_ls.journal.errors.ReadOnly` and ``StorageFull``; the old file then still stands.
        """
        with os_faults(self.path), self._lock.held():
            note = get_note(self._journal.database, _NOTE)
            found = self._look(note, session.session_id, student_id)
            learner = session.learner(student_id)
            document = self._document(session, learner)
            data = _encode(document)
            digest = hashlib.sha256(data).hexdigest()
            if found.data == data:
                return LearningWritten(False)
            # Said before it is done: after a crash in between, the file is still known to be ours.
            ours = [digest] if found.foreign or found.data is None else [digest, hashlib.sha256(found.data).hexdigest()]
            confidence = document["progress"]["confidence"]
            put_note(self._journal.database, _NOTE, {"ours": ours, "confidence": confidence})
            kept: list[Path] = []
            replace_file(
                self.path, data, before=(lambda: kept.append(keep_aside(self.path))) if found.foreign else None
            )
        if not kept:
            return LearningWritten(True)
        return (
            LearningWritten(True, unreadable=kept[0]) if found.unreadable else LearningWritten(True, imported=kept[0])
        )

    def imports(self) -> tuple[PeerLearning, ...]:
        """What peers' files have brought so far, oldest first."""
        return tuple(peer_learning.from_record(record.value) for record in self._journal.local.list(peer_learning.KIND))

    def _look(self, note: Mapping[str, Any] | None, session_id: str, student_id: str | None) -> _Found:
        """What stands in the file now; a peer's is taken in here."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            return _Found(None, foreign=True, unreadable=True)
        data = read_plain(self.path, _LIMIT)
        if data is None or not data.strip(b"\0 \r\n\t"):  # emptied by a power cut: there is nothing to keep
            return _Found(None)
        digest = hashlib.sha256(data).hexdigest()
        if note is not None and digest in note["ours"]:
            return _Found(data)
        at = self.path.stat().st_mtime_ns // 1000
        written = note["confidence"] if note else {}
        peer = (
            None
            if len(data) > _LIMIT
            else peer_learning.parse(data, session=session_id, student=student_id, at=at, written=written)
        )
        if peer is None:
            return _Found(data, foreign=True, unreadable=True)
        record = LocalRecord(peer_learning.KIND, digest, peer.record(), session_id)
        self._journal.database.write(lambda db: local_records.put(db, record, now_us()), durable=True)
        return _Found(data, foreign=True)

    def _document(self, session: SessionState, learner: LearnerState) -> dict[str, Any]:
        imports = sorted(self.imports(), key=lambda peer: peer.at)
        mine = [p for p in imports if p.session == session.session_id and p.student in (None, learner.student_id)]
        extra = _merged(peer.extra for peer in imports)
        about = {"level": "", "goals": [], **_merged(peer.learner for peer in imports)}
        if learner.goals:
            about["goals"] = list(learner.goals)
        completed = dict.fromkeys([*learner.completed, *(step for peer in mine for step in peer.completed)])
        return {
            "learner": about,
            "plan": [{"id": step.id, "topic": step.topic, "status": step.status} for step in learner.plan],
            "progress": {
                **_merged(peer.progress_extra for peer in mine),
                "completed": list(completed),
                "confidence": self._confidence(session.session_id, learner, mine),
            },
            "exercises": [_exercise(exercise) for exercise in learner.exercises],
            "feedback": [_feedback(feedback) for feedback in learner.feedback],
            **{key: value for key, value in extra.items() if key not in peer_learning.OURS},
        }

    def _confidence(self, session_id: str, learner: LearnerState, peers: Iterable[PeerLearning]) -> dict[str, float]:
        """The fold's confidence, except where a peer's file is newer than the last event that moved the topic."""
        confidence = dict(learner.confidence)
        newest: dict[str, tuple[int, float]] = {}
        for peer in peers:
            newest.update({topic: (peer.at, value) for topic, value in peer.confidence.items()})
        if newest:
            moved = self._journal.database.read(lambda db: _moved(db, session_id, learner))
            for topic, (at, value) in newest.items():
                if at > max(moved.get(topic, 0), moved.get(None, 0)):
                    confidence[topic] = value
        return dict(sorted(confidence.items()))


@frozen
class _Found:
    data: bytes | None
    foreign: bool = False
    unreadable: bool = False


def _moved(db: sqlite3.Connection, session_id: str, learner: LearnerState) -> dict[str | None, int]:
    """Topic → hlc of the newest event that moved the learner's confidence in it; ``None``: in whatever topic."""
    student_id = learner.student_id
    mine = {feedback.id: feedback.topic for feedback in learner.feedback}  # as matched: a peer's has no topic itself
    moved: dict[str | None, int] = {}
    query = """SELECT id, hlc, event_type, raw FROM event WHERE session = ? AND applied
        AND event_type IN ('assessment_feedback', 'progress_update') ORDER BY hlc, id"""
    for event_id, hlc, event_type, raw in db.execute(query, (session_id,)):
        envelope = json.loads(raw)
        payload = envelope["payload"]
        about = envelope.get("student_id") or payload.get("student_id")
        if student_id is not None and about not in (None, student_id) and event_id not in mine:
            continue
        if event_type == "assessment_feedback":
            if payload.get("confidence_delta") is not None:
                moved[mine.get(event_id, payload.get("topic"))] = hlc
        else:
            moved.update(dict.fromkeys(payload.get("confidence") or (), hlc))
    return moved


def _merged(objects: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for found in objects:
        merged.update(found)
    return merged


def _exercise(exercise: Exercise) -> dict[str, Any]:
    names = ("topic", "title", "exercise", "expected", "status", "step_id", "due", "ts")
    return {"exercise_id": exercise.id, **_said(exercise, names)}


def _feedback(feedback: Feedback) -> dict[str, Any]:
    names = ("exercise_id", "submission_id", "grade", "next_step", "confidence_delta", "topic", "ts")
    return {"id": feedback.id, **_said(feedback, names), "mistakes": [mistake.text for mistake in feedback.mistakes]}


def _said(record: Exercise | Feedback, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(record, name) for name in names}
    return {name: value for name, value in values.items() if value not in (None, "")}


def _encode(document: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(document, ensure_ascii=False, indent=2).encode() + b"\n"
    except UnicodeEncodeError:  # a peer's lone surrogate: escaped it is still the same JSON
        return json.dumps(document, indent=2).encode("ascii") + b"\n"
