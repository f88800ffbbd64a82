"""textDocument/inlayHint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from colearner_ls.lsp.views.inlay_hints import inlay_hints

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


def register(server: ColearnerServer) -> None:
    """Register the feature."""

    @server.feature(types.TEXT_DOCUMENT_INLAY_HINT)
    async def hints(params: types.InlayHintParams) -> list[types.InlayHint]:
        view = await server.tracker.view(params.text_document.uri)
        if view is None:
            return []
        return inlay_hints(view, (params.range.start.line, params.range.end.line))
