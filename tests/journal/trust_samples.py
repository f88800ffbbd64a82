"""Keys, and events that are or claim to be the coach's, for the tests of trust."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from colearner_ls.contracts.ijson import canonical
from colearner_ls.contracts.signing import SigningKey, signed
from colearner_ls.domain.timeline import Timeline
from colearner_ls.journal import schema
from colearner_ls.journal.judging_again import bring_up
from colearner_ls.journal.pins import Pin, Role
from colearner_ls.journal.receiving import Receive, judged, receive
from colearner_ls.journal.records import CursorMove, Received
from colearner_ls.journal.rows import STORED, stored
from colearner_ls.journal.trusting import Trusting
from tests.journal.samples import BUS, NOW, PROGRESS, records

SESSION = "s1"


def key(number: int) -> SigningKey:
    """The same key for the same number, everywhere."""
    return SigningKey(bytes([number]) * 32)


def event_id(number: int) -> str:
    """An id for a number."""
    return str(uuid.UUID(int=number + (7 << 76) + (2 << 62)))


def envelope(number: int, *, actor: str = "coach", at: int | None = None, **fields: Any) -> dict[str, Any]:
    """An event named by ``number``, at place ``at`` in the order (its number where it is not given)."""
    base: dict[str, Any] = {
        "ts": "2026-01-20T12:00:00.000000Z",
        "actor": actor,
        "session_id": SESSION,
        "event_type": "coach_hint" if actor == "coach" else "hint_ack" if actor == "student" else "buddy.seen",
        "payload": {"hint": f"hint {number}"} if actor == "coach" else {"note": f"note {number}"},
        "id": event_id(number),
        "hlc": NOW + (number if at is None else at),
        "author": f"{actor}@1f2e3d4c",
    }
    return {name: value for name, value in {**base, **fields}.items() if value is not None}


def wire(value: Mapping[str, Any], signer: SigningKey | None = None) -> bytes:
    """The bytes of an envelope, signed or not."""
    return json.dumps(signed(value, signer) if signer else dict(value), separators=(",", ":")).encode()


def hint(number: int, signer: SigningKey | None = None, **fields: Any) -> bytes:
    """Something a coach says, or seems to."""
    return wire(envelope(number, **fields), signer)


def added(number: int, new: SigningKey, signer: SigningKey | None, *, role: str | None = None, **fields: Any) -> bytes:
    """``key_added``."""
    payload = {"kid": new.public.kid, "public_key": new.public.text, "role": role}
    payload = {name: value for name, value in payload.items() if value is not None}
    return wire(envelope(number, event_type="key_added", payload=payload, **fields), signer)


def revoked(number: int, old: SigningKey, signer: SigningKey | None, **fields: Any) -> bytes:
    """``key_revoked``."""
    return wire(envelope(number, event_type="key_revoked", payload={"kid": old.public.kid}, **fields), signer)


def resigned(raw: bytes, signer: SigningKey | None) -> bytes:
    """The same event under another signature, or without one."""
    value = json.loads(raw)
    value.pop("sig", None)
    return wire(value, signer)


def pin(signer: SigningKey, role: Role = "coach") -> Pin:
    """A pin as ``join`` makes it."""
    return Pin(signer.public.kid, signer.public.text, role, "invite", 1)


class Agreed:
    """Stands in for :class:`~colearner_ls.journal.trust.Trust`: pins in memory, and no key of one's own."""

    def __init__(self) -> None:
        self._by_session: dict[str, tuple[Pin, ...]] = {}
        self.pins = self
        self.keys = self
        self.home = Path()

    def has_pins(self) -> bool:
        return bool(self._by_session)

    def known(self, session_id: str) -> tuple[Pin, ...] | None:
        return self._by_session.get(session_id)

    def restore(self, session_id: str, pins: Sequence[Pin]) -> None:
        self._by_session.setdefault(session_id, tuple(pins))

    def own(self, author: str) -> None:
        return None

    def agree(self, session_id: str, pins: Sequence[Pin]) -> None:
        self._by_session[session_id] = tuple(pins)


class Memory:
    """A journal's tables in memory, without files, locks and processes: fast enough for thousands of orders."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", isolation_level=None)
        schema.migrate(self.db, Path("memory"))
        query = "INSERT INTO writer(id, machine, inode, mark, started, cause) VALUES('w', 'm', 1, '', 1, 'new')"
        self.db.execute(query)
        self.db.execute("INSERT INTO session(id, bus, since) VALUES(?, ?, 1)", (SESSION, BUS))
        self.trust: Any = Agreed()
        self._next = 0

    def deliver(self, values: Sequence[bytes]) -> Received:
        """One batch from the bus."""
        batch = tuple(judged(each) for each in records(values, first=self._next))
        expected = self._next or None
        self._next += len(values)
        moves = {(PROGRESS, 0): CursorMove(expected, self._next, None)}
        self.db.execute("BEGIN")
        result = receive(self.db, Receive(BUS, batch, moves, 0, NOW, self.trust))
        self.db.execute("COMMIT")
        return result

    def agree(self, *signers: SigningKey) -> None:
        """Pin these keys and no others, and judge again."""
        self.trust.agree(SESSION, [pin(each) for each in signers])
        self.db.execute("BEGIN")
        bring_up(self.db, Trusting(self.db), SESSION, self.trust, NOW)
        self.db.execute("COMMIT")

    def events(self) -> set[bytes]:
        """What stands: every event as canonical JSON without its signature."""
        return {unsigned(raw) for (raw,) in self.db.execute("SELECT raw FROM event")}

    def ids(self) -> set[str]:
        """Ids of what stands."""
        return {name for (name,) in self.db.execute("SELECT id FROM event")}

    def quarantine(self) -> set[tuple[str, str, bytes]]:
        """What does not: reason, detail, canonical JSON; a student's without the signature, which decides nothing."""
        rows = self.db.execute("SELECT reason, detail, raw FROM quarantine").fetchall()
        found = {(reason, detail, _told(raw)) for reason, detail, raw in rows}
        assert len(found) == len(rows), "each is kept once"
        return found

    def state(self) -> bytes:
        """The fold over what stands."""
        rows = self.db.execute(f"{STORED} WHERE e.applied = 1 ORDER BY e.hlc, e.id").fetchall()
        timeline = Timeline(SESSION)
        timeline.insert(stored(row).event for row in rows)
        snapshot = timeline.snapshot()
        return b"" if snapshot is None else snapshot.data

    def outcome(self) -> tuple[set[bytes], set[tuple[str, str, bytes]], bytes]:
        """All of it."""
        return self.events(), self.quarantine(), self.state()


def _told(raw: bytes) -> bytes:
    return unsigned(raw) if json.loads(raw)["actor"] == "student" else canonical(json.loads(raw))


def unsigned(raw: bytes) -> bytes:
    """Canonical JSON without the signature."""
    return canonical({name: value for name, value in json.loads(raw).items() if name != "sig"})
