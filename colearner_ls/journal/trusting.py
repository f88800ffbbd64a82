"""Whether an event may claim to be the coach's, inside one transaction (contracts.md, *bad input*)."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.ids import content_hash
from colearner_ls.contracts.ijson import canonical
from colearner_ls.contracts.signing import PublicKey, Signature, signature_of, verify
from colearner_ls.contracts.trusted_json import decode_trusted
from colearner_ls.journal import local_records, trust_record
from colearner_ls.journal.key_line import CLAIMS, KEY_EVENTS, KeyEvent, KeyLine, added_key, line_of
from colearner_ls.journal.pins import Pin
from colearner_ls.journal.records import LocalRecord
from colearner_ls.journal.rows import json_value
from colearner_ls.journal.trust_record import TrustRecord

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted

KEY_EVENT_KIND: Final = "key_event"
"""Kind of the local records that hold every key event seen in a session with pins, whether it counts or not: which ones
count can change with each new one."""

STUDENT_KEY_KIND: Final = "student_key"
"""Kind of the local records that say which keys students were seen to sign with."""

_MOST_CHECKED: Final = 20_000
_CHECKED: dict[tuple[bytes, str], bool] = {}
"""(SHA-256 of the bytes, key) → whether the signature is that key's. It never changes, so it is worked out once: mostly
before the write lock is taken."""


class Trusting:
    """What one transaction needs to know of keys: each session's record is read once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._records: dict[str, TrustRecord | None] = {}

    def record(self, session_id: str) -> TrustRecord | None:
        """By which keys the session is judged; ``None`` where none was ever pinned."""
        if session_id not in self._records:
            self._records[session_id] = trust_record.load(self.db, session_id)
        return self._records[session_id]

    def keys(self, session_id: str) -> KeyLine | None:
        """The keys that count in a session, ``None`` in one without pins."""
        record = self.record(session_id)
        return None if record is None else record.keys

    def store(self, session_id: str, record: TrustRecord, now_us: int) -> None:
        """Judge the session by this record from now on."""
        trust_record.save(self.db, session_id, record, now_us)
        self._records[session_id] = record

    def vouched(self, session_id: str, actor: str) -> bool:
        """Whether an event that is let in there was signed by a key that counts: it gives way to no other then."""
        return actor in CLAIMS and self.keys(session_id) is not None

    def objection(self, accepted: Accepted) -> str | None:
        """Why the event may not claim what it does, in words; ``None`` where it may, or claims nothing.

        Costs nothing but a look in sessions without pins, and for what students say.
        """
        event = accepted.event
        keys = self.keys(event.session_id) if event.actor in CLAIMS else None
        if keys is None:
            return None
        envelope = decode_trusted(accepted.raw)
        signature = signature_of(envelope)
        why = keys.objection(event, signature)
        if why is not None or signature is None:
            return why
        if not is_signed(accepted.raw, envelope, keys.keys[signature.kid]):
            return f"It names the key {signature.kid[:12]} and is not what that key signed."
        return None

    def line(self, session_id: str, pins: tuple[Pin, ...]) -> KeyLine:
        """The keys by these pins and all key events known here. Those of keys that lead nowhere are not even read."""
        known: dict[str, PublicKey] = {pin.kid: pin.key for pin in pins}
        found: list[KeyEvent] = []
        ahead = list(known.values())
        while ahead:
            key = ahead.pop()
            for event in _key_events(self.db, session_id, key):
                found.append(event)
                more = added_key(event.event)
                if more is not None and more.kid not in known:
                    known[more.kid] = more
                    ahead.append(more)
        return line_of(pins, found)

    def note_key_event(self, accepted: Accepted, now_us: int) -> bool:
        """Remember a key event, whether it counts or not; tell whether it is new and could ever count."""
        envelope = decode_trusted(accepted.raw)
        signature = signature_of(envelope)
        if signature is None or accepted.event.event_type not in KEY_EVENTS or accepted.event.actor != "coach":
            return False
        key = f"{signature.kid}|{copy_key(accepted, envelope)}"
        query = "SELECT 1 FROM local WHERE kind = ? AND key = ?"
        if self.db.execute(query, (KEY_EVENT_KIND, key)).fetchone():
            return False
        value = {"raw": accepted.raw.decode("utf-8")}
        local_records.put(self.db, LocalRecord(KEY_EVENT_KIND, key, value, accepted.event.session_id), now_us)
        return True

    def learn_student(self, accepted: Accepted, now_us: int) -> None:
        """Remember the key that a student signs with, from the first event in the order that it signed.

        Only in sessions with pins; a key that is known costs no cryptography.
        """
        event = accepted.event
        if event.actor != "student" or not accepted.applied or self.keys(event.session_id) is None:
            return
        envelope = decode_trusted(accepted.raw)
        signature = signature_of(envelope)
        if signature is None or signature.public_key is None:
            return
        student = event.student_id or event.author or ""
        key = f"{event.session_id}|{student}|{signature.kid}"
        query = "SELECT value FROM local WHERE kind = ? AND key = ?"
        found = self.db.execute(query, (STUDENT_KEY_KIND, key)).fetchone()
        if found is not None and tuple(json_value(found[0])["first"]) <= event.position:
            return
        if not is_signed(accepted.raw, envelope, signature.public_key):
            return
        value = {
            "student": student,
            "kid": signature.kid,
            "public_key": signature.public_key.text,
            "first": [*event.position],
            "ts": event.ts,
        }
        local_records.put(self.db, LocalRecord(STUDENT_KEY_KIND, key, value, event.session_id), now_us)


def is_signed(raw: bytes, envelope: Mapping[str, Any], key: PublicKey) -> bool:
    """Whether the bytes, decoded as ``envelope``, are signed by ``key``; remembered."""
    name = (hashlib.sha256(raw).digest(), key.kid)
    known = _CHECKED.get(name)
    if known is None:
        if len(_CHECKED) >= _MOST_CHECKED:
            _CHECKED.clear()
        known = _CHECKED[name] = verify(envelope, key)
    return known


def copy_key(accepted: Accepted, envelope: Mapping[str, Any] | None = None) -> str:
    """Names one saying of an event: what it says and by whose signature. Spelling and white space do not count."""
    if envelope is None:
        envelope = decode_trusted(accepted.raw)
    content = content_hash(envelope, False) if accepted.event.derived else accepted.content
    return f"{content.hex()}|{_signature_tag(envelope)}"


def _signature_tag(envelope: Mapping[str, Any]) -> str:
    sig = envelope.get("sig")
    if sig is None:
        return ""
    signature: Signature | None = signature_of(envelope)
    told = canonical(sig) if signature is None else signature.kid.encode() + b"|" + signature.value
    return hashlib.sha256(told).hexdigest()[:32]


def _key_events(db: sqlite3.Connection, session_id: str, key: PublicKey) -> Iterable[KeyEvent]:
    """The key events of a session that ``key`` has signed."""
    from colearner_ls.contracts.judging import Accepted, judge

    query = "SELECT value FROM local WHERE kind = ? AND key >= ? AND key < ? AND session = ?"
    rows = db.execute(query, (KEY_EVENT_KIND, f"{key.kid}|", f"{key.kid}}}", session_id)).fetchall()
    for (value,) in rows:
        raw = str(json_value(value)["raw"]).encode("utf-8")
        accepted = judge(raw)
        if isinstance(accepted, Accepted) and accepted.applied and is_signed(raw, decode_trusted(raw), key):
            yield KeyEvent(accepted.event, accepted.content, key.kid)


__all__ = ["KEY_EVENT_KIND", "STUDENT_KEY_KIND", "Trusting", "copy_key", "is_signed"]
