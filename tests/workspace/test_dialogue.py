"""The main job through the door: assign, see, submit, assess, all over the embedded bus."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.fold import state_bytes
from colearner_ls.domain.inbox import waiting_for_coach
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import (
    Acknowledge,
    Assign,
    GiveFeedback,
    GiveHint,
    InitSession,
    JoinSession,
    Link,
    MistakeAt,
    MoveStage,
    Place,
    ReportProgress,
    ReportStuck,
    ResolveStuck,
    SetPlan,
    SetSharing,
    ShareEvidence,
    Step,
    Submit,
    Withdraw,
)
from colearner_ls.workspace.results import AmbiguousId, NotLive, NotYours, PreviewRequired, UnknownTarget
from colearner_ls.workspace.setting_up import set_up
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.syncing import sync_once
from tests.workspace.conftest import GRAPH, Pair, checkout

ASSIGN = Assign(
    "dependency graph",
    "Find out why a cycle never ends, and mend it.",
    expected="order() raises on a cycle",
    tests=("python -m unittest",),
    places=(Place("src/graph.py", 7, 11),),
    hints=("What if nothing is ready?",),
)


def same_state(pair: Pair) -> bool:
    pair.sync(pair.coach, pair.student, pair.coach)
    return state_bytes(pair.coach.snapshot().session) == state_bytes(pair.student.snapshot().session)


def test_the_main_job(pair: Pair) -> None:
    plan = SetPlan((Step("s1", "dependency graph"), Step("s2", "error handling")), ("read the code",))
    pair.coach.do(plan)
    written = pair.coach.do(Assign(**{**asdict(ASSIGN), "step_id": "s1"}))
    assert written is not None
    assert written.delivery == "kept"
    pair.sync()
    assert pair.coach.delivery(written.event_id) == "local"

    (exercise,) = pair.student.snapshot().me.exercises
    assert exercise.id == written.exercise_id
    assert exercise.anchors[0]["path"] == "src/graph.py"
    assert exercise.anchors[0]["range"] == {"start_line": 7, "end_line": 11}
    assert exercise.status == "assigned"

    pair.student.do(Acknowledge(exercise.id))
    with pytest.raises(PreviewRequired) as asked:
        pair.student.do(Submit(response="It loops when nothing is ready."))
    (item,) = asked.value.preview.items
    assert item.path == "src/graph.py"
    assert "while needs:" in item.snippet
    submitted = pair.student.do(Submit(response="It loops when nothing is ready.", confirmed=True))
    assert submitted is not None
    assert len(submitted.evidence) == 1
    pair.sync()

    learner = pair.coach.snapshot().me
    (submission,) = learner.submissions
    assert submission.exercise_id == exercise.id
    assert learner.exercises[0].status == "submitted"
    assert learner.evidence[0].hash == item.hash

    pair.coach.do(
        GiveFeedback(
            exercise.id,
            "revise",
            (MistakeAt("A cycle still hangs", Place("src/graph.py", 8)),),
            next_step="raise ValueError",
            confidence_delta=0.1,
        )
    )
    pair.sync()
    learner = pair.student.snapshot().me
    assert learner.exercises[0].status == "revise"
    assert learner.feedback[0].mistakes[0].text == "A cycle still hangs"
    assert learner.confidence == {"dependency graph": 0.1}

    pair.student.do(Acknowledge(learner.feedback[0].id, automatic=True))
    assert pair.student.do(Acknowledge(learner.feedback[0].id, automatic=True)) is None
    pair.student.do(Submit(confirmed=True, exercise_id=exercise.id[-8:]))
    pair.sync()
    pair.coach.do(GiveFeedback(exercise.id[:23], "pass"))
    assert same_state(pair)
    learner = pair.student.snapshot().me
    assert learner.exercises[0].status == "passed"
    assert learner.completed == ("s1",)
    assert learner.feedback[0].read


def asdict(request: Assign) -> dict[str, object]:
    return {name: getattr(request, name) for name in Assign.__dataclass_fields__}


def test_a_new_process_sees_the_same(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    again = pair.reopen("student")
    assert state_bytes(again.snapshot().session) == state_bytes(pair.student.snapshot().session)


def test_stuck_hint_and_resolve(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    stuck = pair.student.do(ReportStuck("It hangs", place=Place("src/graph.py", 7)))
    assert stuck is not None
    pair.sync()
    pair.coach.do(GiveHint("Look at `ready`", stuck_id=stuck.event_id[-6:]))
    pair.sync()
    (hint,) = pair.student.snapshot().me.hints
    pair.student.do(Acknowledge(hint.id, note="thanks"))
    pair.student.do(ResolveStuck(stuck.event_id))
    assert same_state(pair)
    learner = pair.coach.snapshot().me
    assert learner.hints[0].acked
    assert learner.stuck[0].resolved_by


def test_what_a_student_writes_is_screened(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    token = "ghp_" + "A1b2" * 9
    pair.student.do(Submit(response=f"I used {token}", confirmed=True))
    pair.student.do(ReportStuck(f"{token} does not work"))
    pair.sync()
    raw = b"\n".join(stored.raw for stored in pair.coach.history())
    assert token.encode() not in raw
    assert "«redacted:".encode() in raw


def test_unsaved_text_counts_and_is_marked(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    text = (pair.student.root / "src/graph.py").read_text().replace("done = []", "done = list()")
    pair.student.do(Submit(confirmed=True, buffers={"src/graph.py": text}))
    pair.sync()
    (evidence,) = pair.coach.snapshot().me.evidence
    assert evidence.dirty
    assert evidence.payload["trigger"] == "submit"


def test_save_says_one_progress_event(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    file = pair.student.root / "src/graph.py"
    assert pair.student.saved(["src/graph.py"]) is not None
    other_editor = pair.reopen("student")
    assert other_editor.saved(["src/graph.py"]) is None
    file.write_text(file.read_text() + "\n# mended\n")
    assert other_editor.saved(["src/graph.py"]) is not None
    progress = pair.student.history(["progress_update"])
    assert [stored.event.payload["completed"] for stored in progress] == [[], []]
    assert all("files_changed" not in stored.event.payload for stored in progress)


def test_sharing_auto_names_files_and_off_says_nothing(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    pair.student.do(SetSharing("auto"))
    student = pair.reopen("student")
    student.saved(["src/graph.py"])
    (progress,) = student.history(["progress_update"])
    assert progress.event.payload["files_changed"][0]["path"] == "src/graph.py"
    student.do(SetSharing("off"))
    assert pair.reopen("student").saved(["src/graph.py"]) is None


BAD = [
    ("coach", Assign("", "x"), BadInput, "needs a topic"),
    ("coach", Assign("t", "x", places=(Place("src/none.py", 1),)), BadInput, "no file src/none.py"),
    ("coach", Assign("t", "x", places=(Place("src/graph.py", 99),)), BadInput, "has no line 99"),
    ("coach", Assign("t", "x", places=(Place("src", 1),)), BadInput, "is a folder"),
    ("coach", Assign("t", "x", places=(Place("../other", 1),)), BadInput, ""),
    ("coach", SetPlan(()), BadInput, "no steps"),
    ("coach", SetPlan((Step("a", "x"), Step("a", "y"))), BadInput, "twice: a"),
    ("coach", GiveFeedback("00000000", "pass"), UnknownTarget, "00000000"),
    ("coach", GiveFeedback("x", "maybe"), BadInput, "not a grade"),
    ("coach", GiveFeedback("x", "pass", confidence_delta=3), BadInput, "out of range"),
    ("coach", Withdraw("nope"), UnknownTarget, "nope"),
    ("coach", ReportProgress(("a",)), NotYours, "coach cannot say"),
    ("student", ASSIGN, NotYours, "student cannot say"),
    ("student", Submit(confirmed=True), BadInput, "No exercise is open"),
    ("student", ReportProgress(), BadInput, "no progress"),
    ("student", ReportProgress(confidence={"t": 2}), BadInput, "out of range"),
    ("student", ReportStuck(" "), BadInput, "needs a word"),
    ("student", Acknowledge("ffffffff"), UnknownTarget, "ffffffff"),
    ("student", SetSharing("maybe"), BadInput, "not a mode"),
    ("student", Link("ffffffff", "x"), UnknownTarget, "ffffffff"),
]


@pytest.mark.parametrize(("role", "request_", "kind", "words"), BAD)
def test_bad_input_is_named_and_writes_nothing(
    pair: Pair, role: str, request_: object, kind: type[Exception], words: str
) -> None:
    workspace = pair.coach if role == "coach" else pair.student
    before = workspace.journal.count()
    with pytest.raises(kind) as caught:
        workspace.do(request_)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert caught.value.hint  # type: ignore[attr-defined]
    assert workspace.journal.count() == before


def test_ambiguous_ids_name_the_candidates(pair: Pair) -> None:
    first, second = pair.coach.do(ASSIGN), pair.coach.do(ASSIGN)
    assert first is not None
    assert second is not None
    shared = first.event_id[:6]
    assert second.event_id.startswith(shared)
    with pytest.raises(AmbiguousId) as caught:
        pair.coach.do(Withdraw(shared))
    assert {first.event_id, second.event_id} <= set(caught.value.candidates)


def test_files_beside_the_journal(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    folder = pair.student.settings.folder
    lines = (folder / "lifecycle.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["event_type"] for line in lines].count("exercise_assigned") == 1
    learning = json.loads((folder / "learning.json").read_text())
    assert {"learner", "plan", "progress"} <= learning.keys()
    assert (folder / ".gitignore").read_text() == "*\n"


def test_setting_up_again_says_nothing_twice(pair: Pair) -> None:
    settings = resolve(pair.coach.root, Overrides(author="eve"), pair.env)
    before = pair.coach.journal.count()
    again, written = set_up(settings, InitSession("coach"), pair.env)
    pair.opened.append(again)
    assert pair.coach.journal.count() == before
    assert "title=Onboarding" in written.text


def test_a_folder_belongs_to_one_session(pair: Pair) -> None:
    settings = resolve(pair.coach.root, Overrides(author="eve"), pair.env)
    with pytest.raises(BadInput, match="already belongs"):
        set_up(settings, InitSession("coach", session_id="another"), pair.env)


def test_a_clone_that_brings_its_own_folder_starts_nothing(pair: Pair, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(pair.student.root, clone)
    settings = resolve(clone, Overrides(), pair.env)
    with pytest.raises(NotLive) as caught:
        Workspace.open(settings)
    assert "join" in caught.value.hint
    (clone / ".colearner" / "journal.db").unlink()
    with pytest.raises(NotLive):
        Workspace.open(settings)
    assert not (clone / ".colearner" / "journal.db").exists()


@pytest.mark.parametrize("role", ["coach", "student"])
def test_a_look_at_another_session_or_bus_leaves_a_folder_live(pair: Pair, tmp_path: Path, role: str) -> None:
    root, session = pair.folder / role, pair.coach.session_id
    (tmp_path / "other").mkdir()
    other_bus = f"sqlite://{tmp_path}/other/bus.db"
    for overrides in (Overrides(session="another"), Overrides(session=session, bus=other_bus)):
        Workspace.open(resolve(root, overrides, pair.env)).close()
        assert pair.reopen(role).session_id == session


@pytest.mark.parametrize("session", ["a\nb", "x" * 201, "\udcff"])
def test_what_no_event_may_name_as_its_session_is_refused_at_once(pair: Pair, session: str) -> None:
    with pytest.raises(BadInput, match="not a session id"):
        Workspace.open(resolve(pair.coach.root, Overrides(session=session), pair.env))
    assert [each.id for each in pair.coach.journal.sessions()] == [pair.coach.session_id]


def test_naming_the_session_makes_a_clones_folder_live(pair: Pair, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(pair.student.root, clone)
    Workspace.open(resolve(clone, Overrides(session=pair.coach.session_id), pair.env)).close()
    assert resolve(clone, Overrides(), pair.env).live


def test_a_copied_folder_that_is_joined_writes_under_a_new_name(pair: Pair, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pair.student.root, copy)
    joined, _ = set_up(resolve(copy, Overrides(author="ada"), pair.env), JoinSession(pair.invite), pair.env)
    pair.opened.append(joined)
    assert joined.journal.writer != pair.student.journal.writer
    joined.do(ReportStuck("from the copy"))
    pair.student.do(ReportStuck("from the original"))
    pair.sync(joined, pair.student, pair.coach, joined)
    assert len(pair.coach.snapshot().me.stuck) == 2
    assert not pair.coach.journal.holes()


def test_what_is_on_this_machines_bus_is_not_called_sent_where_another_bus_is_set(pair: Pair) -> None:
    written = pair.coach.do(ASSIGN)
    assert written is not None
    pair.sync()
    elsewhere = Workspace.open(resolve(pair.coach.root, Overrides(bus="kafka://127.0.0.1:1"), pair.env))
    pair.opened.append(elsewhere)
    assert elsewhere.delivery(written.event_id) == "local"


def test_another_bus_keeps_the_events_and_says_so(pair: Pair, tmp_path: Path) -> None:
    env = {**pair.env, "COLEARNER_BUS": f"sqlite://{tmp_path}/other/bus.db"}
    elsewhere = Workspace.open(resolve(pair.coach.root, Overrides(author="eve"), env))
    pair.opened.append(elsewhere)
    written = elsewhere.do(ASSIGN)
    assert written is not None
    assert written.delivery == "kept"
    assert any("bound to" in notice for notice in elsewhere.snapshot().notices)
    assert elsewhere.snapshot().sync.waiting == 1
    sync_once(elsewhere, wait=5, fetch=True)
    assert elsewhere.delivery(written.event_id) == "kept"
    pair.sync()
    assert pair.coach.delivery(written.event_id) == "local"


def test_a_coachs_folder_is_not_joined_as_a_student(pair: Pair) -> None:
    settings = resolve(pair.coach.root, Overrides(author="eve"), pair.env)
    with pytest.raises(BadInput, match="coach's folder"):
        set_up(settings, JoinSession(pair.invite), pair.env)
    assert resolve(pair.coach.root, Overrides(), pair.env).role == "coach"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        (["", "", ""], ["next", "todo", "todo"]),
        (["done", "", ""], ["done", "next", "todo"]),
        (["", "active", ""], ["todo", "active", "todo"]),
    ],
)
def test_one_step_of_a_new_plan_is_next(pair: Pair, given: list[str], stored: list[str]) -> None:
    pair.coach.do(SetPlan(tuple(Step(f"s{number}", "t", status) for number, status in enumerate(given))))
    (plan,) = pair.coach.history(["learning_plan"])
    assert [step["status"] for step in plan.event.payload["plan"]] == stored


def test_a_second_student_does_not_see_the_first_ones_state(pair: Pair, tmp_path: Path) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    pair.student.do(Submit(confirmed=True, response="mine"))
    pair.sync()
    checkout(tmp_path / "bob", {"src/graph.py": GRAPH})
    overrides = Overrides(author="bob", student="bob")
    bob, _ = set_up(resolve(tmp_path / "bob", overrides, pair.env), JoinSession(pair.invite), pair.env)
    pair.opened.append(bob)
    pair.sync(bob)
    assert bob.snapshot().student_id == "bob"
    assert bob.snapshot().me.submissions == ()
    assert "mine" not in (bob.settings.folder / "learning.json").read_text()


def test_a_submission_left_over_by_a_pass_waits_no_longer(pair: Pair) -> None:
    assigned = pair.coach.do(ASSIGN)
    assert assigned is not None
    pair.sync()
    first = pair.student.do(Submit(confirmed=True, response="one"))
    pair.student.do(Submit(confirmed=True, response="two", exercise_id=assigned.exercise_id))
    pair.sync()
    assert first is not None
    pair.coach.do(GiveFeedback(assigned.exercise_id or "", "pass"))
    assert [each.kind for each in waiting_for_coach(pair.coach.snapshot().session)] == []


def test_what_is_done_already_or_not_wanted_any_more_is_said(pair: Pair) -> None:
    assigned = pair.coach.do(ASSIGN)
    assert assigned is not None
    pair.sync()
    stuck = pair.student.do(ReportStuck("It hangs"))
    assert stuck is not None
    pair.student.do(ResolveStuck(stuck.event_id))
    with pytest.raises(BadInput, match="settled already"):
        pair.student.do(ResolveStuck(stuck.event_id))
    pair.coach.do(Withdraw(assigned.event_id))
    with pytest.raises(BadInput, match="withdrawn already"):
        pair.coach.do(Withdraw(assigned.event_id))
    pair.sync()
    with pytest.raises(BadInput, match="was withdrawn"):
        pair.student.do(Submit(exercise_id=assigned.event_id, confirmed=True))


def test_a_coach_is_told_before_any_preview(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    for request in (Submit(), ShareEvidence(Place("src/graph.py"))):
        with pytest.raises(NotYours):
            pair.coach.do(request)
        with pytest.raises(NotYours):
            pair.coach.preview(request)


def test_names_that_hold_a_credential_are_refused(pair: Pair) -> None:
    token = "ghp_" + "A1b2" * 9
    for request in (
        ReportProgress((token,)),
        ReportProgress(confidence={token: 0.5}),
        ReportProgress(active_step=token),
    ):
        with pytest.raises(BadInput, match="credential"):
            pair.student.do(request)


def test_a_remark_needs_words(pair: Pair) -> None:
    with pytest.raises(BadInput, match="needs words"):
        pair.coach.do(MoveStage("note", " "))


def test_unasked_evidence_has_no_trigger(pair: Pair) -> None:
    pair.student.do(ShareEvidence(Place("src/graph.py", 7, 8), confirmed=True))
    (evidence,) = pair.student.history(["evidence_snapshot"])
    assert "trigger" not in evidence.event.payload
