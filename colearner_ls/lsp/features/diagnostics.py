"""textDocument/diagnostic: for clients that ask, and can be told to ask again (others get them pushed)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lsprotocol import types

from colearner_ls.lsp.views.diagnostics import SOURCE, diagnostics, feedback_ids, fingerprint

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer

Report = types.RelatedFullDocumentDiagnosticReport | types.RelatedUnchangedDocumentDiagnosticReport


def register(server: ColearnerServer) -> None:
    """Register the feature."""

    @server.feature(
        types.TEXT_DOCUMENT_DIAGNOSTIC,
        types.DiagnosticOptions(identifier=SOURCE, inter_file_dependencies=True, workspace_diagnostics=False),
    )
    async def pull(params: types.DocumentDiagnosticParams) -> Report:
        view = await server.tracker.view(params.text_document.uri)
        items = diagnostics(view, server.refresher.able()) if view is not None else []
        result_id = fingerprint(items)
        if params.previous_result_id == result_id:
            return types.RelatedUnchangedDocumentDiagnosticReport(result_id=result_id)
        if view is not None:
            server.receipts.shown(feedback_ids(view))
        return types.RelatedFullDocumentDiagnosticReport(items=items, result_id=result_id)
