"""Every exit code of cli.md, and every bad input: what, where, what would be accepted, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from colearner_ls.cli.catalogue import VERBS
from tests.cli.conftest import Folder, Ran


def plain_words(ran: Ran) -> str:
    """One or two plain lines on stderr, nothing on stdout, no trace of Python."""
    lines = ran.err.splitlines()
    assert 1 <= len(lines) <= 2, ran.err
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert "Error(" not in ran.err
    return ran.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["asign"], "Did you mean assign"),
        (["assign"], "--topic"),
        (["assign", "--topic", "t"], "--exercise"),
        (["status", "--nothing"], "--nothing"),
        (["show"], "ID"),
        (["show", "a", "b"], "unexpected extra argument"),
        (["progress"], "--completed STEP"),
        (["sync", "--offline"], "--offline"),
        (["sync", "--no-wait"], "--no-wait"),
        (["quarantine", "mend"], "mend"),
        (["--wait"], "--wait"),
    ],
)
def test_usage(coach: Folder, arguments: list[str], says: str) -> None:
    ran = coach(*arguments)
    assert ran.code == 2, ran
    assert says in plain_words(ran)
    assert "--help" in ran.err


def test_bare_colearner_shows_its_verbs(nowhere: Folder) -> None:
    for arguments in ([], ["coach"]):
        ran = nowhere(*arguments)
        assert ran.code == 2
        assert "assign" in ran.err


def test_init_needs_to_know_who_you_are(nowhere: Folder) -> None:
    ran = nowhere("init")
    assert ran.code == 2
    assert "colearner coach init" in ran.err
    assert not (nowhere.path / ".colearner").exists()


LATER = [
    "request",
    "decline",
    "scope",
    "pause",
    "resume",
    "take-back",
    "roster",
    "dashboard",
    "export",
    "simulate",
]


def test_what_is_not_built_is_not_there(coach: Folder) -> None:
    for verb in LATER:
        assert coach(verb).code == 2
    assert coach("submit", "--run-tests").code == 2
    assert coach("history", "--at", "2026-01-01T00:00:00Z").code == 2
    assert not {verb.name for verb in VERBS}.intersection(LATER)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["feedback", "ex-1", "--grade", "good"], "'pass', 'revise'"),
        (["feedback", "ex-1", "--grade", "pass", "--confidence-delta", "1.5"], "-1 to 1"),
        (["feedback", "ex-1", "--grade", "pass", "--confidence-delta", "nan"], "-1 to 1"),
        (["feedback", "ex-1", "--grade", "pass", "--mistake", "src/no.py:1: x"], "src/no.py"),
        (["feedback", "ex-1", "--grade", "pass", "--mistake", "src/mean.py:99: x"], "12 lines"),
        (["feedback", "ex-1", "--grade", "pass", "--mistake", "src/mean.py:2: "], "PATH:LINE: text"),
        (["feedback", "nobody", "--grade", "pass"], "nobody"),
        (["assign", "--topic", "t", "--exercise", "x", "--at", "src/mean.py"], "PATH:LINE"),
        (["assign", "--topic", "t", "--exercise", "x", "--at", "src/no.py:1"], "src/no.py"),
        (["assign", "--topic", "t", "--exercise", "x", "--at", "src/mean.py:99"], "12 lines"),
        (["assign", "--topic", "t", "--exercise", "x", "--at", "../../etc/passwd:1"], "outside"),
        (["assign", "--topic", "t", "--exercise", "x", "--at", "src:1"], "src"),
        (["assign", "--topic", "t", "--exercise", "x", "--due", "soon"], "2026-12-24"),
        (["assign", "--topic", "t", "--exercise", "@no.md"], "no.md"),
        (["assign", "--topic", " ", "--exercise", "x"], "topic"),
        (["assign", "--topic", "t", "--exercise", ""], "text"),
        (["assign", "--topic", "t", "--exercise", "x" * 300_000], "262,144"),
        (["assign", "--topic", "t", "--exercise", "x", "--id", ""], "printable"),
        (["assign", "--topic", "t", "--exercise", "x", "--id", "a\nb"], "printable"),
        (["plan", "no.md"], "no.md"),
        (["plan", "src/mean.py"], "Markdown list"),
        (["withdraw", "ex"], "4 characters"),
        (["withdraw", "zzzzzzzz"], "zzzzzzzz"),
        (["show", "zzzzzzzz"], "zzzzzzzz"),
        (["ack", "zzzzzzzz"], "zzzzzzzz"),
        (["resolve", "zzzzzzzz"], "zzzzzzzz"),
        (["link", "zzzzzzzz", "ex-1"], "zzzzzzzz"),
        (["hint", ""], "hint"),
        (["hint", "x", "--exercise", "zzzzzzzz"], "zzzzzzzz"),
        (["stage", "lunch"], "practice"),
        (["history", "--type", "exercise_asigned"], "exercise_assigned"),
        (["hint", os.fsdecode(b"a\xffb")], "UTF-8"),
        (["hint", "x", "--as", os.fsdecode(b"a\xffb")], "UTF-8"),
        (["status", "--session", os.fsdecode(b"a\xffb")], "UTF-8"),
        (["status", "--bus", os.fsdecode(b"sqlite:///a\xffb")], "UTF-8"),
        (["plan", os.fsdecode(b"a\xffb")], "cannot be read"),
        (["show", "\x1b[31mzzzz"], "“zzzz”"),
        (["quarantine", "show", "7"], "7"),
        (["quarantine", "retry", "7"], "7"),
        (["quarantine", "drop", "7"], "7"),
        (["quarantine", "drop", "x"], "x"),
        (["schema", "xml"], "asyncapi"),
        (["completion", "csh"], "bash"),
        (["status", "--wait", "long"], "seconds"),
        (["status", "--wait", "-1"], "0 to"),
        (["status", "--wait", "nan"], "0 to"),
        (["status", "--role", "teacher"], "student"),
        (["status", "--workspace", "no/where"], "no/where"),
        (["status", "--bus", "localhost:9092"], "kafka://"),
        (["status", "--bus", "http://x"], "kafka"),
        (["status", "--bus", "kafka://host:port"], "port"),
        (["join", "hello"], "invite"),
        (["join", "colearner://join?v=1&session=x"], "bus"),
        (["join", "colearner://join?v=9&session=x&bus=file"], "version"),
        (["join", ""], "invite"),
        (["init", "--session", "other"], "onboarding-01"),
        (["init", "--session", "a\x07b"], "control"),
    ],
)
def test_bad_input(coach: Folder, arguments: list[str], says: str) -> None:
    before = coach("history", "--json").out
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1", "--offline")
    after = coach("history", "--json").out
    assert len(after) > len(before)
    ran = coach(*arguments, "--offline")
    assert ran.code == 3, ran
    assert says in plain_words(ran)
    assert coach("history", "--json").out == after


def test_bad_input_of_a_student(student: Folder, coach: Folder) -> None:
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1")
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-2")
    student("inbox")
    for arguments, says in (
        (["submit", "--response", "x"], "ex-1"),
        (["submit", "ex-3", "--response", "x"], "ex-3"),
        (["submit", "ex-1", "--confidence", "2"], "0 to 1"),
        (["submit", "ex-1", "--evidence", "src/no.py"], "src/no.py"),
        (["submit", "ex-1", "--evidence", "src/mean.py:50-60"], "12 lines"),
        (["submit", "ex-1", "--response", "@no.txt"], "no.txt"),
        (["evidence", "src/no.py:1"], "src/no.py"),
        (["evidence", "../coach/src/mean.py"], "outside"),
        (["evidence", "src/mean.py", "--request", "zzzzzzzz"], "zzzzzzzz"),
        (["ack", "ex-1", "--status", "maybe"], "accepted"),
        (["progress", "--confidence", "t=2"], "TOPIC=X"),
        (["stuck", " "], "Say"),
        (["stuck", "x", "--at", "src/mean.py:99"], "12 lines"),
        (["share", "some"], "auto"),
    ):
        ran = student(*arguments, "--yes", "--offline")
        assert ran.code == 3, (arguments, ran)
        assert says in ran.err, (arguments, ran)
        assert "Traceback" not in ran.err
    assert "exercise_submission" not in student("history", "--json").out


def test_an_ambiguous_id_is_answered_with_the_candidates(coach: Folder) -> None:
    ids = [
        coach("assign", "--topic", "t", "--exercise", "x", "--offline", "--json").doc["exercise_id"] for _ in range(2)
    ]
    ran = coach("withdraw", ids[0][:8], "--offline")
    assert ran.code == 3
    assert all(each in plain_words(ran) for each in ids)


@pytest.mark.parametrize(
    "text",
    ["role = ", 'role = "teacher"', "session = 3", '[share]\nmode = "some"', "\x00", 'bus = "localhost"', "share = 1"],
)
def test_a_broken_config_is_named_and_left_alone(coach: Folder, text: str) -> None:
    config = coach.path / ".colearner" / "config.toml"
    config.write_text(text)
    for verb in (["status"], ["doctor"], ["share"], ["init", "--role", "coach"]):
        ran = coach(*verb)
        assert ran.code == 3, (verb, ran)
        assert "Traceback" not in ran.err
        assert "config.toml" in plain_words(ran)
    assert config.read_text() == text


def test_no_session_here(nowhere: Folder) -> None:
    for verb in (
        ["status"],
        ["inbox"],
        ["history"],
        ["sync"],
        ["submit"],
        ["watch"],
        ["quarantine"],
        ["share"],
        ["close"],
    ):
        ran = nowhere(*verb)
        assert ran.code == 4, (verb, ran)
        assert "colearner join INVITE" in plain_words(ran)
    assert not (nowhere.path / ".colearner").exists()
    assert nowhere("doctor").code == 0


def test_a_colearner_folder_that_came_with_a_clone_is_data(tmp_path: Path, coach: Folder) -> None:
    clone = Folder(tmp_path / "clone", coach.env)
    shutil.copytree(coach.path, clone.path)
    before = {path: path.stat().st_mtime_ns for path in (clone.path / ".colearner").iterdir()}
    for verb in (["status"], ["inbox"], ["assign", "--topic", "t", "--exercise", "x"], ["sync"]):
        ran = clone(*verb)
        assert ran.code == 4, (verb, ran)
        assert "join" in plain_words(ran)
    assert {path: path.stat().st_mtime_ns for path in (clone.path / ".colearner").iterdir()} == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "ex-1", "--yes"],
        ["progress", "--completed", "s1"],
        ["stuck", "x"],
        ["share", "off"],
        ["evidence", "src/mean.py", "--yes"],
    ],
)
def test_the_other_role_may_not_say_that(coach: Folder, arguments: list[str]) -> None:
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1", "--offline")
    ran = coach(*arguments, "--offline")
    assert ran.code == 5, ran
    assert "student" in ran.err


@pytest.mark.parametrize("arguments", [["assign", "--topic", "t", "--exercise", "x"], ["hint", "x"]])
def test_a_student_is_no_coach(student: Folder, arguments: list[str]) -> None:
    ran = student(*arguments, "--offline", stdin="- a step")
    assert ran.code == 5, ran
    assert "coach" in ran.err


def test_sharing_without_a_terminal_needs_a_word(student: Folder, coach: Folder) -> None:
    coach("assign", "--topic", "t", "--exercise", "x", "--id", "ex-1", "--at", "src/mean.py:4")
    student("inbox")
    for verb in (["submit", "--response", "x"], ["evidence", "src/mean.py"]):
        ran = student(*verb, "--json")
        assert ran.code == 5
        assert ran.out == ""
        assert "--yes" in ran.err
        assert "src/mean.py" in ran.err
    assert "evidence_snapshot" not in student("history", "--json").out


def test_files_that_may_not_leave(student: Folder) -> None:
    (student.path / ".gitignore").write_text("secret.txt\n")
    (student.path / "secret.txt").write_text("s\n")
    (student.path / "outside").symlink_to("/etc/hostname")
    for path in ("secret.txt", "outside", ".colearner/config.toml"):
        ran = student("evidence", path, "--yes", "--offline")
        assert ran.code in (3, 5), (path, ran)
        assert "Traceback" not in ran.err
    assert "evidence_snapshot" not in student("history", "--json").out


@pytest.fixture
def away(nowhere: Folder) -> Folder:
    """A coach's folder on a Kafka bus that does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        bus = f"kafka://127.0.0.1:{free.getsockname()[1]}"
    ran = nowhere("coach", "init", "--session", "s-1", "--bus", bus, "--wait", "0.2")
    assert ran.code == 0
    assert "kept; will be sent when the bus is reachable (1 waiting)" in ran.out
    return nowhere


def test_a_bus_that_is_away_is_no_failure_but_for_those_who_need_it(away: Folder) -> None:
    doc = away("assign", "--topic", "t", "--exercise", "x", "--wait", "0.2", "--json").doc
    assert (doc["delivery"], doc["waiting"]) == ("kept", 2)
    inbox = away("inbox", "--wait", "0.2")
    assert inbox.code == 0
    assert "may not be the newest" in inbox.err
    ran = away("sync", "--wait", "0.5")
    assert ran.code == 6
    assert "2 events still waiting" in ran.out
    assert "127.0.0.1" in ran.err
    ran = away("sync", "--wait", "0.5", "--json")
    assert ran.code == 6
    assert json.loads(ran.out)["sync"]["waiting"] == 2
    ran = away("doctor", "--wait", "0.5", "--json")
    assert ran.code == 6
    assert any(each["topic"] == "bus" and each["level"] == "error" for each in json.loads(ran.out)["findings"])
    assert away("doctor", "--offline").code == 0
    assert away("status", "--json").doc["sync"]["waiting"] == 2


def test_a_fault_of_ours_is_a_line_and_a_log(coach: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("colearner_ls.workspace.door.Workspace.snapshot", broken)
    ran = coach("status", "--as", "a-private-name")
    assert ran.code == 1
    log = Path(coach.env["COLEARNER_HOME"]) / "colearner.log"
    assert str(log) in plain_words(ran)
    assert "secret detail" not in ran.err
    text = log.read_text()
    assert "RuntimeError: secret detail" in text
    assert "Traceback" in text
    assert "a-private-name" not in text
    assert log.stat().st_mode & 0o77 == 0


def test_a_log_that_cannot_be_written_hides_nothing(coach: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colearner_ls.workspace.door.Workspace.snapshot", lambda _self: 1 / 0)
    (Path(coach.env["COLEARNER_HOME"]) / "colearner.log").mkdir()
    ran = coach("status")
    assert ran.code == 1
    assert "ZeroDivisionError" in plain_words(ran)


def test_the_log_does_not_grow_for_ever(coach: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colearner_ls.workspace.door.Workspace.snapshot", lambda _self: 1 / 0)
    log = Path(coach.env["COLEARNER_HOME"]) / "colearner.log"
    log.write_text("x" * (1 << 20) + "x")
    coach("status")
    assert log.stat().st_size < 10_000
    assert log.with_name("colearner.log.1").stat().st_size > 1 << 20


def test_a_log_level_that_is_none(coach: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLEARNER_LOG", "loud")
    ran = coach("status")
    assert ran.code == 3
    assert "debug, info" in plain_words(ran)
