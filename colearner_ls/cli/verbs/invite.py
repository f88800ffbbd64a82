"""``colearner invite``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.sessions import invite_lines, invite_view


@verb("invite")
@click.option("--student", metavar="ID", help="The student's id, in place of the folder's own.")
@click.option("--days", metavar="N", type=float, help="Good for so many days only (default: without an end).")
@click.pass_obj
def command(said: Said, student: str | None, days: float | None) -> None:
    """Print an invite to this session again, as a link and as text for channels that break links.

    It holds no secret: whoever has it still needs access to the bus.
    """
    from colearner_ls.workspace.keys import make_invite

    with workspace_of(said) as workspace:
        invite = make_invite(workspace, student=student, days=days)
        embedded = workspace.snapshot().sync.embedded
    if said.json:
        output.document(invite_view(invite))
    else:
        output.lines(invite_lines(invite, embedded=embedded))
