"""``colearner withdraw``."""

from __future__ import annotations

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import Withdraw


@verb("withdraw")
@click.argument("exercise")
@click.option("--reason", metavar="T", help="Why.")
@click.pass_obj
def command(said: Said, exercise: str, reason: str | None) -> None:
    """Take EXERCISE back."""
    request = Withdraw(exercise, reason)
    write(said, lambda _workspace: request, lambda written: f"Exercise {short(written.exercise_id or '')} withdrawn")
