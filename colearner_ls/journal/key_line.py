"""Which keys are in force at which place in the order of a session: pins, and the key events that count.

Pure: given the same pins and the same set of key events, in any order, it is the same line. A key event counts where it
is signed by a key in force at its own place; it takes effect on what comes after it. Two contents under one id count both:
a person who holds the key said both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.event import Event
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.signing import PublicKey, Signature, parse_public_key
from colearner_ls.journal.pins import ROLES, Pin, Role
from colearner_ls.journal.records import Position

KEY_EVENTS: Final = ("key_added", "key_revoked")

CLAIMS: Final = ("coach", "service")
"""Actors whose word needs a signature in a session with pinned keys."""

_WHOSE: Final = {"coach": "the coach's", "service": "a service's"}


class Change(NamedTuple):
    """A key comes into force, or goes out of it, after ``position``. ``role`` ``None``: it goes."""

    position: Position
    kid: str
    role: Role | None
    public_key: str | None

    def dumped(self) -> list[Any]:
        """As JSON."""
        return [*self.position, self.kid, self.role, self.public_key]

    @classmethod
    def load(cls, fields: Sequence[Any]) -> Change:
        """From JSON."""
        hlc, event_id, kid, role, public_key = fields
        return cls((hlc, event_id), kid, role, public_key)


@frozen
class KeyEvent:
    """A key event whose signature fits its ``kid``; whether that key was in force is for the line to say."""

    event: Event
    content: bytes
    kid: str

    @property
    def change(self) -> Change | None:
        """What it does where it counts; ``None`` for one that names no usable key."""
        payload = self.event.payload
        kid = payload.get("kid")
        if not isinstance(kid, str):
            return None
        if self.event.event_type == "key_revoked":
            return Change(self.event.position, kid, None, None)
        role = payload.get("role") or "coach"
        key = added_key(self.event)
        return None if key is None or role not in ROLES else Change(self.event.position, kid, role, key.text)


def added_key(event: Event) -> PublicKey | None:
    """The key that a ``key_added`` names; ``None`` where there is none, or one that does not go by that name."""
    text = event.payload.get("public_key")
    if event.event_type != "key_added" or not isinstance(text, str):
        return None
    try:
        key = parse_public_key(text)
    except BadInput:
        return None
    return key if key.kid == event.payload.get("kid") else None


class KeyLine:
    """The pins of a session and the changes along its order. Without a pin the session is *unverified*."""

    def __init__(self, pins: Sequence[Pin], changes: Sequence[Change] = ()) -> None:
        self.pins = tuple(pins)
        self.changes = tuple(changes)
        self.keys: dict[str, PublicKey] = {pin.kid: pin.key for pin in pins}
        """Every key that was ever in force, by its kid."""
        for change in changes:
            if change.public_key is not None:
                self.keys.setdefault(change.kid, PublicKey(change.kid, change.public_key))

    def role_at(self, kid: str, position: Position) -> Role | None:
        """Whom a key speaks for at a place; ``None`` where it is not in force."""
        role: Role | None = next((pin.role for pin in self.pins if pin.kid == kid), None)
        for change in self.changes:
            if change.position >= position:
                break
            if change.kid == kid:
                role = change.role
        return role

    def objection(self, event: Event, signature: Signature | None) -> str | None:
        """Why an event that claims to be the coach's or a service's cannot be, in words, whatever its signature is
        worth; ``None`` where the signature decides."""
        claim = f"It claims to be {_WHOSE.get(event.actor, event.actor)}"
        if signature is None:
            return f"{claim} and has no signature."
        if signature.kid not in self.keys:
            return f"{claim} and is signed by a key that is none of this session's ({signature.kid[:12]})."
        role = self.role_at(signature.kid, event.position)
        if role is None:
            what = "had been revoked" if self._was_in_force(signature.kid, event.position) else "was not added yet"
            return f"{claim} and is signed by a key that {what} at its place in the order ({signature.kid[:12]})."
        if role == "service" and event.actor != "service":
            return f"{claim} and is signed by a service's key ({signature.kid[:12]})."
        return None

    def _was_in_force(self, kid: str, position: Position) -> bool:
        pinned = any(pin.kid == kid for pin in self.pins)
        return pinned or any(each.kid == kid and each.role and each.position < position for each in self.changes)

    def first_difference(self, other: KeyLine) -> Position | None:
        """The place after which the two may judge differently; ``None`` where they never do. For the same pins."""
        for mine, others in zip(self.changes, other.changes, strict=False):
            if mine != others:
                return min(mine.position, others.position)
        longer = max(self.changes, other.changes, key=len)
        common = min(len(self.changes), len(other.changes))
        return longer[common].position if len(longer) > common else None


def line_of(pins: Sequence[Pin], events: Iterable[KeyEvent]) -> KeyLine:
    """The line that these pins and key events give."""
    line = KeyLine(pins)
    if not pins:
        return line
    for _, group in groupby(sorted(events, key=_order), key=lambda each: each.event.position):
        # Contents at one place are judged alike, by what was in force before it.
        counting = [each for each in group if line.role_at(each.kid, each.event.position) == "coach"]
        changes = [change for each in counting if (change := each.change) is not None]
        if changes:
            line = KeyLine(pins, (*line.changes, *changes))
    return line


def _order(event: KeyEvent) -> tuple[Position, bytes]:
    return event.event.position, event.content
