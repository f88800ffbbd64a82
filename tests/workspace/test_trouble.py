"""What goes wrong around a workspace: said in words, and nothing that was said before is lost."""

from __future__ import annotations

import json

import pytest

from colearner_ls.domain.fold import state_bytes
from colearner_ls.journal.errors import ReadOnly, StorageFull
from colearner_ls.workspace.doctor import diagnose
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import MoveStage
from colearner_ls.workspace.settings import Overrides, resolve
from tests.journal.mounts import fill, read_only, small_disk
from tests.workspace.conftest import Pair
from tests.workspace.test_dialogue import ASSIGN


def remark(number: int) -> MoveStage:
    return MoveStage("note", f"remark {number}")


def test_doctor_salvages_a_damaged_journal_and_everything_comes_back(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    for number in range(50):
        pair.student.do(remark(number))
    pair.sync()
    before = state_bytes(pair.coach.snapshot().session)
    pair.student.do(remark(50))
    pair.student.close()
    path = pair.student.journal.path
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8192] = b"\xff" * 8192
    path.write_bytes(data)
    diagnosis = diagnose(resolve(pair.student.root, Overrides(), pair.env), check_bus=True, wait=20)
    said = [finding.text for finding in diagnosis.findings if finding.topic == "journal"]
    assert any("salvaged" in text for text in said), said
    pair.student = pair.reopen("student")
    assert any("salvaged" in notice for notice in pair.student.snapshot().notices)
    pair.sync(pair.student, pair.coach, pair.student)
    assert len(pair.coach.history(["lifecycle"])) == 51
    assert state_bytes(pair.coach.snapshot().session) == state_bytes(pair.student.snapshot().session)
    assert state_bytes(pair.coach.snapshot().session) != before


def test_learning_json_of_a_peer_is_taken_in_and_kept(pair: Pair) -> None:
    file = pair.student.settings.folder / "learning.json"
    document = json.loads(file.read_text())
    document["learner"]["level"] = "advanced"
    document["peers_own"] = [1, 2]
    document["progress"]["completed"].append("step-9")
    file.write_text(json.dumps(document))
    pair.student.do(remark(1))
    now = json.loads(file.read_text())
    assert now["learner"]["level"] == "advanced"
    assert now["peers_own"] == [1, 2]
    assert "step-9" in now["progress"]["completed"]
    assert list(file.parent.glob("learning.json.bak-*"))
    assert any("learning.json" in notice for notice in pair.student.snapshot().notices)


def test_learning_json_that_is_not_json_is_kept_and_said(pair: Pair) -> None:
    file = pair.student.settings.folder / "learning.json"
    file.write_text("{ half of a fi")
    pair.student.do(remark(1))
    (kept,) = file.parent.glob("learning.json.bak-*")
    assert kept.read_text() == "{ half of a fi"
    assert any("not JSON" in notice for notice in pair.student.snapshot().notices)
    json.loads(file.read_text())


def test_lifecycle_jsonl_deleted_or_torn_is_whole_again(pair: Pair) -> None:
    file = pair.student.settings.folder / "lifecycle.jsonl"
    pair.student.do(remark(1))
    whole = file.read_bytes()
    file.unlink()
    pair.student.project()
    assert file.read_bytes() == whole
    file.write_bytes(whole[:-20])
    pair.student.project()
    assert file.read_bytes() == whole


def test_a_read_only_folder_can_be_read_and_says_why_nothing_is_saved(pair: Pair) -> None:
    pair.coach.do(ASSIGN)
    pair.sync()
    pair.student.close()
    with read_only(pair.student.settings.folder):
        student = Workspace.open(resolve(pair.student.root, Overrides(), pair.env))
        assert student.snapshot().me.exercises
        with pytest.raises(ReadOnly) as caught:
            student.do(remark(1))
        assert caught.value.hint
        student.close()


def test_a_full_disk_refuses_in_words_and_loses_nothing(pair: Pair) -> None:
    pair.student.close()
    folder = pair.student.settings.folder
    kept = folder.with_name("kept")
    folder.rename(kept)
    with small_disk(folder, "2m"):
        for file in kept.iterdir():
            if file.is_file():
                (folder / file.name).write_bytes(file.read_bytes())
        student = Workspace.open(resolve(pair.student.root, Overrides(), pair.env))
        student.do(remark(1))
        before = student.journal.count()
        ballast = fill(folder)
        with pytest.raises(StorageFull) as caught:
            student.do(MoveStage("note", "y" * 100_000))
        assert caught.value.hint
        ballast.unlink()
        assert student.journal.count() == before
        student.do(remark(2))
        assert [each.event.payload["note"] for each in student.history(["lifecycle"])] == ["remark 1", "remark 2"]
        student.close()
