"""textDocument/codeLens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from colearner_ls.lsp.views.code_lenses import code_lenses

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


def register(server: ColearnerServer) -> None:
    """Register the feature."""

    @server.feature(types.TEXT_DOCUMENT_CODE_LENS)
    async def lenses(params: types.CodeLensParams) -> list[types.CodeLens]:
        view = await server.tracker.view(params.text_document.uri)
        if view is None:
            return []
        return code_lenses(view, with_labels=not server.client.inlay_hint)
