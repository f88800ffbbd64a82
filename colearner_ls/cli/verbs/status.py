"""``colearner status``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import LookCommand, verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said


@verb("status", cls=LookCommand)
@click.option("--fetch", "fetch_first", is_flag=True, help="Read what is new on the bus first.")
@click.pass_obj
def command(said: Said, fetch_first: bool) -> None:
    """Show session, plan, exercises, confidence and delivery, as far as this folder knows them."""
    with workspace_of(said) as workspace:
        if fetch_first:
            from colearner_ls.cli.news import fetch

            fetch(workspace, said)
        snapshot = workspace.snapshot()
    if said.json:
        from colearner_ls.cli.render.views import status_view

        output.document(status_view(snapshot))
    else:
        from colearner_ls.cli.news import now_us
        from colearner_ls.cli.render.status import status_lines

        output.lines(status_lines(snapshot, now_us(), output.style()))
