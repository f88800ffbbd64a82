"""What every writing command does around its use case: ask, write, wait a moment, say how far it got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.state import STUDENTS_TURN
from colearner_ls.lsp.base.errors import RequestFailed
from colearner_ls.lsp.views import preview as preview_view
from colearner_ls.lsp.views.words import name_of
from colearner_ls.workspace.json_views import written_view
from colearner_ls.workspace.results import Preview, PreviewRequired

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.requests import ShareEvidence, Submit, UseCase
    from colearner_ls.workspace.results import Written

DELIVERY_S: Final = 1.0
"""How long a command waits to be able to say *sent*, in seconds; a bus that is away must not hold the editor up."""

MOST_CHOICES: Final = 5
"""Most buttons in a question: editors show them in a row."""


async def write(server: ColearnerServer, request: UseCase, said: str) -> dict[str, Any]:
    """Carry out a use case; tell the person in the words ``said`` and how far it got; its ``WrittenView``."""
    written = await server.session.do(request, wait_s=DELIVERY_S)
    assert written is not None  # only automatic receipts can be taken already
    return report(server, written, said)


def report(server: ColearnerServer, written: Written, said: str) -> dict[str, Any]:
    """Tell the person; the result of the command."""
    snapshot = server.session.snapshot
    waiting = snapshot.sync.waiting if snapshot is not None else 0
    server.say(f"{said}: {_delivery_words(written.delivery, waiting)}.")
    return written_view(written, written.delivery, waiting)


def _delivery_words(delivery: str, waiting: int) -> str:
    if delivery == "sent":
        return "sent"
    if delivery == "local":
        return "on this machine's bus"
    return f"kept; will be sent when the bus is reachable ({max(waiting, 1)} waiting)"


async def share(
    server: ColearnerServer, request: Submit | ShareEvidence, *, confirm: bool, question: str, yes: str, said: str
) -> dict[str, Any] | None:
    """Share after consent. With ``confirm`` it was given before; else the preview is shown and asked about.

    ``None`` where the person does not want to. Raises the error ``preview_required``, with the preview in its data,
    where this client cannot ask. What is sent is what was shown: if the files change in between, it is asked again.
    """
    buffers = await server.tracker.buffers()
    request = replace(request, buffers=buffers, confirmed=True)
    if confirm:
        return await write(server, request, said)
    preview = await server.session.call(_preview, request)
    while True:
        if not server.client.show_message_request:
            raise preview_required(preview)
        answer = await server.ask(preview_view.words(preview, question), [yes, "Cancel"])
        if answer is None and not server.client.show_message_request:
            continue
        if answer != yes:
            return None
        outcome = await server.session.call(_write_if_same, request, preview)
        if not isinstance(outcome, Preview):
            return report(server, await server.session.delivered(outcome, DELIVERY_S), said)
        preview = outcome


def preview_required(preview: Preview) -> RequestFailed:
    """The error for a client that cannot ask: run the command again with ``confirm: true`` once the person agreed."""
    problem = PreviewRequired(preview)
    data = {"code": "preview_required", "hint": problem.hint, "preview": preview_view.document(preview)}
    return RequestFailed(message=f"{problem.message} {problem.hint}", data=data)


def _preview(workspace: Workspace, request: Submit | ShareEvidence) -> Preview:
    return workspace.preview(request)


def _write_if_same(workspace: Workspace, request: Submit | ShareEvidence, seen: Preview) -> Written | Preview:
    """Write what was agreed to; or what it would be now, where that has changed."""
    now = workspace.preview(request)
    if now != seen:
        return now
    written = workspace.do(request)
    assert written is not None
    return written


class Dismissed(Exception):  # noqa: N818  # what the person did, not what went wrong
    """The person closed a question without an answer: the command ends with null and does nothing."""


async def choose_exercise(server: ColearnerServer, exercise_id: str | None, question: str) -> str | None:
    """The exercise that is meant: the one named, the only open one, or the one the person chooses.

    ``None`` leaves the choice to the use case, which says what to do where none is open, or several are and this client
    cannot ask. Raises :class:`Dismissed`.
    """
    snapshot = server.session.snapshot
    if exercise_id is not None or snapshot is None:
        return exercise_id
    unfinished = [each for each in snapshot.me.exercises if each.status in STUDENTS_TURN]
    if len(unfinished) < 2 or not server.client.show_message_request:
        return None
    return await choose(server, question, [(name_of(each), each.id) for each in unfinished])


async def choose(server: ColearnerServer, question: str, choices: Sequence[tuple[str, str]]) -> str:
    """The value of the (title, value) that the person chooses; equal titles are told apart by their ids.

    Raises :class:`Dismissed`.
    """
    titles: dict[str, str] = {}
    for title, value in choices[:MOST_CHOICES]:
        titles[f"{title} ({value[-8:]})" if title in titles else title] = value
    answer = await server.ask(question, list(titles))
    if answer is None:
        raise Dismissed
    return titles[answer]


def missing(what: str, how: str) -> BadInput:
    """The error for an argument that is missing and cannot be asked for."""
    return BadInput(f"{what} is missing.", how)
