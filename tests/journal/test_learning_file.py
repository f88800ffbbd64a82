"""``learning.json``: what peers read and write, and how their hand in it is taken in."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.domain.fold import fold_events
from colearner_ls.domain.state import Exercise, Feedback, LearnerState, Mistake, PlanStep, SessionState
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.learning_file import LearningFile, LearningWritten
from colearner_ls.journal.records import Draft
from tests.journal.samples import step

EXERCISE = Exercise(
    id="ex-1",
    event_id="e1",
    hlc=1,
    ts="2026-01-20T12:00:00Z",
    topic="loops",
    exercise="Write one.",
    expected="",
    tests=(),
    title="",
    step_id="1",
    anchors=(),
    hints=(),
    due=None,
    author=None,
    status="submitted",
)
FEEDBACK = Feedback(
    id="f1",
    hlc=2,
    ts="2026-01-20T13:00:00Z",
    exercise_id="ex-1",
    submission_id=None,
    grade="revise",
    mistakes=(Mistake("off by one", None),),
    next_step="again",
    confidence_delta=0.1,
    topic=None,
    author=None,
)


def state(**learner: Any) -> SessionState:
    return SessionState("s1", learners={"stu": LearnerState("stu", **learner)})


@pytest.fixture
def file(journal: Journal) -> LearningFile:
    return LearningFile(journal)


def content(file: LearningFile) -> dict[str, Any]:
    found = json.loads(file.path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def backups(file: LearningFile) -> list[Path]:
    return sorted(file.path.parent.glob("learning.json.bak-*"))


def test_it_has_the_shape_that_peers_read(file: LearningFile) -> None:
    whole = state(
        goals=("Rust",),
        plan=(PlanStep("1", "loops", "done"), PlanStep("2", "vec", "next")),
        completed=("1",),
        confidence={"loops": 0.4},
        exercises=(EXERCISE,),
        feedback=(FEEDBACK,),
    )
    assert file.write(whole, "stu") == LearningWritten(True)
    assert content(file) == {
        "learner": {"level": "", "goals": ["Rust"]},
        "plan": [{"id": "1", "topic": "loops", "status": "done"}, {"id": "2", "topic": "vec", "status": "next"}],
        "progress": {"completed": ["1"], "confidence": {"loops": 0.4}},
        "exercises": [
            {
                "exercise_id": "ex-1",
                "topic": "loops",
                "exercise": "Write one.",
                "status": "submitted",
                "step_id": "1",
                "ts": "2026-01-20T12:00:00Z",
            }
        ],
        "feedback": [
            {
                "id": "f1",
                "exercise_id": "ex-1",
                "grade": "revise",
                "next_step": "again",
                "confidence_delta": 0.1,
                "ts": "2026-01-20T13:00:00Z",
                "mistakes": ["off by one"],
            }
        ],
    }


def test_it_is_written_only_when_it_changes_and_rebuilt_identical(file: LearningFile) -> None:
    file.write(state(completed=("1",)), "stu")
    before, there = file.path.read_bytes(), file.path.stat()
    assert file.write(state(completed=("1",)), "stu") == LearningWritten(False)
    assert file.path.stat() == there
    file.path.unlink()
    assert file.write(state(completed=("1",)), "stu").changed
    assert file.path.read_bytes() == before
    assert backups(file) == []


def test_a_peers_file_is_taken_in_and_kept(file: LearningFile, journal: Journal) -> None:
    peer = {
        "learner": {"level": "beginner", "goals": ["tests"], "language": "de"},
        "plan": [{"id": "9", "topic": "theirs", "status": "pending"}],
        "progress": {"completed": ["a", 2, None], "confidence": {"loops": 0.9, "bad": "much", "over": 7}, "streak": 3},
        "theme": {"dark": True},
    }
    given = json.dumps(peer).encode()
    file.path.write_bytes(given)
    written = file.write(state(completed=("1",), plan=(PlanStep("1", "ours", "done"),)), "stu")
    assert written.imported is not None
    assert written.imported.read_bytes() == given
    assert backups(file) == [written.imported]
    expected = {
        "learner": {"level": "beginner", "goals": ["tests"], "language": "de"},
        "plan": [{"id": "1", "topic": "ours", "status": "done"}],
        "progress": {"streak": 3, "completed": ["1", "a", "2"], "confidence": {"loops": 0.9, "over": 1.0}},
        "exercises": [],
        "feedback": [],
        "theme": {"dark": True},
    }
    assert content(file) == expected
    file.path.unlink()
    file.write(state(completed=("1",), plan=(PlanStep("1", "ours", "done"),)), "stu")
    assert content(file) == expected  # it comes back after a deletion
    file.write(state(completed=("1", "3")), "stu")
    assert content(file)["progress"]["completed"] == ["1", "3", "a", "2"]
    assert backups(file) == [written.imported]
    (record,) = journal.local.list("learning_import")
    assert len(record.key) == 64
    assert journal.outbox.counts().unsent == 0  # nothing of it is published


def test_goals_of_the_plan_count_before_a_peers(file: LearningFile) -> None:
    file.path.write_text('{"learner": {"level": "x", "goals": ["theirs"]}}')
    file.write(state(goals=("ours",)), "stu")
    assert content(file)["learner"] == {"level": "x", "goals": ["ours"]}


def test_a_newer_import_comes_before_an_older_one(file: LearningFile) -> None:
    file.path.write_text('{"learner": {"level": "one"}, "a": 1, "b": 1, "progress": {"completed": ["x"]}}')
    os.utime(file.path, (1_000, 1_000))
    file.write(state(), "stu")
    file.path.write_text('{"learner": {"level": "two"}, "a": 2, "progress": {"completed": ["y"]}}')
    os.utime(file.path, (2_000, 2_000))
    file.write(state(), "stu")
    found = content(file)
    assert (found["learner"]["level"], found["a"], found["b"]) == ("two", 2, 1)
    assert found["progress"]["completed"] == ["x", "y"]
    assert len(backups(file)) == 2


def _peer_changes(file: LearningFile, at_s: float, **confidence: float) -> None:
    """As a peer's program does: read, change a value, write all of it back."""
    found = content(file)
    found["progress"]["confidence"].update(confidence)
    file.path.write_text(json.dumps(found))
    os.utime(file.path, (at_s, at_s))


def test_confidence_counts_where_it_is_newer(file: LearningFile, journal: Journal) -> None:
    def feedback(at_s: int, topic: str | None = None) -> None:
        payload = {"grade": "pass", "confidence_delta": 0.1} | ({"topic": topic} if topic else {})
        journal.append(
            [Draft("assessment_feedback", "coach", "s1", payload, student_id="stu")], wall_us=at_s * 1_000_000
        )

    feedback(1_800_000_000, "loops")
    feedback(1_800_000_000, "vec")
    folded = {"loops": 0.2, "vec": 0.2}
    file.write(state(confidence=folded), "stu")
    _peer_changes(file, 1_800_000_100, loops=0.7, tests=0.5)
    file.write(state(confidence=folded), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.7, "tests": 0.5, "vec": 0.2}
    feedback(1_800_000_200, "loops")  # the coach has spoken since
    folded = {"loops": 0.3, "vec": 0.2}
    file.write(state(confidence=folded), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.3, "tests": 0.5, "vec": 0.2}
    # A file that is older than the coach's word counts only where the coach said nothing.
    _peer_changes(file, 1_800_000_150, loops=0.9, vec=0.8)
    file.write(state(confidence=folded), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.3, "tests": 0.5, "vec": 0.8}
    feedback(1_800_000_300)  # without a topic it may be about any
    file.write(state(confidence={"loops": 0.4, "vec": 0.3}), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.4, "vec": 0.3}


def _folded(journal: Journal) -> SessionState:
    return fold_events("s1", (stored.event for stored in journal.events_in_order("s1") if stored.applied)).view()


def _coach_says(journal: Journal, at_s: int, event_type: str, student_id: str | None = "stu", **payload: Any) -> None:
    draft = Draft(event_type, "coach", "s1", payload, student_id=student_id)
    journal.append([draft], wall_us=at_s * 1_000_000)


def test_feedback_on_one_topic_leaves_a_peers_word_on_another_alone(file: LearningFile, journal: Journal) -> None:
    journal.append([step("1")], wall_us=1_800_000_000_000_000)
    _coach_says(journal, 1_800_000_001, "exercise_assigned", topic="loops", exercise="x", exercise_id="ex-1")
    file.write(_folded(journal), "stu")
    _peer_changes(file, 1_800_000_100, loops=0.7, vec=0.8)
    file.write(_folded(journal), "stu")
    # Peers' feedback carries no topic: it moves that of the exercise it belongs to, and no other.
    _coach_says(journal, 1_800_000_200, "assessment_feedback", grade="pass", confidence_delta=0.1)
    file.write(_folded(journal), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.1, "vec": 0.8}


def test_feedback_under_an_unknown_id_is_newer_than_a_peers_word(file: LearningFile, journal: Journal) -> None:
    journal.append([step("1")], wall_us=1_800_000_000_000_000)
    file.write(_folded(journal), "stu")
    _peer_changes(file, 1_800_000_100, loops=0.7)
    file.write(_folded(journal), "stu")
    # The sole learner's, whatever id a peer made up.
    feedback = {"grade": "pass", "confidence_delta": 0.1, "topic": "loops"}
    _coach_says(journal, 1_800_000_200, "assessment_feedback", "student-4711", **feedback)
    file.write(_folded(journal), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.1}


def test_a_value_that_the_peer_left_alone_is_not_taken_for_its_word(file: LearningFile, journal: Journal) -> None:
    file.write(state(confidence={"loops": 0.2, "vec": 0.2}), "stu")
    _peer_changes(file, 4_000_000_000, vec=0.9)
    journal.append([step("1")])
    file.write(state(confidence={"loops": 0.6, "vec": 0.2}), "stu")
    assert content(file)["progress"]["confidence"] == {"loops": 0.6, "vec": 0.9}


def test_what_is_of_another_session_or_learner_stays_there(file: LearningFile) -> None:
    file.path.write_text('{"theme": 1, "progress": {"completed": ["a"], "confidence": {"t": 0.5}}}')
    file.write(state(), "stu")
    file.write(SessionState("s2", learners={"stu": LearnerState("stu")}), "stu")
    assert content(file)["progress"] == {"completed": [], "confidence": {}}
    assert content(file)["theme"] == 1
    file.write(SessionState("s1", learners={"x": LearnerState("x"), "stu": LearnerState("stu")}), "x")
    assert content(file)["progress"] == {"completed": [], "confidence": {}}
    file.write(state(), "stu")
    assert content(file)["progress"] == {"completed": ["a"], "confidence": {"t": 0.5}}


@pytest.mark.parametrize(
    "given",
    [
        b"not json",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b"[" * 100_000,
        b'{"a": 1',
        b"x" * (17 * 1024 * 1024),
    ],
    ids=["words", "array", "string", "bytes", "nan", "deep", "torn", "huge"],
)
def test_what_is_not_json_is_kept_and_said(file: LearningFile, given: bytes) -> None:
    file.path.write_bytes(given)
    written = file.write(state(completed=("1",)), "stu")
    assert written.imported is None
    assert written.unreadable is not None
    assert written.unreadable.read_bytes() == given
    assert content(file)["progress"]["completed"] == ["1"]
    assert file.write(state(completed=("1",)), "stu") == LearningWritten(False)


def test_a_file_emptied_by_a_power_cut_is_just_written(file: LearningFile) -> None:
    for given in (b"", b"\0" * 512, b"\n"):
        file.path.write_bytes(given)
        assert file.write(state(), "stu") == LearningWritten(True)
    assert backups(file) == []


def test_a_crash_before_the_file_is_replaced_is_not_taken_for_a_peer(
    file: LearningFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    import colearner_ls.journal.learning_file as module

    file.write(state(completed=("1",)), "stu")
    for number in range(2, 5):
        with monkeypatch.context() as patched:
            patched.setattr(module, "replace_file", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                file.write(state(completed=(str(number),)), "stu")
    assert file.write(state(completed=("9",)), "stu") == LearningWritten(True)
    assert backups(file) == []


def test_a_byte_order_mark_and_a_lone_surrogate_are_no_obstacle(file: LearningFile) -> None:
    file.path.write_bytes(b'\xef\xbb\xbf{"name": "\\ud800", "umlaut": "\xc3\xa4"}')
    assert file.write(state(), "stu").imported is not None
    assert content(file)["name"] == "\ud800"
    assert content(file)["umlaut"] == "ä"


def test_a_link_is_not_followed(file: LearningFile, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    file.path.symlink_to(target)
    written = file.write(state(), "stu")
    assert written.unreadable is not None
    assert target.read_text() == "precious"
    assert not file.path.is_symlink()
    assert content(file)["plan"] == []
