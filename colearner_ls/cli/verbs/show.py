"""``colearner show``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.news import fetch, tell_age
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.history import Known, event_view, exercise_lines, show_lines
from colearner_ls.contracts.errors import BadInput


@verb("show")
@click.argument("id")
@click.option("--fetch", "fetch_first", is_flag=True, help="Read what is new on the bus first.")
@click.pass_obj
def command(said: Said, id: str, fetch_first: bool) -> None:
    """Show one event or exercise in full. ID may be any unique beginning or end of 4 characters or more."""
    with workspace_of(said) as workspace:
        if fetch_first:
            fetch(workspace, said)
        found = workspace.find(id)
        snapshot = workspace.snapshot()
        known = Known(snapshot.session, snapshot.me, embedded=snapshot.sync.embedded)
        exercise = known.exercises.get(found)
        stored = workspace.journal.event(exercise.event_id if exercise else found)
    if stored is None:
        raise BadInput(
            f"“{id}” is known by name only: its event is not in this journal.", "colearner sync may bring it."
        )
    if said.json:
        view = event_view(stored, known)
        output.document({**view, "_status": exercise.status} if exercise else view)
        return
    if exercise:
        output.lines(exercise_lines(exercise, known.learner_of(exercise), output.style()))
    else:
        output.lines(show_lines(stored, known, output.style()))
    tell_age(snapshot.sync)
