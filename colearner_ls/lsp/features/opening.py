"""Showing a place in the editor, and finding it in files that are not open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.anchors import Anchor, Found, Page, locate
from colearner_ls.domain.paths import safe_path
from colearner_ls.domain.state import Hint, Json, LearnerState, Stuck
from colearner_ls.domain.text import Encoding
from colearner_ls.lsp.views import proto

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.workspace.door import Workspace

SHOW_S: Final = 10.0
"""How long the editor may take to show a document, in seconds."""


@frozen
class Target:
    """A place on this machine; without a range the file as a whole (its anchor is lost, or it has none)."""

    uri: str
    range: types.Range | None


def anchors_of(me: LearnerState, target_id: str) -> list[Json]:
    """The anchors of what an id names: its own first, then those of the exercise it belongs to."""
    own: list[Json] = []
    exercise_id: str | None = None
    for feedback in me.feedback:
        if feedback.id == target_id:
            own = [mistake.anchor for mistake in feedback.mistakes if mistake.anchor is not None]
            exercise_id = feedback.exercise_id
    anchored: tuple[Hint | Stuck, ...] = (*me.hints, *me.stuck)
    for each in anchored:
        if each.id == target_id:
            own, exercise_id = [each.anchor] if each.anchor is not None else [], each.exercise_id
    for submission in me.submissions:
        if submission.id == target_id:
            exercise_id = submission.exercise_id
    for exercise in me.exercises:
        if target_id in (exercise.id, exercise.event_id) or exercise.id == exercise_id:
            own += list(exercise.anchors)
    return own


async def find(server: ColearnerServer, anchors: Iterable[Json]) -> Target | None:
    """The first place that exists here; a file where the anchor is lost comes after those where it is not."""
    return await server.session.call(_find, list(anchors), await server.tracker.buffers(), server.documents.encoding)


async def show(server: ColearnerServer, target: Target) -> bool:
    """Ask the editor to show a place; whether it did."""
    if not server.client.show_document:
        return False
    params = types.ShowDocumentParams(uri=target.uri, take_focus=True, selection=target.range)
    try:
        async with asyncio.timeout(SHOW_S):
            return bool((await server.window_show_document_async(params)).success)
    except (TimeoutError, JsonRpcException):
        return False


def _find(workspace: Workspace, anchors: list[Json], buffers: dict[str, str], encoding: Encoding) -> Target | None:
    whole: Target | None = None
    for payload in anchors:
        try:
            anchor = Anchor.from_payload(payload)
            path = safe_path(anchor.path)
            text = _text(workspace, path, buffers)
        except BadInput:
            continue
        uri = (workspace.root / path).as_uri()
        page = Page(text)
        place: Any = locate(anchor, page)
        if isinstance(place, Found):
            found = page.index.range(place.span, encoding)
            return Target(uri, types.Range(proto.position(found.start), proto.position(found.end)))
        whole = whole or Target(uri, None)
    return whole


def _text(workspace: Workspace, path: str, buffers: dict[str, str]) -> str:
    from colearner_ls.workspace.places import read_text

    return read_text(workspace, path, buffers)
