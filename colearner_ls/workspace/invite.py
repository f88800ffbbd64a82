"""Invites: what a student needs to join a session, as a ``colearner://join?…`` link or as base64 text.

An invite carries ``v, bus, session, student, coach, title, key`` (contracts.md). Invites without a key make an
*unverified* session; a key in an invite is kept for the release that pins keys and is not checked yet.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from colearner_ls.contracts.errors import BadInput

VERSION: Final = 1
_FIELDS: Final = ("bus", "session", "student", "coach", "title", "key")
_MAX_LENGTH: Final = 8192


class BadInvite(BadInput):
    """The text is no invite, or one for another version."""


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite. ``bus`` is a bus URL without credentials; ``key`` a coach's public key or ``None``."""

    bus: str
    session: str
    student: str | None = None
    coach: str | None = None
    title: str | None = None
    key: str | None = None

    def _values(self) -> dict[str, str]:
        values = {name: getattr(self, name) for name in _FIELDS}
        return {"v": str(VERSION), **{name: value for name, value in values.items() if value}}

    @property
    def url(self) -> str:
        """``colearner://join?v=1&bus=…``."""
        return f"colearner://join?{urlencode(self._values())}"

    @property
    def text(self) -> str:
        """URL-safe base64 of the same values as JSON, for channels that break links."""
        return base64.urlsafe_b64encode(json.dumps(self._values(), separators=(",", ":")).encode()).decode().rstrip("=")


def parse_invite(given: str) -> Invite:
    """Parse either form. Raises :class:`BadInvite` saying what is wrong with it."""
    given = given.strip().strip("<>\"'")
    if not given:
        raise BadInvite("The invite is empty.", "Paste the whole of what the coach sent.")
    if len(given) > _MAX_LENGTH:
        raise BadInvite("That is too long for an invite.", "Paste only the invite itself.")
    values = _from_url(given) if "://" in given else _from_text(given)
    version = values.get("v")
    if version != str(VERSION):
        raise BadInvite(
            f"This invite is of version {version or 'unknown'}; this colearner knows version {VERSION}.",
            "Update colearner, or ask the coach for an invite made with the same version.",
        )
    missing = [name for name in ("bus", "session") if not values.get(name)]
    if missing:
        raise BadInvite(f"The invite lacks {' and '.join(missing)}: it seems to be cut off.", "Paste the whole of it.")
    return Invite(**{name: values.get(name) or None for name in _FIELDS})  # type: ignore[arg-type]  # bus and session were checked


def _from_url(given: str) -> dict[str, str]:
    parts = urlsplit(given)
    if parts.scheme != "colearner" or parts.netloc != "join":
        raise BadInvite("That link is no invite.", "Invites begin with colearner://join?")
    return {name: values[-1] for name, values in parse_qs(parts.query).items()}


def _from_text(given: str) -> dict[str, str]:
    try:
        raw = base64.b64decode(given + "=" * (-len(given) % 4), altchars=b"-_", validate=True)
        values = json.loads(raw)
    except (binascii.Error, ValueError) as error:
        raise BadInvite(
            "That text is no invite, or a part of one.", "Paste the whole of what the coach sent."
        ) from error
    if not isinstance(values, dict):
        raise BadInvite("That text is no invite.", "Paste the whole of what the coach sent.")
    return {str(name): str(value) for name, value in values.items()}
