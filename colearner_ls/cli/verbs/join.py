"""``colearner join``."""

from __future__ import annotations

import os

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import report
from colearner_ls.cli.folder import settings_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import JoinSession


@verb("join")
@click.argument("invite")
@click.option("--student", metavar="ID", help="Your id in the session, instead of the invite's.")
@click.pass_obj
def command(said: Said, invite: str, student: str | None) -> None:
    """Set this folder up for the session of INVITE, a colearner://join?… link or its base64 text."""
    from colearner_ls.workspace.setting_up import set_up

    if said.role == "coach":
        raise click.UsageError("Joining makes you the session's student; a coach uses “colearner coach init”.")
    workspace, written = set_up(settings_of(said, student), JoinSession(invite), os.environ)
    try:
        session, me = short(written.session_id), short(workspace.student_id or "")
        report(workspace, said, written, f"You joined session {session} in {workspace.root} as student {me}")
    finally:
        workspace.close()
