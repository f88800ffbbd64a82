"""The shapes of what is shown about keys: ``keys``, ``invite``, a coach's ``join``, and trust in every status."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=0)]


class View(BaseModel):
    """Strict both ways, as in :mod:`~colearner_ls.contracts.views`, which imports this module."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, defer_build=True)


class TrustView(View):
    """Whether signatures are checked. ``verified``: a key is pinned for the session. ``untrusted``: events that claim to
    be a coach's without a signature that counts; they are in quarantine and change nothing."""

    verified: bool = False
    untrusted: Count = 0


class KeyView(View):
    """A key that counts. ``how``: ``init``, ``invite`` and ``by hand`` were pinned on this machine, ``added`` by an event
    (``added_by``: the key that signed it)."""

    kid: str
    public_key: str
    role: str
    how: Literal["init", "invite", "by hand", "added"]
    since: str | None = None
    added_by: str | None = None
    note: str | None = None
    mine: bool = False


class KeyChangeView(View):
    """A key was added or revoked; ``by`` is the key that signed it."""

    event_id: str
    change: Literal["added", "revoked"]
    kid: str
    by: str | None = None
    author: str | None = None
    note: str | None = None
    ts: str


class OwnKeyView(View):
    """The key of who sits here. ``counts``: it speaks for the coach in this session."""

    author: str
    kid: str
    public_key: str
    counts: bool


class StudentKeyView(View):
    """A key that a student's events are signed with, learned from the first of them (``since``). ``changed``: not the
    first one of that student."""

    student_id: str | None = None
    author: str | None = None
    kid: str
    public_key: str | None = None
    since: str | None = None
    changed: bool = False


class KeysView(View):
    """``keys``."""

    session_id: str
    verified: bool
    own: OwnKeyView | None = None
    keys: list[KeyView] = []
    students: list[StudentKeyView] = []
    changes: list[KeyChangeView] = []
    untrusted: Count = 0


class PinnedView(View):
    """``keys trust`` and ``keys distrust``: a local record, so there is no event. ``pinned``: whether the key is now."""

    session_id: str
    kid: str
    public_key: str
    pinned: bool
    verified: bool
    untrusted: Count = 0


class InviteView(View):
    """``invite``: the same invite as a link and as text. ``kid`` names the coach's key in it; absent: unverified."""

    session_id: str
    invite: str
    text: str
    student_id: str | None = None
    expires: str | None = None
    kid: str | None = None


class CoachJoinedView(View):
    """``coach join``: nothing is said, so there is no event. ``counts``: what this coach says is trusted already."""

    session_id: str
    role: Literal["coach"]
    kid: str
    public_key: str
    counts: bool
