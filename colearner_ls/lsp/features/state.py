"""colearner/state, colearner/history, colearner/evidencePreview: for sidebars and rich clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.lsp.features import places
from colearner_ls.lsp.views import preview as preview_view
from colearner_ls.lsp.views.state import empty_state, state_view

if TYPE_CHECKING:
    from colearner_ls.lsp.messages import EvidencePreviewParams, HistoryParams
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.workspace.door import Workspace

STATE = "colearner/state"
HISTORY = "colearner/history"
EVIDENCE_PREVIEW = "colearner/evidencePreview"


def register(server: ColearnerServer) -> None:
    """Register the custom requests; their models are imported when the first one comes."""

    @server.feature(STATE)
    async def state(params: Any) -> dict[str, Any]:
        snapshot = server.session.snapshot
        if snapshot is None:
            return empty_state(server.revision, server.session.why_not)
        return state_view(snapshot, server.revision)

    @server.feature(HISTORY)
    async def history(params: HistoryParams) -> dict[str, Any]:
        return await server.session.call(_page, params)

    @server.feature(EVIDENCE_PREVIEW)
    async def preview(params: EvidencePreviewParams) -> dict[str, Any]:
        request = await places.preview_request(server, params)
        return preview_view.document(await server.session.call(_preview, request))

    for method, model in (
        (STATE, "StateParams"),
        (HISTORY, "HistoryParams"),
        (EVIDENCE_PREVIEW, "EvidencePreviewParams"),
    ):
        server.protocol.params_of[method] = _maker(model)


def _maker(model: str) -> Any:
    def make(given: Any) -> Any:
        from colearner_ls.lsp import messages

        return getattr(messages, model).model_validate(given)

    return make


def _preview(workspace: Workspace, request: Any) -> Any:
    return workspace.preview(request)


def _page(workspace: Workspace, params: HistoryParams) -> dict[str, Any]:
    """A page, newest first. The cursor is the id of the last entry given out: it stays good as events arrive."""
    from colearner_ls.workspace.json_views import Known, event_view

    events = workspace.history(params.types)
    events.reverse()
    if params.before is not None:
        ids = [stored.event.id for stored in events]
        events = events[ids.index(params.before) + 1 :] if params.before in ids else []
    snapshot = workspace.snapshot()
    known = Known(snapshot.session, snapshot.me, embedded=snapshot.sync.embedded)
    page = events[: params.limit]
    more = page[-1].event.id if len(events) > len(page) else None
    view: dict[str, Any] = {"entries": [event_view(stored, known) for stored in page]}
    return {**view, "next": more} if more is not None else view
