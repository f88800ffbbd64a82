"""When events left a journal because their signature did not count any more: for those who keep a fold over them.

A module of its own, since every start looks, and needs nothing else of keys.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from colearner_ls.journal.rows import json_value

TRUST_KIND: Final = "trust"
"""Kind of the local record, one for each session that ever had a pinned key (see ``trust_record``)."""


def epoch_of(db: sqlite3.Connection, session_id: str) -> int:
    """How often events left the journal's view of a session: a fold over it starts anew when this grows."""
    value = value_of(db, session_id)
    return 0 if value is None else int(value.get("epoch", 0))


def left_row(db: sqlite3.Connection, session_id: str) -> int:
    """The newest row when an event left last; -1 where none ever did. A fold made up to that row may still hold it."""
    value = value_of(db, session_id)
    return -1 if value is None or not value.get("epoch") else int(value["left_row"])


def value_of(db: sqlite3.Connection, session_id: str) -> Any:
    """The record of a session as JSON, ``None`` where there is none."""
    query = "SELECT value FROM local WHERE kind = ? AND key = ?"
    found = db.execute(query, (TRUST_KIND, session_id)).fetchone()
    return None if found is None else json_value(found[0])
