"""textDocument/codeAction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from colearner_ls.lsp.views.code_actions import code_actions

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


def register(server: ColearnerServer) -> None:
    """Register the feature."""

    @server.feature(
        types.TEXT_DOCUMENT_CODE_ACTION,
        types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix, types.CodeActionKind.Source]),
    )
    async def actions(params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
        view = await server.tracker.view(params.text_document.uri)
        if view is None:
            return []
        found = code_actions(view, params.range, params.context)
        if server.client.code_action_literals:
            return [*found]
        return [action.command for action in found if action.command is not None]
