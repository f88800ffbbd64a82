"""What the server opens and when: folders, options, settings, folders that were never set up or are not to be trusted."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from lsprotocol import types
from pygls.exceptions import JsonRpcException

from colearner_ls.contracts.views import StateView
from colearner_ls.lsp.options import Options, parse
from tests.lsp.in_process import Client, initialize_params, session
from tests.lsp.rig import ANY_TIME, ASSIGN, GRAPH, LOOP, REFRESHES, Rig, checkout, editor, hints, open_document, run
from tests.lsp.test_arrivals import Told
from tests.lsp.test_clients import quiet

INVITE_HINT = "colearner join INVITE"


async def state(client: Client) -> StateView:
    return StateView.model_validate(await client.request("colearner/state"))


async def test_a_folder_that_was_never_set_up_is_silent(tmp_path: Path, home: dict[str, str]) -> None:
    told = Told()
    checkout(tmp_path / "repo", {"a.py": "x\n"})
    async with editor(tmp_path / "repo", "vscode", told) as client:
        open_document(client, (tmp_path / "repo/a.py").as_uri(), "x\n")
        assert await hints(client, (tmp_path / "repo/a.py").as_uri()) == []
        seen = await state(client)
        assert (seen.role, seen.session, seen.stage) == (None, None, None)
        assert INVITE_HINT in seen.notices[0]
        with pytest.raises(JsonRpcException) as caught:
            await run(client, "colearner.submit", {})
        assert caught.value.data["code"] == "no_session"
        assert INVITE_HINT in caught.value.data["hint"]
    assert told.messages == []
    assert not (tmp_path / "repo/.colearner").exists()


async def test_no_folder_at_all(home: dict[str, str]) -> None:
    from colearner_ls.lsp.server import ColearnerServer, lifespan

    server = ColearnerServer()
    prepare = lambda client: client.allow(*ANY_TIME)  # noqa: E731
    async with session(server, lifespan, initialize_params("minimal"), prepare) as client:
        await client.until(server.session.opened.is_set)
        assert "No folder is open" in (await state(client)).notices[0]
        with pytest.raises(JsonRpcException, match="No folder is open"):
            await run(client, "colearner.init", {"role": "coach"})


async def test_init_and_join_through_the_editor(tmp_path: Path, home: dict[str, str]) -> None:
    for name in ("coach", "student"):
        checkout(tmp_path / name, {"src/graph.py": GRAPH})
    async with (
        editor(tmp_path / "coach", "vscode", quiet) as coach,
        editor(tmp_path / "student", "vscode", quiet) as student,
    ):
        coach.on(types.WINDOW_SHOW_MESSAGE_REQUEST, lambda _: types.MessageActionItem(title="Coach"))
        made = await run(coach, "colearner.init", {"student": "ada", "title": "Onboarding"})
        assert made["invite"].startswith("colearner://join?")
        joined = await run(student, "colearner.join", {"invite": made["invite"]})
        assert joined["session_id"] == made["session_id"]
        uri = (tmp_path / "student/src/graph.py").as_uri()
        open_document(student, uri, GRAPH)
        place = {"start": {"line": LOOP}, "end": {"line": LOOP, "character": 3}}
        arguments = {"topic": "loops", "exercise": "Explain.", "uri": (tmp_path / "coach/src/graph.py").as_uri()}
        await run(coach, "colearner.assign", {**arguments, "range": place})
        await student.until(lambda: student.server.tracker.snapshot.me.exercises)  # type: ignore[attr-defined]
        assert await hints(student, uri) == [(LOOP, 16, "◆ loops · new")]
        with pytest.raises(JsonRpcException) as caught:
            await run(student, "colearner.join", {"invite": "colearner://join?v=1&bus=sqlite:///x.db&session=other"})
        assert caught.value.data["code"] == "bad_input"
        for nonsense in ("x", "colearner://join?v=9", "https://example.org/join"):
            with pytest.raises(JsonRpcException) as caught:
                await run(student, "colearner.join", {"invite": nonsense})
            assert caught.value.data["code"] == "bad_invite"


async def test_init_without_a_role_and_nobody_to_ask(tmp_path: Path, home: dict[str, str]) -> None:
    checkout(tmp_path / "repo", {"a.py": "x\n"})
    async with editor(tmp_path / "repo", "minimal", quiet) as client:
        with pytest.raises(JsonRpcException, match="role is missing"):
            await run(client, "colearner.init")
        await run(client, "colearner.init", {"role": "student"})
        assert (await state(client)).role == "student"


async def test_options_need_no_setting_up(tmp_path: Path, home: dict[str, str]) -> None:
    checkout(tmp_path / "repo", {"a.py": "x\n"})
    bus = f"sqlite://{tmp_path}/other.db"
    options = {"role": "student", "session": "onboarding-01", "student": "ada", "author": "Ada", "bus": bus, "mine": 1}
    async with editor(tmp_path / "repo", "minimal", quiet, options=options) as client:
        seen = await state(client)
        assert (seen.role, seen.session, seen.student) == ("student", "onboarding-01", "ada")
        assert seen.sync.bus is not None
        assert seen.sync.bus.endswith("other.db")


async def test_settings_are_pulled_and_followed(tmp_path: Path, home: dict[str, str]) -> None:
    checkout(tmp_path / "repo", {"a.py": "x\n"})
    settings: dict[str, Any] = {"role": "student", "session": "one", "bus": ""}
    asked: list[types.ConfigurationParams] = []

    def prepare(client: Client) -> None:
        quiet(client)

        def answer(params: types.ConfigurationParams) -> list[Any]:
            asked.append(params)
            return [dict(settings)]

        client.on(types.WORKSPACE_CONFIGURATION, answer)

    async with editor(tmp_path / "repo", "vscode", prepare, options={"session": "zero", "author": "Ada"}) as client:
        assert (await state(client)).session == "one"
        assert asked[0].items[0].section == "colearner"
        assert [method for method, _ in client.requests if method == types.CLIENT_REGISTER_CAPABILITY]
        settings["session"] = "two"
        client.notify(types.WORKSPACE_DID_CHANGE_CONFIGURATION, types.DidChangeConfigurationParams(settings=None))
        await client.until(lambda: (now := client.server.session.snapshot) and now.session_id == "two")  # type: ignore[attr-defined]
        pushed = types.DidChangeConfigurationParams(settings={"colearner": {"role": "coach", "session": "three"}})
        client.notify(types.WORKSPACE_DID_CHANGE_CONFIGURATION, pushed)
        await client.until(lambda: (now := client.server.session.snapshot) and now.role == "coach")  # type: ignore[attr-defined]
        assert (await state(client)).session == "three"


async def test_settings_that_nobody_answers_do_not_hold_the_opening_up(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    monkeypatch.setattr("colearner_ls.lsp.features.configuration.SETTINGS_S", 0.05)

    async def never(_: Any) -> None:
        await asyncio.Event().wait()

    def prepare(client: Client) -> None:
        quiet(client)
        client.on(types.WORKSPACE_CONFIGURATION, never)
        client.allow("$/cancelRequest")

    async with editor(rig.student, "vscode", prepare) as client:
        assert (await state(client)).role == "student"


@pytest.mark.parametrize(
    ("given", "options", "problems"),
    [
        (None, Options(), 0),
        ({}, Options(), 0),
        ({"role": "coach", "unknown": 7}, Options(role="coach"), 0),
        ({"role": "", "session": "  ", "bus": None}, Options(), 0),
        ({"role": "admin"}, Options(), 1),
        ({"session": 7, "quiet": "yes"}, Options(), 2),
        (["role"], Options(), 1),
        ("student", Options(), 1),
        ({"quiet": True}, Options(quiet=True), 0),
    ],
)
def test_options_are_read_with_care(given: object, options: Options, problems: int) -> None:
    parsed = parse(given, "here")
    assert parsed.options == options
    assert len(parsed.problems) == problems


async def test_wrong_options_are_told_in_the_log(rig: Rig) -> None:
    lines: list[str] = []

    def prepare(client: Client) -> None:
        quiet(client)
        client.on(types.WINDOW_LOG_MESSAGE, lambda params: lines.append(params.message))

    async with editor(rig.student, "minimal", prepare, options={"role": 7}) as client:
        assert (await state(client)).role == "student"
        assert lines == ["initializationOptions: “role” should be text, not int"]


async def test_a_folder_below_the_workspace(rig: Rig) -> None:
    """``repo/sub`` is opened instead of ``repo``."""
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student.root / "src", "minimal", quiet) as client:
        open_document(client, rig.student.uri(), GRAPH)
        assert len(await hints(client, rig.student.uri())) == 1


async def test_a_clone_that_brings_its_own_folder_starts_nothing(rig: Rig, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(rig.student.root, clone)
    told = Told()
    async with editor(clone, "vscode", told) as client:
        seen = await state(client)
        assert seen.session is None
        assert len(told.messages) == 1
        assert "was not set up on this machine" in told.messages[0]
        assert INVITE_HINT in told.messages[0]


@pytest.mark.parametrize("text", ["role = ", "[share]\nmode = 7\n", "role = 'admin'\n", "\xff"])
async def test_a_corrupt_config_is_told_and_left_alone(rig: Rig, text: str) -> None:
    config = rig.student.root / ".colearner/config.toml"
    config.write_bytes(text.encode("latin-1"))
    told = Told()
    async with editor(rig.student, "minimal", told) as client:
        assert (await state(client)).session is None
        assert len(told.messages) == 1
        assert "config.toml" in told.messages[0]
    assert config.read_bytes() == text.encode("latin-1")


async def test_a_learning_json_that_is_not_json(rig: Rig) -> None:
    (rig.student.root / ".colearner/learning.json").write_text("{ not json", encoding="utf-8")
    async with editor(rig.student, "minimal", quiet) as client:
        assert (await state(client)).role == "student"
        await rig.coach.say(ASSIGN)
        await client.until(lambda: client.server.tracker.snapshot.me.exercises)  # type: ignore[attr-defined]


async def test_a_malformed_journal_is_salvaged(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    rig.student.workspace.close()
    journal = rig.student.root / ".colearner/journal.db"
    raw = bytearray(journal.read_bytes())
    raw[100:3000] = os.urandom(2900)
    journal.write_bytes(raw)
    for rest in rig.student.root.glob(".colearner/journal.db-*"):
        rest.unlink()
    async with editor(rig.student, "minimal", quiet) as client:
        await client.until(lambda: (now := client.server.session.snapshot) and now.me.exercises, timeout=15)  # type: ignore[attr-defined]
    assert list(rig.student.root.glob(".colearner/journal.db.malformed-*"))


async def test_a_second_folder_is_said_not_to_be_served(rig: Rig, tmp_path: Path) -> None:
    from colearner_ls.lsp.server import ColearnerServer, lifespan

    lines: list[str] = []
    folders = [{"uri": rig.student.root.as_uri(), "name": "a"}, {"uri": tmp_path.as_uri(), "name": "b"}]

    def prepare(client: Client) -> None:
        quiet(client)
        client.allow(*ANY_TIME)
        client.on(types.WINDOW_LOG_MESSAGE, lambda params: lines.append(params.message))

    server = ColearnerServer()
    async with session(server, lifespan, initialize_params("minimal", workspaceFolders=folders), prepare) as client:
        await client.until(server.session.opened.is_set)
        assert any("Only the first of 2 folders is served" in line for line in lines)
        assert (await state(client)).role == "student"
        event = types.WorkspaceFoldersChangeEvent(
            added=[], removed=[types.WorkspaceFolder(uri=rig.student.root.as_uri(), name="a")]
        )
        client.notify(types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, types.DidChangeWorkspaceFoldersParams(event))
        await client.until(lambda: server.session.snapshot is None)
        assert (await state(client)).role is None


async def test_only_a_root_path(rig: Rig) -> None:
    """Old clients send neither workspace folders nor a root URI."""
    from colearner_ls.lsp.server import ColearnerServer, lifespan

    server = ColearnerServer()
    params = initialize_params("minimal", rootPath=str(rig.student.root))

    def prepare(client: Client) -> None:
        quiet(client)
        client.allow(*ANY_TIME)

    async with session(server, lifespan, params, prepare) as client:
        await client.until(server.session.opened.is_set)
        assert (await state(client)).role == "student"


async def test_requests_before_the_journal_is_open_are_answered_at_once(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty first; what is there comes with the refresh that follows."""
    import threading

    from colearner_ls.lsp import session as session_module
    from colearner_ls.lsp.server import ColearnerServer, lifespan

    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    release, real = threading.Event(), session_module._open
    monkeypatch.setattr(session_module, "_open", lambda *given: release.wait(10) and real(*given))
    server, uri = ColearnerServer(), rig.student.uri()
    params = initialize_params("neovim-0.12", rootUri=rig.student.root.as_uri())

    def prepare(client: Client) -> None:
        quiet(client)
        client.allow(*ANY_TIME)
        client.on(types.WORKSPACE_CONFIGURATION, lambda _: [{}])
        for method in REFRESHES:
            client.on(method, lambda _: None)

    async with session(server, lifespan, params, prepare) as client:
        open_document(client, uri, GRAPH)
        assert await hints(client, uri) == []
        assert (await state(client)).role is None
        with pytest.raises(JsonRpcException):
            await run(client, "colearner.submit", {})
        assert not server.session.opened.is_set()
        release.set()
        await client.until(lambda: types.WORKSPACE_INLAY_HINT_REFRESH in {method for method, _ in client.requests})
        assert len(await hints(client, uri)) == 1


async def test_the_disk_may_be_slow(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Views never wait for the workspace: a journal that takes four seconds per call holds no keystroke up."""
    from colearner_ls.workspace.door import Workspace

    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student, "minimal", quiet) as client:
        open_document(client, rig.student.uri(), GRAPH)
        assert len(await hints(client, rig.student.uri())) == 1
        real = Workspace.snapshot
        monkeypatch.setattr(Workspace, "snapshot", lambda self: time.sleep(4) or real(self))
        slow = asyncio.ensure_future(run(client, "colearner.stuck", {"summary": "x"}, timeout=60))
        await asyncio.sleep(0.05)
        before = time.monotonic()
        for _ in range(20):
            assert len(await hints(client, rig.student.uri())) == 1
            await state(client)
        assert time.monotonic() - before < 3
        assert not slow.done()
        monkeypatch.undo()
        await slow


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "Read-only file system"),
        (KeyError("a fault of ours"), "could not be opened, by a fault of ours"),
    ],
)
async def test_a_folder_that_cannot_be_opened_is_told(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, problem: Exception, said: str
) -> None:
    from colearner_ls.lsp import session as session_module

    def fails(*_: object) -> None:
        raise problem

    monkeypatch.setattr(session_module, "_open", fails)
    told = Told()
    async with editor(rig.student, "minimal", told) as client:
        assert said in (await state(client)).notices[0]
    assert len(told.messages) == 1
    assert "Traceback" not in told.messages[0]
