"""``colearner watch``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.news import follow
from colearner_ls.cli.options import Said
from colearner_ls.cli.verbs.history import check_types, shows


@verb("watch")
@click.option("--type", "types", metavar="T", multiple=True, help="Only events of this type; again for more.")
@click.pass_obj
def command(said: Said, types: tuple[str, ...]) -> None:
    """Follow what arrives from now on, and what this folder says itself, until interrupted."""
    check_types(types)
    with workspace_of(said) as workspace:
        output.message("Watching; Ctrl-C ends it.")
        follow(workspace, said, after_row=workspace.journal.last_row(), show=shows(workspace, said, types))
