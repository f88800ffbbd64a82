"""The contract in the forms that others read: JSON Schema, AsyncAPI 3.0 and a page for people, all from the models.

``python -m colearner_ls.contracts.schema json|asyncapi|events`` writes one of them to stdout.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from colearner_ls.contracts.asyncapi_document import asyncapi
from colearner_ls.contracts.events_document import events_markdown
from colearner_ls.contracts.json_definitions import json_schema

__all__ = ["asyncapi", "events_markdown", "json_schema", "main"]


def main(arguments: Sequence[str]) -> int:
    """Write the form that is asked for to stdout; returns the exit code (2 where none of the three was named)."""
    match list(arguments):
        case ["json"]:
            text = json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"
        case ["asyncapi"]:
            text = json.dumps(asyncapi(), ensure_ascii=False, indent=2) + "\n"
        case ["events"]:
            text = events_markdown()
        case _:
            sys.stderr.write("Say which: json, asyncapi or events.\n")
            return 2
    sys.stdout.buffer.write(text.encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
