"""After an update: events that were kept out of the fold because their type or version was not known may count now."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from colearner_ls import __version__
from colearner_ls.journal.database import Database
from colearner_ls.journal.projections import get_note, put_note
from colearner_ls.journal.rows import drop_snapshots

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted

_NOTE: Final = "judged"


def rejudge(database: Database, version: str = __version__) -> int:
    """Judge such events again, once for each version of colearner; how many count now.

    Without any it costs one look. What a newer version finds wrong with them stays as it is: kept, out of the fold.
    """
    query = "SELECT id, raw FROM event WHERE applied = 0"
    if database.read(lambda db: db.execute("SELECT 1 FROM event WHERE applied = 0 LIMIT 1").fetchone()) is None:
        return 0
    if (get_note(database, _NOTE) or {}).get("version") == version:
        return 0
    from colearner_ls.contracts.judging import Accepted, judge

    verdicts = [judge(raw) for _, raw in database.read(lambda db: db.execute(query).fetchall())]
    counting = [verdict for verdict in verdicts if isinstance(verdict, Accepted) and verdict.applied]
    if counting:
        database.write(lambda db: _apply(db, counting), durable=False)
    put_note(database, _NOTE, {"version": version})
    return len(counting)


def _apply(db: sqlite3.Connection, counting: list[Accepted]) -> None:
    for accepted in counting:
        event = accepted.event
        query = "UPDATE event SET applied = 1 WHERE id = ? AND content = ?"
        if db.execute(query, (event.id, accepted.content)).rowcount:
            drop_snapshots(db, event.session_id, event.position)
