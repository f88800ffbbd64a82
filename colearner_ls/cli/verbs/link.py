"""``colearner link``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import done
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.views import linked_view
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import Link


@verb("link")
@click.argument("target", metavar="SUBMISSION|FEEDBACK")
@click.argument("exercise")
@click.pass_obj
def command(said: Said, target: str, exercise: str) -> None:
    """Settle by hand that a submission or feedback belongs to EXERCISE. Kept in this folder, never sent."""
    with workspace_of(said) as workspace:
        written = done(workspace, Link(target, exercise))
    if said.json:
        output.document(linked_view(written))
    else:
        what, whose = short(written.event_id), short(written.exercise_id or "")
        output.lines([f"{what} now belongs to exercise {whose}; noted in this folder only."])
