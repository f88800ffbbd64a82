"""``colearner history``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.news import Show, fetch, follow, tell_age
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.history import Known, event_lines, event_view

if TYPE_CHECKING:
    from colearner_ls.journal.records import Stored
    from colearner_ls.workspace.door import Workspace


@verb("history")
@click.option("--type", "types", metavar="T", multiple=True, help="Only events of this type; again for more.")
@click.option("--follow", "follow_on", is_flag=True, help="Then follow what arrives, until interrupted.")
@click.option("--fetch", "fetch_first", is_flag=True, help="Read what is new on the bus first.")
@click.pass_obj
def command(said: Said, types: tuple[str, ...], follow_on: bool, fetch_first: bool) -> None:
    """Show every event of the session, in the order of the session."""
    check_types(types)
    with workspace_of(said) as workspace:
        if fetch_first:
            fetch(workspace, said)
        last_row = workspace.journal.last_row()
        show = shows(workspace, said, types)
        show([stored for stored in workspace.history() if stored.row <= last_row])
        if follow_on:
            follow(workspace, said, after_row=last_row, show=show)
        elif not said.json:
            tell_age(workspace.snapshot().sync)


def check_types(types: Sequence[str]) -> None:
    """Raise :class:`BadInput` for a type that no event can have here: a misspelt one would show nothing."""
    from colearner_ls.contracts.catalogue import row_of

    for each in types:
        if "." not in each:  # hub events have dotted names, which the catalogue of coach and student does not hold
            row_of(each)


def shows(workspace: Workspace, said: Said, types: Sequence[str]) -> Show:
    """Prints events: one JSON document a line, or a table."""

    def show(events: Sequence[Stored]) -> None:
        chosen = [stored for stored in events if not types or stored.event.event_type in types]
        snapshot = workspace.snapshot()
        known = Known(snapshot.session, snapshot.me, embedded=snapshot.sync.embedded)
        if said.json:
            for stored in chosen:
                output.document(event_view(stored, known))
        else:
            output.lines(event_lines(chosen, known, output.style()))
        output.flush()

    return show
