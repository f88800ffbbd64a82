"""``colearner progress``."""

from __future__ import annotations

import click

from colearner_ls.cli.arguments import confidences
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.workspace.requests import ReportProgress


@verb("progress")
@click.option("--completed", metavar="STEP", multiple=True, help="A step that is done; again for more.")
@click.option("--confidence", metavar="TOPIC=X", multiple=True, help="How sure you feel in a topic, 0 to 1.")
@click.option("--active", metavar="STEP", help="The step you work on.")
@click.pass_obj
def command(said: Said, completed: tuple[str, ...], confidence: tuple[str, ...], active: str | None) -> None:
    """Say how far you are. At least one of the three is needed."""
    if not completed and not confidence and active is None:
        raise click.UsageError("Say --completed STEP, --confidence TOPIC=X or --active STEP.")
    request = ReportProgress(completed, confidences(confidence), active)
    write(said, lambda _workspace: request, lambda _written: "Progress")
