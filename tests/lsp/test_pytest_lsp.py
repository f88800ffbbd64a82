"""Through pytest-lsp: a subprocess, captured capability sets, and its checks of what they declare."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.protocol import default_converter
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities
from pytest_lsp.client import register_lsp_features

from tests.lsp.rig import ASSIGN, GRAPH, LOOP, Rig, make_range, make_rig


def make_client() -> LanguageClient:
    client = LanguageClient(converter_factory=default_converter)
    register_lsp_features(client)
    for method in (
        types.WORKSPACE_INLAY_HINT_REFRESH,
        types.WORKSPACE_CODE_LENS_REFRESH,
        types.CLIENT_REGISTER_CAPABILITY,
        types.WINDOW_SHOW_MESSAGE_REQUEST,
    ):
        client.feature(method)(lambda *_: None)
    return client


def _made(folder: Path) -> Rig:
    made = make_rig(folder, {"COLEARNER_HOME": os.environ["COLEARNER_HOME"]})
    made.coach.do(ASSIGN)
    made.coach.sync()
    made.student.sync()
    made.close()
    return made


@pytest_lsp.fixture(
    params=["visual_studio_code@v1.65", "neovim@v0.10", "neovim@v0.11", "emacs@v29"],
    config=ClientServerConfig(
        server_command=[sys.executable, "-m", "colearner_ls.lsp.main", "--stdio"], client_factory=make_client
    ),
)
async def client(request: pytest.FixtureRequest, lsp_client: LanguageClient, tmp_path: Path) -> AsyncIterator[None]:
    rig = await asyncio.to_thread(_made, tmp_path / "both")
    lsp_client.rig = rig  # pytest-lsp hands the client itself to the test, whatever is yielded here
    root = rig.student.root.as_uri()
    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=client_capabilities(request.param),
            root_uri=root,
            workspace_folders=[types.WorkspaceFolder(uri=root, name="folder")],
        )
    )
    yield
    async with asyncio.timeout(10):
        await lsp_client.shutdown_session()


@pytest.mark.usefixtures("home")
async def test_what_a_person_sees(client: LanguageClient) -> None:
    uri = client.rig.student.uri()
    item = types.TextDocumentItem(uri=uri, language_id="python", version=1, text=GRAPH)
    client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    identifier = types.TextDocumentIdentifier(uri)
    async with asyncio.timeout(15):
        while not (lenses := await client.text_document_code_lens_async(types.CodeLensParams(identifier))):
            await asyncio.sleep(0.05)
        window = types.InlayHintParams(identifier, make_range((0, 0), (99, 0)))
        hints = await client.text_document_inlay_hint_async(window)
        assert hints
        assert [(hint.position.line, hint.position.character) for hint in hints] == [(LOOP, 16)]
        titles = [lens.command.title for lens in lenses if lens.command]
        assert titles[-3:] == ["Accept", "Submit", "I'm stuck"]
        hover = await client.text_document_hover_async(types.HoverParams(identifier, types.Position(LOOP, 5)))
        assert hover is not None
        while not client.diagnostics.get(uri):  # none of these can be told to pull again, so they are pushed to
            await asyncio.sleep(0.05)
        assert [each.code for each in client.diagnostics[uri]] == ["exercise"]
        params = types.CodeActionParams(identifier, make_range((LOOP, 0), (LOOP, 0)), types.CodeActionContext([]))
        assert await client.text_document_code_action_async(params)
        answer = await client.workspace_execute_command_async(
            types.ExecuteCommandParams("colearner.submit", [{"confirm": True, "response": "Done."}])
        )
        assert answer["event_type"] == "exercise_submission"
