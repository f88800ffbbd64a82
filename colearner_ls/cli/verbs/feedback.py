"""``colearner feedback``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from colearner_ls.cli.arguments import number_from
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.folder import paths_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.workspace.requests import GiveFeedback

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace


@verb("feedback")
@click.argument("exercise")
@click.option("--grade", type=click.Choice(["pass", "revise"]), required=True, help="The verdict.")
@click.option("--mistake", "mistakes", metavar="[PATH:LINE:] TEXT", multiple=True, help="What is wrong, and where.")
@click.option("--next-step", metavar="T", help="What to do now.")
@click.option(
    "--confidence-delta", metavar="X", callback=number_from(-1), help="Moves the confidence in the topic, -1 to 1."
)
@click.option("--topic", metavar="T", help="The topic, if not the exercise's.")
@click.pass_obj
def command(
    said: Said,
    exercise: str,
    grade: str,
    mistakes: tuple[str, ...],
    next_step: str | None,
    confidence_delta: float | None,
    topic: str | None,
) -> None:
    """Assess the newest submission of EXERCISE."""

    def make(workspace: Workspace) -> GiveFeedback:
        paths = paths_of(workspace, said)
        return GiveFeedback(
            exercise_id=exercise,
            grade=grade,
            mistakes=tuple(paths.mistake(mistake) for mistake in mistakes),
            next_step=next_step,
            confidence_delta=confidence_delta,
            topic=topic,
        )

    write(said, make, lambda written: f"Feedback on exercise {short(written.exercise_id or '')} ({grade})")
