"""``colearner stage``."""

from __future__ import annotations

import click

from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.workspace.requests import MoveStage

_STAGES = ("init", "plan", "practice", "review", "done", "note", "insight")


@verb("stage")
@click.argument("stage", type=click.Choice(_STAGES))
@click.option("--note", metavar="T", help="A remark.")
@click.pass_obj
def command(said: Said, stage: str, note: str | None) -> None:
    """Move the session to STAGE, or write a remark with “note” or “insight”.

    Work moves the stage by itself; this is for what it does not see.
    """
    words = "Remark" if stage in ("note", "insight") else f"Stage {stage}"
    write(said, lambda _workspace: MoveStage(stage, note), lambda _written: words)
