"""``colearner evidence``."""

from __future__ import annotations

from dataclasses import replace

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.consent import agree
from colearner_ls.cli.delivering import done, report
from colearner_ls.cli.folder import paths_of, workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import ShareEvidence


@verb("evidence")
@click.argument("place", metavar="PATH[:LINE-LINE]")
@click.option("--exercise", metavar="ID", help="The exercise it belongs to (default: the one that is open).")
@click.option("--note", metavar="T", help="A remark.")
@click.option("--request", metavar="ID", help="The request it answers.")
@click.pass_obj
def command(said: Said, place: str, exercise: str | None, note: str | None, request: str | None) -> None:
    """Share a snapshot of a file or of lines of it. What would leave is shown first."""
    with workspace_of(said) as workspace:
        where = paths_of(workspace, said).place(place, "evidence")
        share = ShareEvidence(where, exercise, note, request)
        agree(workspace, said, share)
        written = done(workspace, replace(share, confirmed=True))
        report(workspace, said, written, f"Evidence {short(written.event_id)}")
