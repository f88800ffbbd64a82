"""``colearner quarantine``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import family
from colearner_ls.cli.folder import workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.quarantine import quarantine_lines, quarantine_view, record_lines, record_view
from colearner_ls.cli.render.words import short
from colearner_ls.contracts.errors import BadInput


@family("quarantine")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Records that were not accepted as events, kept byte for byte. Without a verb: list them."""
    if ctx.invoked_subcommand is None:
        _list(ctx.ensure_object(Said))


@command.command("list", short_help="List them (the default).")
@click.pass_obj
def _listing(said: Said) -> None:
    """List what is in quarantine, oldest first."""
    _list(said)


def _list(said: Said) -> None:
    with workspace_of(said) as workspace:
        records = workspace.journal.quarantine.list()
        uncounted = int(workspace.journal.bus_values.get(workspace.settings.bus.key).get("dropped", 0))
    if said.json:
        output.document(quarantine_view(records, uncounted))
    else:
        output.lines(quarantine_lines(records, uncounted, output.style()))


@command.command("show", short_help="Show one in full.")
@click.argument("number", metavar="N", type=int)
@click.pass_obj
def _show(said: Said, number: int) -> None:
    """Show record N: where it came from, why it was not accepted, and what it holds."""
    with workspace_of(said) as workspace:
        record = workspace.journal.quarantine.get(number)
    if record is None:
        raise _unknown(number)
    if said.json:
        output.document(record_view(record, text=True))
    else:
        output.lines(record_lines(record, output.style()))


@command.command("retry", short_help="Judge one again.")
@click.argument("number", metavar="N", type=int)
@click.pass_obj
def _retry(said: Said, number: int) -> None:
    """Judge record N again: a newer version of colearner may understand it."""
    with workspace_of(said) as workspace:
        result = workspace.journal.quarantine.retry(number)
    if result is None:
        raise _unknown(number)
    if result.reason is not None:
        raise BadInput(
            f"Record {number} stays in quarantine: {result.reason} ({result.detail}).",
            "colearner quarantine show tells where it came from; its sender can mend it.",
        )
    event_id = result.stored.event.id if result.stored else None
    if said.json:
        output.document({"number": number, "reason": "accepted", "event_id": event_id})
    elif event_id:
        output.lines([f"Record {number} is event {short(event_id)} now."])
    else:
        output.lines([f"Record {number} was there already as an event; the copy is gone."])


@command.command("drop", short_help="Delete one for good.")
@click.argument("number", metavar="N", type=int)
@click.pass_obj
def _drop(said: Said, number: int) -> None:
    """Delete record N for good."""
    with workspace_of(said) as workspace:
        if not workspace.journal.quarantine.drop(number):
            raise _unknown(number)
    if said.json:
        output.document({"number": number, "reason": "dropped"})
    else:
        output.lines([f"Record {number} is gone."])


def _unknown(number: int) -> BadInput:
    return BadInput(f"There is no record {number} in quarantine.", "colearner quarantine lists them.")
