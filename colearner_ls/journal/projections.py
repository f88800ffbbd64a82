"""What is known of the files that are written from the journal: by it a stranger's hand in them is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from colearner_ls.journal.database import Database
from colearner_ls.journal.rows import json_value

FILES_LOCK: Final = "files.lock"
"""Beside the journal: whoever rewrites the files holds it, so that the journal's own lock stays free meanwhile."""


def get_note(database: Database, name: str) -> Mapping[str, Any] | None:
    """The note of that file, or ``None``."""
    query = "SELECT value FROM projection WHERE name = ?"
    found = database.read(lambda db: db.execute(query, (name,)).fetchone())
    return None if found is None else json_value(found[0])


def put_note(database: Database, name: str, value: Mapping[str, Any]) -> None:
    """Remember what was written; losing it in a power cut only costs a comparison."""
    query = "INSERT INTO projection(name, value) VALUES(?,?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
    database.write(lambda db: db.execute(query, (name, json.dumps(value))), durable=False, quiet=True)
