"""``colearner schema``."""

from __future__ import annotations

import click

from colearner_ls.cli import output
from colearner_ls.cli.commands import verb
from colearner_ls.cli.options import Said


@verb("schema")
@click.argument("kind", metavar="json|asyncapi", type=click.Choice(["json", "asyncapi"]))
@click.pass_obj
def command(said: Said, kind: str) -> None:
    """Print the JSON Schema of all events and --json outputs, or the AsyncAPI document of the topics."""
    from colearner_ls.contracts.schema import asyncapi, json_schema

    document = json_schema() if kind == "json" else asyncapi()
    output.document(document, indent=None if said.json else 2)
