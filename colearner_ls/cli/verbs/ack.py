"""``colearner ack``."""

from __future__ import annotations

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.plain import plain
from colearner_ls.workspace.requests import Acknowledge


@verb("ack")
@click.argument("id")
@click.option("--status", metavar="S", help="What you say to it; the default is the plainest yes.")
@click.option("--note", metavar="T", help="A remark.")
@click.pass_obj
def command(said: Said, id: str, status: str | None, note: str | None) -> None:
    """Acknowledge what ID names.

    An exercise (status received, accepted, declined or completed), feedback (read, addressed) or a hint as a student; a
    submission as a coach.
    """
    write(said, lambda _workspace: Acknowledge(id, status, note), lambda _written: f"{plain(id)} acknowledged")
