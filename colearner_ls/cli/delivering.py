"""After a verb has written: wait for delivery, and say how far it got."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from colearner_ls.cli import output
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.views import written_view
from colearner_ls.cli.render.words import delivery_words

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.requests import UseCase
    from colearner_ls.workspace.results import Written
    from colearner_ls.workspace.syncing import SyncOutcome

Make = Callable[["Workspace"], "UseCase"]
"""Makes the request; it is given the workspace because paths and ids are relative to it."""


def write(said: Said, make: Make, words: Callable[[Written], str]) -> None:
    """Do what ``make`` asks for, then deliver and report it in ``words``."""
    with workspace_of(said) as workspace:
        written = done(workspace, make(workspace))
        report(workspace, said, written, words(written))


def done(workspace: Workspace, request: UseCase) -> Written:
    """Carry out what a person asked for."""
    written = workspace.do(request)
    if written is None:  # only what programs do by themselves can have been done already
        raise AssertionError(f"{type(request).__name__} was not carried out")
    return written


def report(workspace: Workspace, said: Said, written: Written, words: str, *, why: bool = False) -> None:
    """Wait for delivery at most as long as was said, and print what came of it; with ``why`` also what is in the way."""
    delivery, waiting, trouble = deliver(workspace, said, written)
    if why and delivery == "kept" and trouble is not None:
        tell_trouble(trouble)
    if (elsewhere := workspace.other_bus) is not None:
        output.message(elsewhere.message)
        output.message("Name that bus again, or say colearner sync --rebind if it moved.")
    if said.json:
        output.document(written_view(written, delivery, waiting))
    else:
        output.lines([f"{words}: {delivery_words(delivery, waiting)}."])


def tell_trouble(outcome: SyncOutcome) -> None:
    """Say on stderr why the bus is not reached, in the words of whoever found out."""
    text = outcome.error or ""
    output.message(text[:1].upper() + text[1:])
    if outcome.hint:
        output.message(outcome.hint)


def deliver(workspace: Workspace, said: Said, written: Written) -> tuple[str, int, SyncOutcome | None]:
    """How far the event got after waiting: the delivery, how many own events still wait, and what was in the way."""
    trouble = None
    if said.wait > 0:
        from colearner_ls.workspace.syncing import sync_once

        outcome = sync_once(workspace, wait=said.wait, fetch=False)
        trouble = outcome if outcome.error else None
    return workspace.delivery(written.event_id), workspace.snapshot().sync.waiting, trouble
