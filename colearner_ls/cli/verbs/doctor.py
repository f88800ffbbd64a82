"""``colearner doctor``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.folder import settings_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.doctor import doctor_lines
from colearner_ls.cli.render.views import doctor_view
from colearner_ls.contracts.errors import BusUnreachable


@verb("doctor")
@click.pass_obj
def command(said: Said) -> None:
    """Show where each setting comes from, and what is wrong with journal, bus, events and clock.

    Asks the bus for at most --wait; not with --offline. Exit code 6 where it cannot be reached.
    """
    from colearner_ls.workspace.doctor import diagnose

    diagnosis = diagnose(settings_of(said), check_bus=said.wait > 0, wait=said.wait)
    if said.json:
        output.document(doctor_view(diagnosis))
    else:
        output.lines(doctor_lines(diagnosis, output.style()))
    problem = next((each for each in diagnosis.findings if each.topic == "bus" and each.level == "error"), None)
    if problem is not None:
        raise BusUnreachable(problem.text, problem.hint)
