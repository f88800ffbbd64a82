"""``colearner resolve``."""

from __future__ import annotations

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.plain import plain
from colearner_ls.workspace.requests import ResolveStuck


@verb("resolve")
@click.argument("stuck")
@click.option("--note", metavar="T", help="What settled it.")
@click.pass_obj
def command(said: Said, stuck: str, note: str | None) -> None:
    """Settle the stuck report STUCK."""
    write(said, lambda _workspace: ResolveStuck(stuck, note), lambda _written: f"Stuck report {plain(stuck)} settled")
