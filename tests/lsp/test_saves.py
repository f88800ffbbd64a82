"""Progress after a save: debounced, once for the same contents, and only what sharing allows."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types

from colearner_ls.workspace.requests import SetPlan, SetSharing, Step
from tests.lsp.in_process import Client
from tests.lsp.rig import ASSIGN, GRAPH, Rig, editor, open_document
from tests.lsp.test_clients import quiet


def save(client: Client, uri: str) -> None:
    params = types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(uri))
    client.notify(types.TEXT_DOCUMENT_DID_SAVE, params)


def progress(rig: Rig) -> list[dict[str, Any]]:
    return [dict(stored.event.payload) for stored in rig.student.workspace.history(["progress_update"])]


@pytest.fixture
async def assigned(rig: Rig) -> Rig:
    await rig.coach.say(SetPlan((Step("s1", "graphs"),)))
    await rig.coach.say(ASSIGN)
    (rig.student.root / "other.py").write_text("x = 1\n", encoding="utf-8")
    await rig.student.fetch()
    return rig


async def saving(rig: Rig, *paths: str, times: int = 1) -> None:
    """Save these files ``times`` times and let the batch be told."""
    async with editor(rig.student, "minimal", quiet) as client:
        saves = client.server.saves  # type: ignore[attr-defined]
        saves._wait_s = 0.4
        for path in paths:
            open_document(client, rig.student.uri(path), GRAPH)
        for _ in range(times):
            for path in paths:
                save(client, rig.student.uri(path))
        await client.until(lambda: saves._timer is not None)
        await client.until(lambda: saves._timer is None)
        tasks = client.server._tasks  # type: ignore[attr-defined]
        await client.until(lambda: not [task for task in tasks if task.get_name() == "progress after a save"])


async def test_one_event_for_a_batch_of_saves(assigned: Rig) -> None:
    await saving(assigned, "src/graph.py", "other.py", times=3)
    (said,) = progress(assigned)
    assert (said["completed"], said["active_step"]) == ([], "s1")
    assert "files_changed" not in said


async def test_the_same_contents_say_nothing_new(assigned: Rig) -> None:
    await saving(assigned, "src/graph.py")
    await saving(assigned, "src/graph.py")
    assert len(progress(assigned)) == 1
    (assigned.student.root / "src/graph.py").write_text(GRAPH + "\n", encoding="utf-8")
    await saving(assigned, "src/graph.py")
    assert len(progress(assigned)) == 2


async def test_with_auto_the_anchored_files_are_named(assigned: Rig) -> None:
    await assigned.student.say(SetSharing("auto"))
    await saving(assigned, "src/graph.py", "other.py")
    (said,) = progress(assigned)
    assert [entry["path"] for entry in said["files_changed"]] == ["src/graph.py"]


async def test_with_off_nothing_leaves(assigned: Rig) -> None:
    await assigned.student.say(SetSharing("off"))
    await saving(assigned, "src/graph.py")
    assert progress(assigned) == []


async def test_files_outside_and_a_coach_s_saves_say_nothing(rig: Rig) -> None:
    async with editor(rig.coach, "minimal", quiet) as client:
        saves = client.server.saves  # type: ignore[attr-defined]
        saves._wait_s = 0.01
        for uri in (rig.coach.uri(), "file:///etc/hosts", "untitled:x"):
            save(client, uri)
        await client.until(lambda: saves._timer is None)
    assert rig.coach.workspace.history(["progress_update"]) == []
