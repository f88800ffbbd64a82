"""Whose word counts: what a journal is given to sign and to judge by, and what it shows of it (trust.md)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Final

from colearner_ls import __version__
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal import local_records, writers
from colearner_ls.journal.errors import LockTimeout
from colearner_ls.journal.records import Position
from colearner_ls.journal.rows import json_value

if TYPE_CHECKING:
    from colearner_ls.journal.key_line import KeyLine
    from colearner_ls.journal.keys import KeyFolder
    from colearner_ls.journal.pins import Pin, Pins
    from colearner_ls.journal.trust_record import TrustRecord


class Trust:
    """The keys and pins in the user data folder ``home``. Nothing is read, or imported, before it is needed."""

    def __init__(self, home: Path) -> None:
        self.home: Final = home
        self._keys: KeyFolder | None = None
        self._pins: Pins | None = None

    def has_pins(self) -> bool:
        """Whether a key was ever pinned, in any session."""
        return os.path.exists(self.home / "pins.json")  # noqa: PTH110 - the same, for a tenth of the time

    @property
    def keys(self) -> KeyFolder:
        """One's own private keys."""
        if self._keys is None:
            from colearner_ls.journal.keys import KeyFolder

            self._keys = KeyFolder(self.home)
        return self._keys

    @property
    def pins(self) -> Pins:
        """The keys that were agreed to."""
        if self._pins is None:
            from colearner_ls.journal.pins import Pins

            self._pins = Pins(self.home)
        return self._pins


@frozen
class KeyInForce:
    """A key whose word counts in a session.

    ``how``: ``init``, ``invite``, ``by hand``, or ``added`` by a key that was in force. ``since``: the place in the order
    after which it counts; ``None``: from the beginning.
    """

    kid: str
    public_key: str
    role: str
    how: str
    since: Position | None = None


@frozen
class StudentKey:
    """A key that events of a student were signed with. ``first``: the place of the first of them; ``ts``: its time.

    A student with several has several machines, or is several people: nobody vouches for any of them.
    """

    student_id: str
    kid: str
    public_key: str
    first: Position
    ts: str


@frozen
class TrustView:
    """How far a session can be trusted.

    ``verified``: keys are pinned, so whoever claims to be the coach has proved it. ``keys``: those in force at the end of
    the order; ``revoked``: kids of those that were. ``students``: by student, the key seen first comes first.
    ``untrusted``: events that claimed to be the coach's, are not, and say what no true event says.
    """

    verified: bool = False
    keys: tuple[KeyInForce, ...] = ()
    students: tuple[StudentKey, ...] = ()
    untrusted: int = 0
    revoked: tuple[str, ...] = ()

    @property
    def changed_students(self) -> tuple[str, ...]:
        """Students who were seen to sign with more than one key."""
        names = [each.student_id for each in self.students]
        return tuple(dict.fromkeys(name for name in names if names.count(name) > 1))


_UNTRUSTED: Final = """SELECT count(DISTINCT q.event_id || substr(q.once, 48, 64)) FROM quarantine q
    WHERE q.session = ? AND q.reason = 'untrusted' AND NOT EXISTS (
        SELECT 1 FROM event e WHERE e.id = q.event_id AND lower(hex(e.content)) = substr(q.once, 48, 64))"""


def stamp_of(db: sqlite3.Connection) -> str:
    """By whom a session is judged: under another name (after a salvage) or version it is done again."""
    return f"{writers.current(db)} {__version__}"


def pinned(
    trust: Trust | None, session_id: str, record: TrustRecord | None, *, strict: bool = False
) -> tuple[Pin, ...]:
    """The keys pinned now: as the user data folder has them or, where it says nothing of the session or cannot be read,
    as the journal remembers them. What cannot be read raises :class:`~colearner_ls.journal.pins.PinsError` where the
    journal remembers nothing, since it must not pass for no pins, or where that is asked for (``strict``).
    """
    remembered = () if record is None else record.line.pins
    if trust is None or (record is None and not trust.has_pins()):
        return remembered
    from colearner_ls.journal.pins import PinsError

    try:
        known = trust.pins.known(session_id)
    except PinsError:
        if strict or record is None:
            raise
        return remembered
    return remembered if known is None else known


def restore(trust: Trust, session_id: str, pins: tuple[Pin, ...]) -> None:
    """Put into the user data folder what only the journal remembers; where that fails, the journal still does."""
    from colearner_ls.journal.pins import PinsError

    with contextlib.suppress(PinsError, LockTimeout):
        if trust.pins.known(session_id) is None:
            trust.pins.restore(session_id, pins)


def is_behind(db: sqlite3.Connection, session_id: str, record: TrustRecord | None, trust: Trust | None) -> bool:
    """Whether a session is judged by other keys than those that are pinned now."""
    pins = pinned(trust, session_id, record)
    if record is None:
        return bool(pins)
    return record.line.pins != pins or record.stamp != stamp_of(db)


def behind(db: sqlite3.Connection, trust: Trust) -> tuple[str, ...]:
    """The sessions for which :func:`is_behind` holds."""
    from colearner_ls.journal import trust_record

    known = [session_id for (session_id,) in db.execute("SELECT id FROM session")]
    return tuple(each for each in known if is_behind(db, each, trust_record.load(db, each), trust))


def view(db: sqlite3.Connection, session_id: str) -> TrustView:
    """How far the session can be trusted, as it was judged last. No cryptography."""
    from colearner_ls.journal import trust_record

    record = trust_record.load(db, session_id)
    if record is None:
        return TrustView()
    if record.keys is None:
        return TrustView(students=_students(db, session_id))
    keys, revoked = _in_force(record.line)
    return TrustView(True, keys, _students(db, session_id), untrusted(db, session_id), revoked)


def untrusted(db: sqlite3.Connection, session_id: str) -> int:
    """How many events claimed to be the coach's and are not; a true event with its signature stripped is none."""
    return int(db.execute(_UNTRUSTED, (session_id,)).fetchone()[0])


def tell_untrusted(db: sqlite3.Connection, session_id: str, now_us: int) -> int:
    """How many untrusted events a person should be told of now, 0 for none. Each answer is given once.

    At the first one, and again when there are ten times as many: a flood must not become a flood of messages.
    """
    count = untrusted(db, session_id)
    if not count:
        return 0
    size = len(str(count))
    fresh = [local_records.claim(db, f"untrusted|{session_id}|{each}", now_us) for each in range(1, size + 1)]
    return count if fresh[-1] else 0


def _in_force(line: KeyLine) -> tuple[tuple[KeyInForce, ...], tuple[str, ...]]:
    found = {pin.kid: KeyInForce(pin.kid, pin.public_key, pin.role, pin.how) for pin in line.pins}
    gone: dict[str, None] = {}
    for change in line.changes:
        if change.role is None:
            if found.pop(change.kid, None) is not None:
                gone[change.kid] = None
        elif change.kid not in found or found[change.kid].role != change.role:
            gone.pop(change.kid, None)
            key = line.keys[change.kid]
            found[change.kid] = KeyInForce(key.kid, key.text, change.role, "added", change.position)
    return tuple(found.values()), tuple(gone)


def _students(db: sqlite3.Connection, session_id: str) -> tuple[StudentKey, ...]:
    rows = db.execute("SELECT value FROM local WHERE kind = 'student_key' AND session = ?", (session_id,)).fetchall()
    found = []
    for (text,) in rows:
        value = json_value(text)
        hlc, event_id = value["first"]
        found.append(StudentKey(value["student"], value["kid"], value["public_key"], (hlc, event_id), value["ts"]))
    return tuple(sorted(found, key=lambda each: (each.student_id, each.first)))
