"""Keys when a folder is set up: an own one is made, the session's is pinned, and one that is not the pinned one refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from colearner_ls.contracts.errors import RefusedByPolicy
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.keys import KeyFolder
from colearner_ls.journal.pins import How, Pins

if TYPE_CHECKING:
    from colearner_ls.contracts.signing import PublicKey
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.invite import Invite
    from colearner_ls.workspace.settings import Settings


class OtherKeyPinned(RefusedByPolicy):
    """The invite names another key than the one that was pinned for this session: it may come from somebody else."""

    def __init__(self, session_id: str, given: PublicKey, pinned: tuple[str, ...]) -> None:
        super().__init__(
            f"This invite names another key than the one you agreed to for session “{session_id}”: {given.kid}, "
            f"not {' or '.join(pinned)}. Nothing was changed.",
            "Ask the coach, by another way than the one this invite took, which key `colearner keys` shows there. "
            f"If it is the new one: `colearner keys trust {given.text}` in a folder of that session, then join again.",
        )
        self.given = given
        self.pinned = pinned


class AnothersSession(RefusedByPolicy):
    """A session that a coach wants to begin here is known here as another coach's."""


@frozen
class Joined:
    """A coach's folder that was joined by an invite, and the own key, which a coach of the session has to add."""

    session_id: str
    kid: str
    public_key: str


def own_key(settings: Settings) -> PublicKey:
    """The public key of who sits here; the pair is made where there is none.

    Raises :class:`~colearner_ls.journal.keys.KeyFileError` for a private key that others can read.
    """
    return KeyFolder(settings.home).make(settings.author).public


def check_key(home: Path, invite: Invite) -> PublicKey | None:
    """The key of the invite. Raises :class:`OtherKeyPinned` where others are pinned for its session."""
    if invite.key is None:
        return None
    from colearner_ls.contracts.signing import parse_public_key

    key = parse_public_key(invite.key)
    pinned = tuple(each.kid for each in Pins(home).of(invite.session))
    if pinned and key.kid not in pinned:
        raise OtherKeyPinned(invite.session, key, pinned)
    return key


def check_own_session(settings: Settings, session_id: str, key: PublicKey) -> None:
    """Raise :class:`AnothersSession` where a coach would begin a session that another's key is pinned for.

    A folder that belongs to the session already is not begun: there the key may have been added since.
    """
    pinned = {pin.kid for pin in Pins(settings.home).of(session_id)}
    if pinned and key.kid not in pinned and settings.session != session_id:
        raise AnothersSession(
            f"Session “{session_id}” is another coach's: {' or '.join(sorted(pinned))} is pinned for it here.",
            "Join it as one more coach with `colearner coach join INVITE`, or take another name for a new session.",
        )


def is_own(workspace: Workspace) -> bool:
    """Whether no key is pinned for the session and nobody else spoke as its coach, as far as this folder knows.

    Own words from before there were keys are signed then. Those of another coach would all become untrusted, so such a
    session stays unverified.
    """
    if Pins(workspace.settings.home).of(workspace.session_id):
        return False
    events = workspace.journal.events(workspace.session_id)
    return all(stored.source == "local" or stored.event.actor == "student" for stored in events)


def pin(workspace: Workspace, key: PublicKey, how: How) -> None:
    """Pin a key for the session and judge what is here again by it."""
    if Pins(workspace.settings.home).pin(workspace.session_id, key, "coach", how):
        workspace.journal.judge_again(workspace.session_id)


def root_key(workspace: Workspace) -> str | None:
    """The key that invites name: the first one pinned here, from which every key that counts follows by ``key_added``.

    So all coaches of a session hand out the same key. ``None``: the session is unverified.
    """
    pins = Pins(workspace.settings.home).of(workspace.session_id)
    return next((each.public_key for each in pins if each.role == "coach"), None)
