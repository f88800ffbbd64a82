"""didOpen, didChange, didSave, didClose: places move along, diagnostics follow, progress is told after a save."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


def register(server: ColearnerServer) -> None:
    """Register the feature. The handlers are plain functions: they run in the step in which the text changes."""

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.tracker.opened(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        gone = server.tracker.edited(params.text_document.uri)
        server.refresher.edited(params.text_document.uri, certain=not gone)
        server.arrivals.typed()

    @server.feature(types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=False))
    def saved(params: types.DidSaveTextDocumentParams) -> None:
        server.tracker.saved(params.text_document.uri)
        server.saves.saved(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        server.tracker.closed(params.text_document.uri)
        server.refresher.closed(params.text_document.uri)
