"""``colearner sync``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.views import synced_view
from colearner_ls.cli.render.words import count
from colearner_ls.contracts.errors import BadInput, BusUnreachable


@verb("sync")
@click.option(
    "--rebind", is_flag=True, help="The session moved to the bus that is set here: send all of it there again."
)
@click.option(
    "--retry-refused",
    is_flag=True,
    help="Try once more what the bus refused for good, as its limits may be others now.",
)
@click.pass_obj
def command(said: Said, rebind: bool, retry_refused: bool) -> None:
    """Send and fetch until nothing is left or --wait is over. Exit code 6 where the bus cannot be reached."""
    if said.wait <= 0:
        raise click.UsageError("sync talks to the bus, so neither --offline nor --no-wait goes with it.")
    from colearner_ls.workspace.syncing import sync_once

    if rebind:
        _rebind(said)
    with workspace_of(said) as workspace:
        if retry_refused:
            again = workspace.journal.outbox.retry_refused()
            output.message(f"{count(again, 'event')} that had been refused will be sent once more.")
        last_row, before = workspace.journal.last_row(), workspace.snapshot().sync.waiting
        outcome = sync_once(workspace, wait=said.wait, fetch=True)
        if (elsewhere := workspace.other_bus) is not None:
            raise BadInput(elsewhere.message, "Name that bus again, or say colearner sync --rebind if it moved.")
        sync = workspace.snapshot().sync
        received = sum(
            stored.delivery is None for stored in workspace.journal.events(workspace.session_id, after_row=last_row)
        )
    sent = max(before - sync.waiting, 0)
    if said.json:
        output.document(synced_view(sent, received, sync))
    else:
        left = f"; {count(sync.waiting, 'event')} still waiting" if sync.waiting else ""
        output.lines([f"{sent} sent, {received} received{left}."])
    if outcome.error is not None:
        raise BusUnreachable(outcome.error, "Nothing is lost: events wait here. colearner doctor says more.")
    if not outcome.fetched:
        output.message(f"Not everything was read within {said.wait:g} s; give it more with --wait.")


def _rebind(said: Said) -> None:
    with workspace_of(said) as workspace:
        again = workspace.journal.rebind(workspace.session_id, workspace.settings.bus.key)
        bus = workspace.settings.bus.redacted
    output.message(f"The session is bound to {bus}; {count(again, 'event')} of yours to be sent there again.")
