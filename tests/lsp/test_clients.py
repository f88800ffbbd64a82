"""The same session as each recorded client sees it: right with and without each optional capability."""

from __future__ import annotations

from typing import Any

import pytest
from lsprotocol import types

from colearner_ls.contracts.views import StateView
from colearner_ls.lsp import messages
from colearner_ls.workspace.requests import GiveFeedback, MistakeAt, Place
from tests.lsp.in_process import Client
from tests.lsp.rig import (
    ASSIGN,
    GRAPH,
    LOOP,
    REFRESHES,
    Rig,
    actions,
    change,
    diagnostics,
    editor,
    hints,
    lenses,
    open_document,
)

RECORDED = ["vscode", "neovim-0.11", "neovim-0.12", "minimal"]
PULLS = {"vscode", "neovim-0.12"}
"""Clients that pull diagnostics and can be told to pull again; the others get them pushed."""


def quiet(client: Client) -> None:
    client.allow(types.WINDOW_SHOW_MESSAGE)
    client.on(types.WINDOW_SHOW_MESSAGE_REQUEST, lambda _: None)


class Pushed:
    """Keeps the newest pushed diagnostics of each document."""

    def __init__(self) -> None:
        self.items: dict[str, list[types.Diagnostic]] = {}
        self.count = 0

    def __call__(self, client: Client) -> None:
        quiet(client)
        client.on(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS, self._take)

    def _take(self, params: types.PublishDiagnosticsParams) -> None:
        self.count += 1
        self.items[params.uri] = list(params.diagnostics)

    def codes(self, uri: str) -> list[Any]:
        return [item.code for item in self.items.get(uri, [])]


@pytest.mark.parametrize("name", RECORDED)
async def test_an_assignment_is_seen(name: str, rig: Rig) -> None:
    uri, pushed = rig.student.uri(), Pushed()
    async with editor(rig.student, name, pushed) as client:
        open_document(client, uri, GRAPH)
        await hints(client, uri)
        before = len(client.requests)
        await rig.coach.say(ASSIGN)
        await client.until(lambda: client.server.tracker.snapshot.me.exercises)  # type: ignore[attr-defined]
        assert await hints(client, uri) == [(LOOP, 16, "◆ dependency graph · new")]
        titles = [title for _, title, *_ in await lenses(client, uri)]
        labels = ["◆ dependency graph · new"] if name == "minimal" else []
        assert titles == [*labels, "Accept", "Submit", "I'm stuck"]
        if name in PULLS:
            (item,) = await diagnostics(client, uri)
            assert item.code == "exercise"
            href = item.code_description.href if item.code_description else None
            assert (href is not None and href.endswith("docs/lsp.md#diagnostics")) == (name == "vscode")
            assert pushed.count == 0
            assert client.server.server_capabilities.diagnostic_provider is not None
        else:
            await client.until(lambda: pushed.codes(uri) == ["exercise"])
            assert client.server.server_capabilities.diagnostic_provider is None
        wanted = {
            "vscode": set(REFRESHES),
            "neovim-0.12": set(REFRESHES),
            "neovim-0.11": {types.WORKSPACE_INLAY_HINT_REFRESH},
            "minimal": set(),
        }
        seen = lambda: {method for method, _ in client.requests[before:]} & set(REFRESHES)  # noqa: E731
        await client.until(lambda: seen() == wanted[name])


@pytest.mark.parametrize("name", ["neovim-0.11", "minimal"])
async def test_pushed_diagnostics_follow(name: str, rig: Rig) -> None:
    """Moved with typing, gone when closed, back when opened."""
    uri, pushed = rig.student.uri(), Pushed()
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student, name, pushed) as client:
        open_document(client, uri, GRAPH)
        await client.until(lambda: pushed.codes(uri) == ["exercise"])
        change(client, uri, (0, 0), (0, 0), "\n\n")
        await client.until(lambda: pushed.items[uri][0].range.start.line == LOOP + 2)
        client.notify(
            types.TEXT_DOCUMENT_DID_CLOSE, types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(uri))
        )
        await client.until(lambda: pushed.items[uri] == [])
        open_document(client, uri, "nothing of it\n")
        await client.until(lambda: pushed.codes(uri) == ["lost-anchor"])


async def test_pulled_diagnostics_say_when_nothing_changed(rig: Rig) -> None:
    uri = rig.student.uri()
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student, "vscode", quiet) as client:
        open_document(client, uri, GRAPH)

        async def pull(previous: str | None) -> Any:
            params = types.DocumentDiagnosticParams(types.TextDocumentIdentifier(uri), previous_result_id=previous)
            return await client.request(types.TEXT_DOCUMENT_DIAGNOSTIC, params)

        full = await pull(None)
        assert isinstance(full, types.RelatedFullDocumentDiagnosticReport)
        same = await pull(full.result_id)
        assert isinstance(same, types.RelatedUnchangedDocumentDiagnosticReport)
        change(client, uri, (0, 0), (0, 0), "\n")
        assert isinstance(await pull(full.result_id), types.RelatedFullDocumentDiagnosticReport)


@pytest.mark.parametrize("name", RECORDED)
async def test_actions_are_commands_for_clients_without_literals(name: str, rig: Rig) -> None:
    uri = rig.student.uri()
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student, name, quiet) as client:
        open_document(client, uri, GRAPH)
        found = await actions(client, uri, (LOOP, 0), (LOOP, 0))
        kind = types.Command if name == "minimal" else types.CodeAction
        assert found
        assert all(isinstance(each, kind) for each in found)
        params = types.ExecuteCommandParams(*_command(found[0]))
        result = await client.request(types.WORKSPACE_EXECUTE_COMMAND, params)
        assert result["event_type"] == "exercise_assigned_ack"
        await client.until(lambda: client.server.tracker.snapshot.me.exercises[0].status == "accepted")  # type: ignore[attr-defined]


def _command(action: types.CodeAction | types.Command) -> tuple[str, Any]:
    command = action.command if isinstance(action, types.CodeAction) else action
    assert isinstance(command, types.Command)
    return command.command, command.arguments


@pytest.mark.parametrize("name", RECORDED)
async def test_a_hover_is_read(name: str, rig: Rig) -> None:
    uri = rig.student.uri()
    written = await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student, name, quiet) as client:
        open_document(client, uri, GRAPH)
        await rig.coach.say(
            GiveFeedback(
                written.exercise_id or "", "revise", (MistakeAt("Ends **never**.", Place("src/graph.py", 7, 7)),)
            )
        )
        await client.until(lambda: client.server.tracker.snapshot.me.feedback)  # type: ignore[attr-defined]
        params = types.HoverParams(types.TextDocumentIdentifier(uri), types.Position(LOOP, 6))
        hover = await client.request(types.TEXT_DOCUMENT_HOVER, params)
        assert hover.contents.kind.value == ("plaintext" if name == "minimal" else "markdown")
        assert "Ends" in hover.contents.value
        await rig.coach.hears(lambda seen: seen.me.feedback[0].read)


async def test_utf_8_and_utf_16_clients_see_the_same_place(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    text = GRAPH.replace("    while needs:", "    while needs:  # 😋é")
    for name, column in (("neovim-0.12", 16 + 4 + 6), ("vscode", 16 + 4 + 3)):
        async with editor(rig.student, name, quiet) as client:
            uri = rig.student.uri()
            open_document(client, uri, text)
            assert [place[:2] for place in await hints(client, uri)] == [(LOOP, column)]
            change(client, uri, (LOOP, column), (LOOP, column), "!")
            assert [place[:2] for place in await hints(client, uri)] == [(LOOP, column + 1)]


@pytest.mark.parametrize("role", ["student", "coach"])
async def test_the_state_has_its_declared_shape(role: str, rig: Rig) -> None:
    written = await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    await rig.coach.say(GiveFeedback(written.exercise_id or "", "revise", (MistakeAt("x"),), "y", 0.1))
    await rig.student.fetch()
    side = rig.student if role == "student" else rig.coach
    async with editor(side, "minimal", quiet) as client:
        raw = await client.request("colearner/state")
        state = StateView.model_validate(raw)
        assert (state.role, state.stage, state.session) == (role, "practice", side.workspace.session_id)
        assert state.exercises[0].exercise_id == written.exercise_id
        assert [item.kind for item in state.queue] == (["feedback", "exercise"] if role == "student" else [])
        assert state.revision == client.server.revision  # type: ignore[attr-defined]
        await rig.coach.say(ASSIGN)
        await client.until(lambda: len(client.server.tracker.snapshot.me.exercises) == 2)  # type: ignore[attr-defined]
        assert len(StateView.model_validate(await client.request("colearner/state", {})).exercises) == 2
        with pytest.raises(Exception, match="extra"):
            await client.request("colearner/state", {"extra": 1})


async def test_state_changed_carries_the_revision_to_ask_for(rig: Rig) -> None:
    seen: list[int] = []

    def prepare(client: Client) -> None:
        quiet(client)
        client.on("colearner/stateChanged", lambda params: seen.append(params["revision"]))

    async with editor(rig.student, "minimal", prepare) as client:
        before = len(seen)
        await rig.coach.say(ASSIGN)
        await client.until(lambda: len(seen) > before)
        assert seen == sorted(set(seen))


async def test_the_history_comes_in_pages(rig: Rig) -> None:
    for number in range(5):
        await rig.coach.say(_assign(number))
    await rig.student.fetch()
    async with editor(rig.student, "minimal", quiet) as client:
        everything = messages.HistoryView.model_validate(await client.request("colearner/history", {"limit": 500}))
        assert everything.next is None
        for entry in everything.entries:
            messages.HistoryLine.model_validate(entry)
        pages, cursor = [], None
        while True:
            params = {"limit": 3, "before": cursor} if cursor else {"limit": 3}
            page = await client.request("colearner/history", params)
            pages += page["entries"]
            cursor = page.get("next")
            if cursor is None:
                break
        assert pages == everything.entries
        hlcs = [entry["_hlc"] for entry in pages]
        assert hlcs == sorted(hlcs, reverse=True)
        only = await client.request("colearner/history", {"types": ["exercise_assigned"]})
        assert len(only["entries"]) == 5
        assert await client.request("colearner/history", {"before": "no-such-id"}) == {"entries": []}
        with pytest.raises(Exception, match="limit"):
            await client.request("colearner/history", {"limit": 0})


def _assign(number: int) -> Any:
    from dataclasses import replace

    return replace(ASSIGN, title=f"Exercise {number}")


async def test_an_evidence_preview(rig: Rig) -> None:
    await rig.coach.say(ASSIGN)
    await rig.student.fetch()
    async with editor(rig.student, "minimal", quiet) as client:
        open_document(client, rig.student.uri(), GRAPH + "# unsaved\n")
        raw = await client.request("colearner/evidencePreview", {"response": "words"})
        preview = messages.PreviewView.model_validate(raw)
        assert preview.response == "words"
        assert [(item.path, item.dirty) for item in preview.items] == [("src/graph.py", True)]
        place = {"uri": rig.student.uri(), "range": {"start": {"line": 0}, "end": {"line": 0, "character": 3}}}
        raw = await client.request("colearner/evidencePreview", place)
        assert [(item["start_line"], item["end_line"]) for item in raw["items"]] == [(1, 1)]
    assert rig.student.workspace.snapshot().me.evidence == ()
