"""``colearner hint``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.folder import paths_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import GiveHint

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace


@verb("hint")
@click.argument("text")
@click.option("--exercise", metavar="ID", help="The exercise it helps with.")
@click.option("--stuck", metavar="ID", help="The stuck report it answers.")
@click.option("--at", "place", metavar="PATH:LINE[-LINE]", help="The place it is about.")
@click.pass_obj
def command(said: Said, text: str, exercise: str | None, stuck: str | None, place: str | None) -> None:
    """Give a hint."""

    def make(workspace: Workspace) -> GiveHint:
        at = paths_of(workspace, said).place(place, "--at", lines=True) if place is not None else None
        return GiveHint(text, exercise, stuck, at)

    write(said, make, lambda written: f"Hint {short(written.event_id)}")
