"""``colearner close``."""

from __future__ import annotations

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import CloseSession


@verb("close")
@click.option("--note", metavar="T", help="A remark for the record.")
@click.pass_obj
def command(said: Said, note: str | None) -> None:
    """Close the session. What is said later still counts."""
    write(said, lambda _workspace: CloseSession(note), lambda written: f"Session {short(written.session_id)} closed")
