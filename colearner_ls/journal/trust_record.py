"""What a journal knows of whose word counts in a session: the keys that its events were judged by.

It stands in the journal as a local record, so that a reader needs neither the user data folder nor any cryptography, and
so that what was judged and what it was judged by change together.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict, field, replace

from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal import local_records
from colearner_ls.journal.faults import UnsoundRow
from colearner_ls.journal.key_line import Change, KeyLine
from colearner_ls.journal.pins import pin_of
from colearner_ls.journal.records import LocalRecord
from colearner_ls.journal.trust_left import TRUST_KIND, value_of


@frozen
class TrustRecord:
    """By which keys the events of a session were judged. ``stamp``: by which journal and which version of colearner;
    under another one it is done again.

    ``epoch`` grows when an event leaves the journal because its signature does not count any more; ``left_row`` is the
    newest row at that time. ``numbers``: the greatest own number that left, by writer; it is not given out again.
    """

    stamp: str
    line: KeyLine
    epoch: int = 0
    left_row: int = 0
    numbers: Mapping[str, int] = field(default_factory=dict)

    @property
    def keys(self) -> KeyLine | None:
        """The keys that count, ``None`` in a session without pins."""
        return self.line if self.line.pins else None


def load(db: sqlite3.Connection, session_id: str) -> TrustRecord | None:
    """The record of a session; ``None`` where no key was ever pinned. Raises :class:`UnsoundRow`."""
    value = value_of(db, session_id)
    if value is None:
        return None
    try:
        line = KeyLine([pin_of(each) for each in value["pins"]], [Change.load(each) for each in value["changes"]])
        return TrustRecord(value["stamp"], line, value["epoch"], value["left_row"], dict(value["numbers"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UnsoundRow("the record of pinned keys is unreadable") from error


def save(db: sqlite3.Connection, session_id: str, record: TrustRecord, now_us: int) -> None:
    """Store the record inside a running write transaction."""
    value = {
        "stamp": record.stamp,
        "pins": [asdict(pin) for pin in record.line.pins],
        "changes": [change.dumped() for change in record.line.changes],
        "epoch": record.epoch,
        "left_row": record.left_row,
        "numbers": dict(record.numbers),
    }
    local_records.put(db, LocalRecord(TRUST_KIND, session_id, value, session_id), now_us)


def left(record: TrustRecord, db: sqlite3.Connection, numbers: Mapping[str, int]) -> TrustRecord:
    """The record after events left just now; ``numbers`` are the own ones among them, by writer."""
    (row,) = db.execute("SELECT coalesce(max(row), 0) FROM event").fetchone()
    merged = {
        writer: max(record.numbers.get(writer, 0), numbers.get(writer, 0))
        for writer in record.numbers.keys() | numbers.keys()
    }
    return replace(record, epoch=record.epoch + 1, left_row=row, numbers=merged)
