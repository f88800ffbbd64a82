"""``colearner inbox``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.news import fetch, now_us
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.inbox import inbox_lines
from colearner_ls.cli.render.views import inbox_view
from colearner_ls.domain.inbox import waiting_for_coach, waiting_for_student


@verb("inbox")
@click.pass_obj
def command(said: Said) -> None:
    """Show what waits for you, after fetching what is new.

    For a student: requests, feedback, hints, exercises. For a coach: who is stuck, then what is to be assessed, then
    evidence; the longest waiting first.
    """
    with workspace_of(said) as workspace:
        fetch(workspace, said)
        snapshot = workspace.snapshot()
    coach = snapshot.role == "coach"
    items = waiting_for_coach(snapshot.session) if coach else waiting_for_student(snapshot.me)
    if said.json:
        output.document(inbox_view(snapshot.session_id, items))
    else:
        several = coach and len(snapshot.session.learners) > 1
        output.lines(inbox_lines(items, now_us(), output.style(), several=several))
