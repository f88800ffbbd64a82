"""``colearner submit``."""

from __future__ import annotations

from dataclasses import replace

import click

from colearner_ls.cli.arguments import number_from, text_or_file
from colearner_ls.cli.commands import verb
from colearner_ls.cli.consent import agree
from colearner_ls.cli.delivering import done, report
from colearner_ls.cli.folder import paths_of, workspace_of
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import count, short
from colearner_ls.workspace.requests import Submit


@verb("submit")
@click.argument("exercise", required=False)
@click.option("--response", metavar="TEXT|@FILE|-", default="", help="Your answer in words.")
@click.option("--evidence", metavar="PATH[:LINE-LINE]", multiple=True, help="A file, or lines of it; again for more.")
@click.option("--confidence", metavar="X", callback=number_from(0), help="How sure you are, 0 to 1.")
@click.pass_obj
def command(
    said: Said, exercise: str | None, response: str, evidence: tuple[str, ...], confidence: float | None
) -> None:
    """Submit EXERCISE; it may be left out while only one is open.

    The files it is anchored in go along as snapshots of the lines around. What would leave is shown first.
    """
    words = text_or_file(response, "--response", said.start, stdin=True)
    with workspace_of(said) as workspace:
        paths = paths_of(workspace, said)
        places = tuple(paths.place(place, "--evidence") for place in evidence)
        request = Submit(exercise, words, places, confidence)
        agree(workspace, said, request)
        written = done(workspace, replace(request, confirmed=True))
        snapshots = f" with {count(len(written.evidence), 'snapshot')}" if written.evidence else ""
        report(workspace, said, written, f"Exercise {short(written.exercise_id or '')} submitted{snapshots}")
