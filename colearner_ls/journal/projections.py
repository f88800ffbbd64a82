"""What is known of the files that are written from the journal: by it a stranger's hand in them is seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from colearner_ls.journal.database import Database
from colearner_ls.journal.rows import json_value

FILES_LOCK: Final = "files.lock"
"""Beside the journal: whoever rewrites the files holds it, so that the journal's own lock stays free meanwhile."""


LIFECYCLE_NOTE: Final = "lifecycle"
"""Name of the note about ``lifecycle.jsonl``: the last row it has, and inode, size and change time (ns) of the file."""


def is_as_noted(database: Database, name: str, path: Path) -> bool:
    """Whether the file is missing, or the very one that was noted when it was last written."""
    try:
        there = path.lstat()
    except OSError:
        return True
    note = get_note(database, name)
    return note is not None and note["file"] == [there.st_ino, there.st_size, there.st_mtime_ns]


def get_note(database: Database, name: str) -> Mapping[str, Any] | None:
    """The note of that file, or ``None``."""
    query = "SELECT value FROM projection WHERE name = ?"
    found = database.read(lambda db: db.execute(query, (name,)).fetchone())
    return None if found is None else json_value(found[0])


def put_note(database: Database, name: str, value: Mapping[str, Any]) -> None:
    """Remember what was written; losing it in a power cut only costs a comparison."""
    query = "INSERT INTO projection(name, value) VALUES(?,?) ON CONFLICT(name) DO UPDATE SET value = excluded.value"
    database.write(lambda db: db.execute(query, (name, json.dumps(value))), durable=False, quiet=True)
