"""``colearner join``."""

from __future__ import annotations

import os

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import report
from colearner_ls.cli.folder import settings_of
from colearner_ls.cli.news import fetch
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.keys import joined_lines, joined_view
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import JoinSession


@verb("join")
@click.argument("invite", nargs=-1, required=True)
@click.option("--student", metavar="ID", help="Your id in the session, instead of the invite's; of a coach: whose.")
@click.pass_obj
def command(said: Said, invite: tuple[str, ...], student: str | None) -> None:
    """Set this folder up for the session of INVITE, a colearner://join?… link or its base64 text; - reads it from stdin.

    What a mail program did to it does no harm: line breaks, text around it, a link that was encoded once more.

    The coach's key that it names is pinned on this machine, and you get one of your own. With “colearner coach join” you
    become one more coach: a coach of the session then adds your key.
    """
    request = JoinSession(_stdin() if invite == ("-",) else " ".join(invite))
    if said.role == "coach":
        _join_as_coach(said, request, student)
        return
    from colearner_ls.workspace.setting_up import set_up

    workspace, written = set_up(settings_of(said, student), request, os.environ)
    try:
        session, me = short(written.session_id), short(workspace.student_id or "")
        report(workspace, said, written, f"You joined session {session} in {workspace.root} as student {me}", why=True)
    finally:
        workspace.close()


def _stdin() -> str:
    from colearner_ls.cli.arguments import read_stdin

    return read_stdin().decode("utf-8", "replace")


def _join_as_coach(said: Said, request: JoinSession, student: str | None) -> None:
    from colearner_ls.workspace.setting_up import join_as_coach

    workspace, joined = join_as_coach(settings_of(said, student), request, os.environ)
    try:
        fetch(workspace, said)  # the key may have been added already
        counts = any(each.kid == joined.kid for each in workspace.trust().keys)
        verified = workspace.trust().verified
        if said.json:
            output.document(joined_view(joined, counts=counts or not verified))
        else:
            output.lines(joined_lines(joined, workspace.root, counts=counts, verified=verified))
    finally:
        workspace.close()
