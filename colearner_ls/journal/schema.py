"""The layout of ``journal.db`` and how an older one is brought up to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from colearner_ls.journal.errors import JournalMalformed, JournalTooNew, NotAJournal

APPLICATION_ID: Final = 0x434C4A31
"""``CLJ1`` in the database header: tells our files from those of other programs (``PRAGMA application_id``)."""

PAGE_SIZE: Final = 4096

_V1: Final = (
    # One row for every journal this file has been: the newest is the one that writes (copied folder → one more row).
    """CREATE TABLE writer(
        n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, machine TEXT NOT NULL, inode INTEGER NOT NULL, mark TEXT NOT NULL,
        started INTEGER NOT NULL, cause TEXT NOT NULL)""",
    """CREATE TABLE session(id TEXT PRIMARY KEY, bus TEXT, since INTEGER NOT NULL) WITHOUT ROWID""",
    # AUTOINCREMENT: a row number is never given out twice, so a tail that asks for rows after its last misses none.
    """CREATE TABLE event(
        row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, session TEXT NOT NULL, hlc INTEGER NOT NULL,
        event_type TEXT NOT NULL, derived INTEGER NOT NULL, applied INTEGER NOT NULL, replaced INTEGER NOT NULL,
        writer TEXT, seq INTEGER, source TEXT NOT NULL, topic TEXT, partition INTEGER, "offset" INTEGER,
        content BLOB NOT NULL CHECK(length(content) = 32), raw BLOB NOT NULL)""",
    """CREATE INDEX event_order ON event(session, hlc, id)""",
    """CREATE INDEX event_writer ON event(session, writer, seq) WHERE writer IS NOT NULL""",
    """CREATE INDEX event_unapplied ON event(row) WHERE applied = 0""",
    """CREATE TABLE outbox(
        id TEXT PRIMARY KEY, row INTEGER NOT NULL, session TEXT NOT NULL, topic TEXT NOT NULL,
        state TEXT NOT NULL CHECK(state IN ('waiting', 'sending', 'sent', 'refused')),
        attempts INTEGER NOT NULL DEFAULT 0, partition INTEGER, "offset" INTEGER, epoch INTEGER NOT NULL DEFAULT 0,
        reason TEXT, at INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE INDEX outbox_unsent ON outbox(state, session, row) WHERE state <> 'sent'""",
    """CREATE INDEX outbox_session ON outbox(session, state)""",
    # batch 0 is the main reader, others are backfills.
    """CREATE TABLE cursor(
        bus TEXT NOT NULL, batch INTEGER NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL,
        next INTEGER NOT NULL, last_hash BLOB, until INTEGER,
        PRIMARY KEY(bus, batch, topic, partition)) WITHOUT ROWID""",
    """CREATE TABLE backfill(batch INTEGER PRIMARY KEY AUTOINCREMENT, bus TEXT NOT NULL, at INTEGER NOT NULL)""",
    """CREATE TABLE backfill_session(
        batch INTEGER NOT NULL REFERENCES backfill(batch) ON DELETE CASCADE, session TEXT NOT NULL,
        PRIMARY KEY(batch, session)) WITHOUT ROWID""",
    """CREATE TABLE quarantine(
        n INTEGER PRIMARY KEY AUTOINCREMENT, once TEXT NOT NULL UNIQUE, bus TEXT, topic TEXT, partition INTEGER,
        "offset" INTEGER, reason TEXT NOT NULL, detail TEXT NOT NULL, session TEXT, event_id TEXT,
        raw BLOB NOT NULL, at INTEGER NOT NULL)""",
    """CREATE TABLE local(
        kind TEXT NOT NULL, key TEXT NOT NULL, session TEXT, value TEXT NOT NULL, at INTEGER NOT NULL,
        PRIMARY KEY(kind, key)) WITHOUT ROWID""",
    """CREATE TABLE done(key TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE snapshot(
        session TEXT NOT NULL, hlc INTEGER NOT NULL, id TEXT NOT NULL, version TEXT NOT NULL, data BLOB NOT NULL,
        PRIMARY KEY(session, hlc, id))""",
    """CREATE TABLE bus_value(
        bus TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY(bus, key)) WITHOUT ROWID""",
    # What we last wrote to a file beside the journal, so that a peer's hand in it is seen.
    """CREATE TABLE projection(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID""",
)


def _to_v1(db: sqlite3.Connection) -> None:
    for statement in _V1:
        db.execute(statement)
    db.execute(f"PRAGMA application_id={APPLICATION_ID}")


MIGRATIONS: Final[tuple[Callable[[sqlite3.Connection], None], ...]] = (_to_v1,)
"""Entry *n* brings a journal from layout *n* to *n* + 1; each runs in the transaction that also counts it."""

VERSION: Final = len(MIGRATIONS)


def layout(db: sqlite3.Connection, path: Path) -> int:
    """The layout version of an open database, 0 for an empty one.

    Raises :class:`NotAJournal` for another program's database and :class:`JournalTooNew` for a newer layout.
    """
    (version,) = db.execute("PRAGMA user_version").fetchone()
    (application,) = db.execute("PRAGMA application_id").fetchone()
    tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    ours = {"event", "outbox", "writer"} <= tables
    if ours and (application != APPLICATION_ID or version < 1):
        raise JournalMalformed(path, "its header does not say what it is")
    if application != APPLICATION_ID:
        if application or version or tables:
            raise NotAJournal(f"{path} is a database of another program.", "Move it away; it was not touched.")
        return 0
    if version > VERSION:
        raise JournalTooNew(
            f"{path} was written by a newer colearner (layout {version}; this one knows {VERSION}).",
            "Update colearner in this environment.",
        )
    return int(version)


def migrate(db: sqlite3.Connection, path: Path) -> None:
    """Bring the database to the newest layout, one transaction a step. The caller holds the write lock."""
    for version in range(layout(db, path), VERSION):
        db.execute("BEGIN IMMEDIATE")
        try:
            MIGRATIONS[version](db)
            db.execute(f"PRAGMA user_version={version + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
