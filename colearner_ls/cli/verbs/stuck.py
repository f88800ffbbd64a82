"""``colearner stuck``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.folder import paths_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import ReportStuck

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace


@verb("stuck")
@click.argument("text")
@click.option("--at", "place", metavar="PATH:LINE[-LINE]", help="Where; those lines go along.")
@click.option("--exercise", metavar="ID", help="The exercise (default: the one that is open).")
@click.pass_obj
def command(said: Said, text: str, place: str | None, exercise: str | None) -> None:
    """Say that you are stuck; your words go to the coach, and the lines you point at."""

    def make(workspace: Workspace) -> ReportStuck:
        at = paths_of(workspace, said).place(place, "--at", lines=True) if place is not None else None
        return ReportStuck(text, exercise, at)

    write(said, make, lambda written: f"Stuck report {short(written.event_id)}")
