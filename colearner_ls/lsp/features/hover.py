"""textDocument/hover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from colearner_ls.lsp.views import hovers

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


def register(server: ColearnerServer) -> None:
    """Register the feature."""

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> types.Hover | None:
        view = await server.tracker.view(params.text_document.uri)
        found = hovers.hover(view, params.position, as_markdown=server.client.hover_markdown) if view else None
        if found is None:
            return None
        server.receipts.shown(found.feedback)
        return found.hover
