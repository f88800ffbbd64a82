"""Keys of a session: who may speak for the coach, adding and revoking, pinning by hand, and what is shown of it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from colearner_ls.contracts.errors import BadInput, RefusedByPolicy
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.signing import PublicKey, parse_public_key, signature_of
from colearner_ls.contracts.timestamps import to_ts
from colearner_ls.journal.keys import KeyFolder, OwnKey
from colearner_ls.journal.pins import Pins
from colearner_ls.workspace.invite import Invite
from colearner_ls.workspace.joining import pin, root_key
from colearner_ls.workspace.requests import AddKey, RevokeKey
from colearner_ls.workspace.results import AmbiguousId, NotYours, UnknownTarget, Written
from colearner_ls.workspace.which_session import SHORTEST_ID
from colearner_ls.workspace.writing import Outgoing, without_nothing

if TYPE_CHECKING:
    from colearner_ls.journal.records import Stored
    from colearner_ls.journal.trust import KeyInForce
    from colearner_ls.workspace.door import Workspace

MAX_DAYS: Final = 3650
"""Longest that an invite may be made for, in days."""

MAX_NAME: Final = 200
"""Longest name in an envelope, in characters (contracts.md)."""

_DAY_US: Final = 24 * 3600 * 1_000_000


class KeyDoesNotCount(RefusedByPolicy):
    """What would be said here would be called untrusted by every reader, so it is not said."""


@frozen
class KeyThatCounts:
    """A key in force. ``how``: ``init``, ``invite``, ``by hand`` (pinned here) or ``added`` by an event; ``since_us``: when
    that was, µs since the Unix epoch; ``added_by``: the key that signed the event. ``mine``: of who sits here."""

    kid: str
    public_key: str
    role: str
    how: str
    since_us: int | None
    added_by: str | None = None
    note: str | None = None
    mine: bool = False


@frozen
class StudentsKey:
    """A key that a student was seen to sign with, since ``since`` (RFC 3339). ``changed``: not that student's first one."""

    student_id: str
    kid: str
    public_key: str
    since: str
    changed: bool


@frozen
class KeyChange:
    """One ``key_added`` or ``key_revoked`` of the session that was accepted."""

    event_id: str
    change: str
    kid: str
    by: str | None
    author: str | None
    note: str | None
    ts: str


@frozen
class Keys:
    """All there is to show. ``own``: the key of who sits here, ``None`` where there is none."""

    session_id: str
    role: str
    verified: bool
    author: str
    own: PublicKey | None
    counting: tuple[KeyThatCounts, ...]
    students: tuple[StudentsKey, ...]
    changes: tuple[KeyChange, ...]
    untrusted: int

    @property
    def own_counts(self) -> bool:
        """Whether what is said from here as a coach is trusted."""
        return any(each.mine for each in self.counting)


def check_counts(ws: Workspace) -> None:
    """Raise :class:`KeyDoesNotCount` where a coach's word from here would be untrusted.

    Nobody's does where no key is pinned: the session is *unverified*. Raises
    :class:`~colearner_ls.journal.keys.KeyFileError` for an own key that others can read.
    """
    trust = ws.trust()
    if not trust.verified:
        return
    own = own_key(ws)
    if own is not None and any(each.kid == own.public.kid for each in trust.keys):
        return
    author = ws.settings.author
    if own is None:
        raise KeyDoesNotCount(
            f"There is no key of {author} on this machine, and in this session only signed words of a coach count.",
            "Join the session with `colearner coach join INVITE`: that makes a key, which a coach of it can add.",
        )
    if own.public.kid in trust.revoked:
        raise KeyDoesNotCount(
            f"The key of {author} was revoked in this session, so every reader would call this untrusted.",
            "Nothing was said. `colearner keys` shows by whom it was revoked; they can add a key again.",
        )
    raise KeyDoesNotCount(
        f"The key of {author} does not count in this session yet, so every reader would call this untrusted.",
        f"Nothing was said. A coach whose key counts can add it: colearner keys add {own.public.text}",
    )


def own_key(ws: Workspace) -> OwnKey | None:
    """The key of who sits here, if there is one. Raises :class:`~colearner_ls.journal.keys.KeyFileError`."""
    return KeyFolder(ws.settings.home).own(ws.settings.author)


def add_key(ws: Workspace, request: AddKey) -> Written:
    """Let one more key speak for the coach. Raises :class:`BadInput` for what is no key or counts already."""
    key = parse_public_key(request.public_key)
    ws.check_may_say("key_added")
    trust = ws.trust()
    if not trust.verified:
        raise BadInput(
            "This session is unverified: no key counts in it, so none can be added.",
            "Sessions that a coach begins with `colearner coach init` have keys from their beginning.",
        )
    if any(each.kid == key.kid for each in trust.keys):
        raise BadInput(f"The key {key.kid} counts already.", "`colearner keys` shows all that do.")
    payload = {"kid": key.kid, "public_key": key.text, "role": "coach", "note": request.note}
    return ws.write(Outgoing("key_added", without_nothing(payload)))


def revoke_key(ws: Workspace, request: RevokeKey) -> Written:
    """Let a key count no more. Raises :class:`BadInput` for one that does not, and for the only one."""
    ws.check_may_say("key_revoked")
    kids = [each.kid for each in ws.trust().keys]
    kid = _one_of(request.kid, kids)
    if len(kids) == 1:
        raise BadInput(
            "It is the only key that counts: without it no coach could say anything here.",
            "Add another one first: colearner keys add PUBLIC_KEY.",
        )
    return ws.write(Outgoing("key_revoked", without_nothing({"kid": kid, "note": request.note})))


def trust_key(ws: Workspace, public_key: str) -> PublicKey:
    """Pin a key by hand, for this machine: from now on the coach's word needs it. Raises :class:`BadInput`."""
    key = parse_public_key(public_key)
    pin(ws, key, "by hand")
    return key


def distrust_key(ws: Workspace, kid: str) -> PublicKey:
    """Take back a pin; without any the session is unverified. Raises :class:`UnknownTarget` where it is not pinned."""
    pins = Pins(ws.settings.home)
    pinned = {each.kid: each.key for each in pins.of(ws.session_id)}
    chosen = pinned[_one_of(kid, list(pinned), "pinned")]
    if pins.unpin(ws.session_id, chosen.kid):
        ws.journal.judge_again(ws.session_id)
    return chosen


def make_invite(ws: Workspace, *, student: str | None = None, days: float | None = None) -> Invite:
    """An invite to this session. ``days``: for how long it may be used, from now. Raises :class:`BadInput`."""
    if ws.role != "coach":
        raise NotYours("A student cannot invite to a session.", "Ask the coach: `colearner invite`.")
    if student is not None and not (student.isprintable() and 1 <= len(student) <= MAX_NAME):
        raise BadInput(
            "That is not the name of a student.", f"Accepted: 1 to {MAX_NAME} characters without control characters."
        )
    if days is not None and not 0 < days <= MAX_DAYS:
        raise BadInput(f"{days:g} days is out of range.", f"Accepted: more than 0, up to {MAX_DAYS}.")
    expires = None if days is None else to_ts(time.time_ns() // 1000 + int(days * _DAY_US))
    started = [stored.event for stored in ws.history(["session_started"]) if stored.event.actor == "coach"]
    coach = next((name for each in reversed(started) if (name := each.payload.get("coach_id"))), ws.settings.author)
    title = ws.session_state().title or None
    return Invite(
        str(ws.settings.bus), ws.session_id, student or ws.student_id, str(coach), title, root_key(ws), expires
    )


def shown(ws: Workspace) -> Keys:
    """All there is to show about keys."""
    trust, own, told = ws.trust(), own_key(ws), changes(ws)
    students = trust.students
    first = {each.student_id: each.kid for each in reversed(students)}
    return Keys(
        session_id=ws.session_id,
        role=ws.role,
        verified=trust.verified,
        author=ws.settings.author,
        own=own.public if own is not None else None,
        counting=_counting(ws, trust.keys, own.public.kid if own is not None else None, told),
        students=tuple(
            StudentsKey(each.student_id, each.kid, each.public_key, each.ts, first[each.student_id] != each.kid)
            for each in students
        ),
        changes=told,
        untrusted=trust.untrusted,
    )


def _counting(
    ws: Workspace, keys: Iterable[KeyInForce], mine: str | None, told: Iterable[KeyChange]
) -> tuple[KeyThatCounts, ...]:
    pinned = {each.kid: each.at for each in Pins(ws.settings.home).of(ws.session_id)}
    added = {each.event_id: each for each in told}
    found = []
    for key in keys:
        event = added.get(key.since[1]) if key.since is not None else None
        found.append(
            KeyThatCounts(
                key.kid,
                key.public_key,
                key.role,
                key.how,
                pinned.get(key.kid) if key.since is None else key.since[0],
                event.by if event is not None else None,
                event.note if event is not None else None,
                key.kid == mine,
            )
        )
    return tuple(found)


def changes(ws: Workspace) -> tuple[KeyChange, ...]:
    """Keys that were added and revoked in the session, the newest first."""
    return tuple(_change(stored) for stored in reversed(ws.history(["key_added", "key_revoked"])))


def _change(stored: Stored) -> KeyChange:
    import json

    event = stored.event
    signature = signature_of(json.loads(stored.raw))
    note = event.payload.get("note")
    return KeyChange(
        event.id,
        event.event_type.removeprefix("key_"),
        str(event.payload.get("kid")),
        signature.kid if signature is not None else None,
        event.author,
        str(note) if note else None,
        event.ts,
    )


def _one_of(given: str, kids: Iterable[str], what: str = "in force") -> str:
    found = {kid for kid in kids if given == kid or (len(given) >= SHORTEST_ID and _part(given, kid))}
    if given in found:
        return given
    if len(found) > 1:
        raise AmbiguousId(given, tuple(sorted(found)))
    if not found:
        raise UnknownTarget(f"No key that goes by “{given}” is {what} here.", "`colearner keys` shows them.")
    return found.pop()


def _part(given: str, kid: str) -> bool:
    return kid.startswith(given) or kid.endswith(given)
