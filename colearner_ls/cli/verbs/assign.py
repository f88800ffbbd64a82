"""``colearner assign``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from colearner_ls.cli.arguments import due_time, text_or_file
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.folder import paths_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import short
from colearner_ls.contracts.errors import BadInput
from colearner_ls.workspace.requests import Assign

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace

MAX_NAME: Final = 200
"""Characters of the name of an exercise, as of a session (contracts.md)."""
_PART_OF_UUID: Final = re.compile(r"[0-9a-f-]{4,36}")


@verb("assign")
@click.option("--topic", metavar="T", required=True, help="What it is about; confidence is kept by topic.")
@click.option("--exercise", metavar="TEXT|@FILE", required=True, help="The task (@@ for a text that begins with @).")
@click.option("--expected", metavar="T", help="What a good answer has.")
@click.option("--test", "tests", metavar="CMD", multiple=True, help="A command that shows it is done; again for more.")
@click.option("--at", "places", metavar="PATH:LINE[-LINE]", multiple=True, help="A place it is about; again for more.")
@click.option("--hint", "hints", metavar="T", multiple=True, help="A hint, the gentlest first; again for more.")
@click.option("--step", metavar="ID", help="The step of the plan it belongs to.")
@click.option("--title", metavar="T", help="A short name.")
@click.option("--due", metavar="TIME", help="When it should be done: a date, or a time with its zone (RFC 3339).")
@click.option("--id", "exercise_id", metavar="ID", help="Its name; with that of a known exercise, revise that one.")
@click.pass_obj
def command(
    said: Said,
    topic: str,
    exercise: str,
    expected: str | None,
    tests: tuple[str, ...],
    places: tuple[str, ...],
    hints: tuple[str, ...],
    step: str | None,
    title: str | None,
    due: str | None,
    exercise_id: str | None,
) -> None:
    """Assign an exercise.

    Places are quoted, not only numbered, so they are found again after edits.
    """

    def make(workspace: Workspace) -> Assign:
        paths = paths_of(workspace, said)
        return Assign(
            topic=topic,
            exercise=text_or_file(exercise, "--exercise", said.start),
            expected=expected,
            tests=tests,
            places=tuple(paths.place(place, "--at", lines=True) for place in places),
            hints=hints,
            step_id=step,
            title=title,
            due=due_time(due) if due is not None else None,
            exercise_id=_known_or_new(workspace, exercise_id) if exercise_id is not None else None,
        )

    write(said, make, lambda written: f"Exercise {short(written.exercise_id or written.event_id)} assigned")


def _known_or_new(workspace: Workspace, given: str) -> str:
    """A name is taken as it stands; what can only be a piece of a UUID means the exercise it is a piece of.

    Pieces of chosen names do not count: ``ex-1`` must not mean ``ex-10``.
    """
    if len(given) > MAX_NAME or not given.isprintable() or not given.strip():
        raise BadInput("--id: that is no name for an exercise.", f"Give 1 to {MAX_NAME} printable characters, or none.")
    known = [exercise.id for exercise in workspace.snapshot().me.exercises]
    if given in known or not _PART_OF_UUID.fullmatch(given):
        return given
    whole = [each for each in known if len(each) == 36 and (each.startswith(given) or each.endswith(given))]
    return workspace.find_exercise(given).id if whole else given
