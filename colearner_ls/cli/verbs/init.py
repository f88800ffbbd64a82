"""``colearner init``."""

from __future__ import annotations

import os
from dataclasses import replace

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import report
from colearner_ls.cli.folder import settings_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.sessions import invite_lines
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.invite import parse_invite
from colearner_ls.workspace.requests import InitSession


@verb("init")
@click.option("--student", metavar="ID", help="The student's id, if it is known already.")
@click.option("--coach", metavar="ID", help="The coach's id (default for a coach: the author).")
@click.option("--title", metavar="T", help="What people call the session.")
@click.pass_obj
def command(said: Said, student: str | None, coach: str | None, title: str | None) -> None:
    """Set this folder up for a session.

    Without --session a new one is made. A coach is shown the invite for the student. Saying it again for the same
    session changes nothing that is there.
    """
    from colearner_ls.workspace.setting_up import set_up

    # --session names the session to make here, so it must not hide that the folder may belong to another one.
    settings = settings_of(replace(said, session=None), student)
    role = said.role or settings.role
    if role is None:
        raise click.UsageError("Who are you here? Say “colearner coach init” or “colearner student init”.")
    request = InitSession(role, said.session, student, coach, title)
    workspace, written = set_up(settings, request, os.environ)
    try:
        words = f"Session {short(written.session_id)} is set up in {workspace.root}, you are its {role}"
        report(workspace, said, written, words)
        if written.text and not said.json:
            embedded = workspace.snapshot().sync.embedded
            output.lines(["", *invite_lines(parse_invite(written.text), embedded=embedded)])
    finally:
        workspace.close()
