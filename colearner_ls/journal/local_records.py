"""Local records: what this machine knows and tells nobody, one JSON value for each (kind, key)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from colearner_ls.journal.database import Database
from colearner_ls.journal.records import LocalRecord
from colearner_ls.journal.rows import now_us


class LocalRecords:
    """Put, get and list local records. Every put is durable: these are things a person said or agreed to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, kind: str, key: str, value: Any, *, session: str | None = None) -> None:
        """Store ``value`` (any JSON value) as (``kind``, ``key``), in place of what stood there."""
        record = LocalRecord(kind, key, value, session)
        self._database.write(lambda db: put(db, record, now_us()), durable=True)

    def get(self, kind: str, key: str) -> LocalRecord | None:
        """The record of that kind and key, or ``None``."""
        query = "SELECT kind, key, value, session, at FROM local WHERE kind = ? AND key = ?"
        row = self._database.read(lambda db: db.execute(query, (kind, key)).fetchone())
        return None if row is None else _record(row)

    def list(self, kind: str, *, session: str | None = None) -> tuple[LocalRecord, ...]:
        """All records of that kind, oldest first; with ``session`` only those of that session."""
        query = """SELECT kind, key, value, session, at FROM local
            WHERE kind = ?1 AND (?2 IS NULL OR session = ?2) ORDER BY at, key"""
        rows = self._database.read(lambda db: db.execute(query, (kind, session)).fetchall())
        return tuple(_record(row) for row in rows)

    def delete(self, kind: str, key: str) -> bool:
        """Forget the record; tell whether there was one."""
        query = "DELETE FROM local WHERE kind = ? AND key = ?"
        return self._database.write(lambda db: db.execute(query, (kind, key)).rowcount, durable=True) > 0


def put(db: sqlite3.Connection, record: LocalRecord, at: int) -> None:
    """Store one record inside a running write transaction."""
    db.execute(
        """INSERT INTO local(kind, key, session, value, at) VALUES(?,?,?,?,?)
        ON CONFLICT(kind, key) DO UPDATE SET session = excluded.session, value = excluded.value, at = excluded.at""",
        (record.kind, record.key, record.session, json.dumps(record.value), at),
    )


def put_all(db: sqlite3.Connection, records: Iterable[LocalRecord], at: int) -> None:
    """Store records inside a running write transaction, a µs apart so that they keep their order."""
    for place, record in enumerate(records):
        put(db, record, at + place)


def claim(db: sqlite3.Connection, key: str, at: int) -> bool:
    """Claim a ``done`` key inside a running write transaction; false when someone has it."""
    return db.execute("INSERT INTO done(key, at) VALUES(?,?) ON CONFLICT DO NOTHING", (key, at)).rowcount > 0


def _record(row: tuple[Any, ...]) -> LocalRecord:
    kind, key, value, session, at = row
    return LocalRecord(kind, key, json.loads(value), session, at)
