"""``colearner plan``."""

from __future__ import annotations

from pathlib import Path

import click

from colearner_ls.cli.arguments import read_file, read_stdin
from colearner_ls.cli.commands import verb
from colearner_ls.cli.delivering import write
from colearner_ls.cli.options import Said
from colearner_ls.cli.plan_file import parse_plan
from colearner_ls.cli.render.words import count


@verb("plan")
@click.argument("file", metavar="FILE|-")
@click.pass_obj
def command(said: Said, file: str) -> None:
    """Set the learning plan from FILE, or from stdin with “-”.

    JSON: {"goals": ["…"], "plan": [{"id": "s1", "topic": "…", "status": "todo"}]}, or just the list of steps.
    Markdown: every list item is a step, “- [x]” a done one; items under a heading “Goals” are goals. An item may
    begin with its id in backticks; else the id comes from its words. Steps that were done stay done.
    """
    data = read_stdin() if file == "-" else read_file(said.start / Path(file).expanduser(), file, "plan")
    request = parse_plan(data, "stdin" if file == "-" else file)
    write(said, lambda _workspace: request, lambda _written: f"Plan of {count(len(request.steps), 'step')}")
