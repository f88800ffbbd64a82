"""What is known about a bus here, as small JSON values: last contact, last error, identity, counts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from colearner_ls.journal.database import Database
from colearner_ls.journal.rows import json_value

_EPOCH: Final = "epoch"
"""Grows whenever a bus is read again from the beginning: own events not seen since may be lost there."""


class BusValues:
    """Local values for each bus key. Not durable by itself: after a power cut they are learned again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, bus: str) -> Mapping[str, Any]:
        """All values of that bus; ``unfollowed`` and ``dropped`` (counts of records) are the journal's own."""
        query = "SELECT key, value FROM bus_value WHERE bus = ?"
        rows = self._database.read(lambda db: db.execute(query, (bus,)).fetchall())
        return {key: json_value(value) for key, value in rows}

    def put(self, bus: str, values: Mapping[str, Any]) -> None:
        """Set some values (any JSON value; ``None`` removes one). Nothing is written where nothing changed."""

        def work(db: sqlite3.Connection) -> None:
            for key, value in values.items():
                put(db, bus, key, value)

        known = self.get(bus)
        if any(known.get(key) != value for key, value in values.items()):
            self._database.write(work, durable=False)


def put(db: sqlite3.Connection, bus: str, key: str, value: Any) -> None:
    """Set one value inside a running write transaction."""
    if value is None:
        db.execute("DELETE FROM bus_value WHERE bus = ? AND key = ?", (bus, key))
        return
    query = """INSERT INTO bus_value(bus, key, value) VALUES(?,?,?)
        ON CONFLICT(bus, key) DO UPDATE SET value = excluded.value"""
    db.execute(query, (bus, key, json.dumps(value)))


def add_count(db: sqlite3.Connection, bus: str, key: str, number: int) -> None:
    """Add to a count inside a running write transaction."""
    if number:
        put(db, bus, key, int(_get(db, bus, key) or 0) + number)


def epoch_of(db: sqlite3.Connection, bus: str | None) -> int:
    """How often that bus was begun anew."""
    return 0 if bus is None else int(_get(db, bus, _EPOCH) or 0)


def next_epoch(db: sqlite3.Connection, bus: str) -> None:
    """That bus is read from the beginning again."""
    put(db, bus, _EPOCH, epoch_of(db, bus) + 1)


def _get(db: sqlite3.Connection, bus: str, key: str) -> Any:
    found = db.execute("SELECT value FROM bus_value WHERE bus = ? AND key = ?", (bus, key)).fetchone()
    return None if found is None else json_value(found[0])
