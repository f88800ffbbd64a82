"""The whole dialogue of a coach and a student over the embedded bus, each verb as a person types it, each output judged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from colearner_ls.contracts import views
from tests.cli.conftest import Folder


def shaped(model: type[BaseModel], doc: dict[str, Any]) -> dict[str, Any]:
    model.model_validate_json(json.dumps(doc), strict=True)
    return doc


def written(folder: Folder, *arguments: str, event_type: str, delivery: str = "local", **more: Any) -> dict[str, Any]:
    doc = shaped(views.WrittenView, folder(*arguments, "--json", **more).doc)
    assert doc["event_type"] == event_type
    assert doc["delivery"] == delivery
    assert doc["session_id"] == "onboarding-01"
    return doc


def status(folder: Folder, *arguments: str) -> dict[str, Any]:
    return shaped(views.StatusView, folder("status", "--json", *arguments).doc)


def inbox(folder: Folder) -> list[dict[str, Any]]:
    return shaped(views.InboxView, folder("inbox", "--json").doc)["items"]


def test_the_whole_dialogue(coach: Folder, student: Folder) -> None:
    written(coach, "plan", "-", event_type="learning_plan", stdin="# Goals\n- care\n# Plan\n- `s1` read\n- `s2` mend\n")
    exercise = written(
        coach,
        "assign",
        *("--topic", "averages", "--exercise", "mean([]) fails. Mend it.", "--expected", "0 or a clear error"),
        *("--test", "python -m pytest", "--at", "src/mean.py:4-8", "--hint", "what is len([])?", "--step", "s1"),
        *("--title", "Mend the mean", "--due", "2027-01-01T00:00:00Z"),
        event_type="exercise_assigned",
    )["exercise_id"]

    (item,) = inbox(student)
    assert (item["kind"], item["id"], item["path"], item["line"]) == ("exercise", exercise, "src/mean.py", 4)
    written(student, "ack", exercise[-8:], "--status", "accepted", "--note", "ok", event_type="exercise_assigned_ack")
    written(student, "progress", "--active", "s1", "--confidence", "averages=0.4", event_type="progress_update")
    report = written(student, "stuck", "why does it fail?", "--at", "src/mean.py:8", event_type="stuck_reported")
    assert report["exercise_id"] == exercise

    (waiting,) = inbox(coach)
    assert (waiting["kind"], waiting["id"], waiting["line"]) == ("stuck", report["event_id"], 8)
    hint = written(coach, "hint", "divide by what?", "--stuck", report["event_id"][:23], event_type="coach_hint")
    assert hint["exercise_id"] == exercise
    assert [each["kind"] for each in inbox(student)] == ["hint", "exercise"]
    written(student, "ack", hint["event_id"], "--note", "thanks", event_type="hint_ack")
    written(student, "resolve", report["event_id"], "--note", "got it", event_type="stuck_resolved")

    app = student.path / "src" / "mean.py"
    app.write_text(app.read_text().replace("    total = 0\n", "    if not numbers:\n        return 0\n    total = 0\n"))
    shared = written(
        student, "evidence", "src/mean.py:5-6", "--note", "like this?", "--yes", event_type="evidence_snapshot"
    )
    submission = written(
        student,
        *("submit", "--response", "-", "--evidence", "src/mean.py:5-6", "--confidence", "0.7", "--yes"),
        event_type="exercise_submission",
        stdin="It returns 0 now.\n",
    )
    assert submission["exercise_id"] == exercise
    assert len(submission["evidence"]) == 2

    assert [each["kind"] for each in inbox(coach)] == ["submission", "evidence"]
    written(coach, "ack", submission["event_id"], "--status", "received", event_type="exercise_submission_ack")
    feedback = written(
        coach,
        *("feedback", exercise[-8:], "--grade", "revise", "--mistake", "src/mean.py:8: now the mean of nothing is 0"),
        *("--mistake", "no test", "--next-step", "Raise ValueError", "--confidence-delta", "-0.1"),
        event_type="assessment_feedback",
    )
    assert inbox(coach) == []
    assert [each["kind"] for each in inbox(student)] == ["feedback", "exercise"]
    written(student, "ack", feedback["event_id"], "--status", "addressed", event_type="assessment_feedback_ack")
    again = written(student, "submit", exercise, "--response", "Raises now.", "--yes", event_type="exercise_submission")
    assert coach("sync").code == 0
    passed = written(coach, "feedback", exercise, "--grade", "pass", event_type="assessment_feedback")

    mine, theirs = status(student, "--fetch"), status(coach, "--fetch")
    for side in (mine, theirs):
        assert [each["status"] for each in side["exercises"]] == ["passed"]
        assert [(step["id"], step["completed"]) for step in side["plan"]] == [("s1", True), ("s2", False)]
        assert side["plan"][1]["status"] == "next"
        assert side["progress"]["confidence"] == {"averages": pytest.approx(0.3)}
        assert [each["feedback_id"] for each in side["feedback"]] == [feedback["event_id"], passed["event_id"]]
        assert side["feedback"][0]["mistakes"][0]["anchor"]["range"] == {"start_line": 8, "end_line": 8}
        assert [each["submission_id"] for each in side["submissions"]] == [submission["event_id"], again["event_id"]]
        assert shared["event_id"] in [each["evidence_id"] for each in side["evidence"]]
        assert side["student_id"] == "ann"
    assert (mine["role"], theirs["role"]) == ("student", "coach")

    written(coach, "assign", "--topic", "tests", "--exercise", "x", "--id", "ex-2", event_type="exercise_assigned")
    written(coach, "withdraw", "ex-2", "--reason", "later", event_type="exercise_withdrawn")
    written(coach, "stage", "note", "--note", "went well", event_type="lifecycle")
    written(student, "share", "off", event_type="sharing_changed")
    written(coach, "close", "--note", "done", event_type="session_closed")
    assert status(student, "--fetch")["stage"] == "done"
    coach("sync")

    histories = [[doc["id"] for doc in folder("history", "--json").docs] for folder in (coach, student)]
    assert histories[0] == histories[1]
    assert len(set(histories[0])) == len(histories[0])


def test_every_event_is_printed_with_what_is_known_about_it(coach: Folder, student: Folder) -> None:
    assigned = coach("assign", "--topic", "t", "--exercise", "x", "--json").doc
    assert student("inbox").code == 0
    submitted = student("submit", "--response", "y", "--yes", "--json").doc
    lines = [shaped(views.HistoryLine, doc) for doc in student("history", "--json").docs]
    by_id = {line["_id"]: line for line in lines}
    assert by_id[assigned["event_id"]]["_delivery"] == "received"
    assert by_id[submitted["event_id"]]["_delivery"] == "local"
    assert by_id[submitted["event_id"]]["_exercise_id"] == assigned["exercise_id"]
    assert [line["_hlc"] for line in lines] == sorted(line["_hlc"] for line in lines)
    only = student("history", "--json", "--type", "exercise_submission", "--type", "learning_plan").docs
    assert [line["event_type"] for line in only] == ["exercise_submission"]
    shown = shaped(views.HistoryLine, student("show", submitted["event_id"][-6:], "--json").doc)
    assert shown == by_id[submitted["event_id"]]
    of_exercise = shaped(views.HistoryLine, coach("show", assigned["exercise_id"], "--fetch", "--json").doc)
    assert (of_exercise["event_type"], of_exercise["_status"]) == ("exercise_assigned", "submitted")


def test_people_read_words_and_ids_of_eight_characters(coach: Folder, student: Folder) -> None:
    assigned = coach("assign", "--topic", "averages", "--exercise", "Mend it", "--at", "src/mean.py:4", "--json").doc
    tail = assigned["exercise_id"][-8:]
    ran = student("inbox")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split()[:3] == [tail, "exercise", "assigned"]
    ran = student("submit", tail, "--response", "done", "--yes")
    assert ran.out == f"Exercise {tail} submitted with 1 snapshot: on this machine's bus.\n"
    assert "src/mean.py:" in ran.err
    assert "│ def mean(numbers):" in ran.err
    for verb in (["status"], ["history"], ["show", tail], ["show", "01"], ["doctor"], ["quarantine"], ["share"]):
        ran = student(*verb)
        if verb == ["show", "01"]:
            assert ran.code == 3
            continue
        assert ran.code == 0, (verb, ran.err)
        assert ran.out.strip()
        assert "\x1b" not in ran.out


def test_nothing_but_the_journal_is_touched_without_being_asked(coach: Folder, student: Folder) -> None:
    coach("assign", "--topic", "t", "--exercise", "x")
    for verb in (["status"], ["history"], ["show", "onboarding"]):
        ran = student(*verb, "--json")
        assert "exercise_assigned" not in ran.out
    assert status(student)["exercises"] == []
    assert "--fetch for newer" in student("history").err
    assert len(status(student, "--fetch")["exercises"]) == 1


def test_offline_and_no_wait_keep_what_is_said(coach: Folder, student: Folder) -> None:
    assert student("sync").code == 0
    ran = coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1", "--offline")
    assert ran.code == 0
    assert ran.out == "Exercise ex-1 assigned: kept; will be sent when the bus is reachable (1 waiting).\n"
    doc = coach("hint", "look", "--no-wait", "--json").doc
    assert (doc["delivery"], doc["waiting"]) == ("kept", 2)
    assert status(coach)["sync"]["waiting"] == 2
    assert [line["_delivery"] for line in coach("history", "--json").docs][-2:] == ["kept", "kept"]
    synced = shaped(views.SyncedView, coach("sync", "--json").doc)
    assert (synced["sent"], synced["sync"]["waiting"]) == (2, 0)
    received = shaped(views.SyncedView, student("sync", "--json").doc)
    assert received["received"] == 2
    assert student("sync").out == "0 sent, 0 received.\n"


def test_sharing_is_shown_and_set(student: Folder) -> None:
    assert shaped(views.SharingView, student("share", "--json").doc) == {"mode": "ask", "source": "default"}
    assert "off now" in student("share", "off").out
    assert shaped(views.SharingView, student("share", "--json").doc)["mode"] == "off"
    assert "nothing leaves by itself" in student("share").out


def test_link_settles_what_was_guessed(coach: Folder, student: Folder) -> None:
    for name in ("ex-1", "ex-2"):
        coach("assign", "--topic", name, "--exercise", "x", "--id", name)
    student("inbox")
    submitted = student("submit", "ex-1", "--response", "x", "--yes", "--json").doc
    linked = shaped(views.LinkedView, student("link", submitted["event_id"][-8:], "ex-2", "--json").doc)
    assert linked == {"target_id": submitted["event_id"], "exercise_id": "ex-2", "session_id": "onboarding-01"}
    assert status(student)["submissions"][0]["exercise_id"] == "ex-2"
    coach("sync")
    assert status(coach)["submissions"][0]["exercise_id"] == "ex-1"


def test_an_id_that_is_known_revises_and_a_piece_of_a_name_does_not(coach: Folder) -> None:
    first = coach("assign", "--topic", "t", "--exercise", "one", "--json").doc["exercise_id"]
    coach("assign", "--topic", "t", "--exercise", "two", "--id", "ex-10")
    revised = coach("assign", "--topic", "t", "--exercise", "better", "--id", first[-8:], "--json").doc
    assert revised["exercise_id"] == first
    new = coach("assign", "--topic", "t", "--exercise", "three", "--id", "ex-1", "--json").doc
    assert new["exercise_id"] == "ex-1"
    exercises = status(coach)["exercises"]
    assert [(each["exercise_id"], each["exercise"]) for each in exercises] == [
        (first, "better"),
        ("ex-10", "two"),
        ("ex-1", "three"),
    ]
    assert coach("withdraw", "ex-1", "--json").doc["exercise_id"] == "ex-1"


def test_every_verb_works_in_a_folder_that_was_never_set_up(coach: Folder, nowhere: Folder) -> None:
    bus = f"sqlite://{nowhere.env['COLEARNER_HOME']}/bus.db"
    here = ["--role", "student", "--session", "onboarding-01", "--bus", bus]
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1")
    assert [item["id"] for item in nowhere(*here, "inbox", "--json").doc["items"]] == ["ex-1"]
    assert (
        nowhere("submit", "ex-1", "--response", "y", "--yes", *here, "--as", "bob", "--json").doc["delivery"] == "local"
    )
    assert nowhere("status").code == 4


def test_names_that_are_not_ascii(tmp_path: Path, env: dict[str, str], coach: Folder) -> None:
    folder = Folder(tmp_path / "über — 日本 with blanks", env)
    (folder.path / "süd").mkdir(parents=True)
    (folder.path / "süd" / "größe 1.py").write_text("eins\nzwei\n", encoding="utf-8")
    assert folder("coach", "init", "--session", "größe-01", "--as", "Jörg").code == 0
    doc = folder("assign", "--topic", "Größe", "--exercise", "日本", "--at", "süd/größe 1.py:2", "--json").doc
    below = folder("show", doc["exercise_id"], "--json", cwd=folder.path / "süd").doc
    assert below["payload"]["anchors"][0]["path"] == "süd/größe 1.py"
    assert below["author"] == "Jörg"
    assert "süd/größe 1.py:2" in folder("status").out


def test_quarantine_lists_shows_retries_and_drops(coach: Folder) -> None:
    from colearner_ls.journal.journal import Journal
    from colearner_ls.journal.records import CursorMove
    from tests.cli.records import Record

    with Journal.open(coach.path / ".colearner") as journal:
        bad = b'{"ts":"2026-01-20T12:00:00Z","actor":"coach","session_id":"onboarding-01","event_type":"learning_plan","payload":3}'
        record = Record("colearner.events.v1", 0, 10_000, bad)
        key = journal.bound_bus("onboarding-01")
        assert key is not None
        place = ("colearner.events.v1", 0)
        cursor = journal.cursors.all(key).get(place)
        moves = {place: CursorMove(cursor.next if cursor else None, 10_001, None)}
        assert journal.receive(key, [record], moves).quarantined == 1
    listed = shaped(views.QuarantineView, coach("quarantine", "--json").doc)
    (item,) = listed["items"]
    assert item["reason"] == "malformed"
    number = str(item["number"])
    assert coach("quarantine", "list", "--json").doc == listed
    assert shaped(views.QuarantinedView, coach("quarantine", "show", number, "--json").doc)["text"] == bad.decode()
    assert "onboarding-01" in coach("quarantine", "show", number).out
    assert coach("quarantine", "retry", number).code == 3
    assert coach("quarantine", "drop", number).out == f"Record {number} is gone.\n"
    assert coach("quarantine", "show", number).code == 3
    assert coach("quarantine").out == "Nothing is in quarantine.\n"


def test_doctor_says_where_each_value_comes_from(student: Folder) -> None:
    doc = shaped(views.DoctorView, student("doctor", "--as", "bob", "--json").doc)
    sources = {each["name"]: each for each in doc["settings"]}
    assert sources["author"] == {"name": "author", "value": "bob", "source": "command line"}
    assert sources["session"]["source"] == "config.toml"
    assert {finding["level"] for finding in doc["findings"]} <= {"ok", "info", "warning"}
    assert any(finding["topic"] == "bus" and finding["level"] == "ok" for finding in doc["findings"])


@pytest.mark.parametrize("kind", ["json", "asyncapi"])
def test_schema(nowhere: Folder, kind: str) -> None:
    ran = nowhere("schema", kind)
    document = json.loads(ran.out)
    assert "exercise_assigned" in ran.out
    assert nowhere("schema", kind, "--json").doc == document


def test_a_session_moves_to_another_bus_only_when_told(coach: Folder, student: Folder, tmp_path: Path) -> None:
    other = f"sqlite://{tmp_path / 'other.db'}"
    there = ["--session", "onboarding-01", "--bus", other]
    kept = coach("hint", "kept here", *there, "--json").doc
    assert kept["delivery"] == "kept"
    assert "bound to" in coach("status", *there).out
    refused = coach("sync", *there)
    assert refused.code == 3
    assert "--rebind" in refused.err
    own = [doc["id"] for doc in coach("history", "--json").docs if doc["actor"] == "coach"]
    moved = coach("sync", "--rebind", *there, "--json")
    assert shaped(views.SyncedView, moved.doc)["sent"] == len(own)
    assert "bound to" not in coach("status", *there).out
    bob = ["--role", "student", "--as", "bob", *there]
    reader = Folder(tmp_path / "reader", coach.env)
    reader.path.mkdir()
    assert reader("sync", *bob).code == 0
    assert [doc["id"] for doc in reader("history", "--json", *bob).docs] == own


def test_writing_over_another_bus_says_which_one_the_session_is_bound_to(coach: Folder, tmp_path: Path) -> None:
    coach.env["COLEARNER_BUS"] = f"sqlite://{tmp_path}/elsewhere/bus.db"
    said = coach("stage", "note", "--note", "hello")
    assert said.code == 0
    assert "is bound to the bus" in said.err
    assert "(1 waiting)" in said.out
