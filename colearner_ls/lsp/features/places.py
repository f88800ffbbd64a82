"""From a client's URIs and ranges to places of the workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput

if TYPE_CHECKING:
    from colearner_ls.lsp import messages
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.workspace.requests import Place, ShareEvidence, Submit


async def path_of(server: ColearnerServer, uri: str) -> str:
    """The path of a document relative to the workspace root. Raises :class:`BadInput` outside of it."""
    root = server.session.required().root
    path = await server.tracker.path_of(uri)
    if path is None:
        raise BadInput(f"{uri} is not a file inside the workspace {root}.", "Name a file in it.")
    return path


async def place(server: ColearnerServer, uri: str, given: messages.Range | None) -> Place:
    """A place; the lines are those that the range touches, save a last one of which it takes nothing."""
    from colearner_ls.workspace.requests import Place

    path = await path_of(server, uri)
    if given is None:
        return Place(path)
    last = given.end.line
    if last > given.start.line and given.end.character == 0:
        last -= 1
    return Place(path, given.start.line + 1, max(last, given.start.line) + 1)


async def optional(server: ColearnerServer, uri: str | None, given: messages.Range | None) -> Place | None:
    """The place, or ``None`` where no document is named. Raises :class:`BadInput` for a range of nothing."""
    if uri is not None:
        return await place(server, uri, given)
    if given is not None:
        raise BadInput("There is a range, but no document.", "Give uri as well.")
    return None


async def all_of(server: ColearnerServer, given: list[messages.PlaceInput]) -> tuple[Place, ...]:
    """All places."""
    return tuple([await place(server, each.uri, each.range) for each in given])


async def preview_request(server: ColearnerServer, params: messages.EvidencePreviewParams) -> Submit | ShareEvidence:
    """The request whose preview is asked for."""
    from colearner_ls.workspace.requests import ShareEvidence, Submit

    buffers = await server.tracker.buffers()
    one = await optional(server, params.uri, params.range)
    if one is not None:
        return ShareEvidence(one, params.exercise_id, params.note, buffers=buffers)
    more: dict[str, Any] = {"evidence": await all_of(server, params.evidence), "exclude": tuple(params.exclude)}
    return Submit(params.exercise_id, params.response, buffers=buffers, **more)
