"""Invites: what it takes to join a session, as a ``colearner://join?…`` link or as base64 text.

An invite carries ``v, bus, session, student, coach, title, key`` (contracts.md), an optional ``expires`` (RFC 3339), and
``check``, by which a truncated or altered one is noticed. It holds no secret: the key is the coach's public one, and who
may use the bus is the broker's business. So the check guards against accidents and ``expires`` against old links lying
about; neither keeps anybody out. Invites of the first release have no ``check`` and no ``key``; they still work.
"""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote, urlencode

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.contracts.timestamps import to_us
from colearner_ls.workspace.invite_text import Reading, readings

VERSION: Final = 1
MAX_LENGTH: Final = 8192
"""Characters that are looked at, what a mail program put around the invite included."""

_FIELDS: Final = ("bus", "session", "student", "coach", "title", "key", "expires")
_CHECK: Final = "check"
_CHECK_LENGTH: Final = 8
"""Characters of base64 (48 bits) of the check: an accident meets the right one once in 10^14."""

_PASTE: Final = "Paste the whole of what the coach sent; where a link does not survive, ask for the invite as text."
_ASK: Final = "Ask the coach for a new one (they print it with `colearner invite`)."


Problem = Literal["empty", "too_long", "no_invite", "damaged", "other_version", "bad_key", "bad_time", "expired"]
"""What can be wrong with an invite. ``damaged``: a part is missing or altered; ``bad_time``: of its expiry."""


class BadInvite(BadInput):
    """The text is no invite, or one that cannot be used; ``problem`` says which of the two, and how."""

    def __init__(self, problem: Problem, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.problem = problem


@frozen
class Invite:
    """An invite. ``bus`` is a bus URL without credentials; ``key`` the coach's public key as text, ``None`` where the
    session is unverified; ``expires`` the moment (RFC 3339, UTC) until which it may be used."""

    bus: str
    session: str
    student: str | None = None
    coach: str | None = None
    title: str | None = None
    key: str | None = None
    expires: str | None = None

    @property
    def kid(self) -> str | None:
        """The name of the key. Raises :class:`~colearner_ls.contracts.errors.BadInput` for one that is none."""
        from colearner_ls.contracts.signing import parse_public_key

        return None if self.key is None else parse_public_key(self.key).kid

    def _values(self) -> dict[str, str]:
        """In the order of the link. The check comes before all that may be cut off behind it."""
        values = {"v": str(VERSION), **{name: value for name in _FIELDS if (value := getattr(self, name))}}
        return {"v": values.pop("v"), _CHECK: _check_of({"v": str(VERSION), **values}), **values}

    @property
    def url(self) -> str:
        """``colearner://join?v=1&check=…``."""
        return f"colearner://join?{urlencode(self._values(), safe='', quote_via=quote)}"

    @property
    def text(self) -> str:
        """URL-safe base64 of the same values as JSON, for channels that break links."""
        return base64.urlsafe_b64encode(json.dumps(self._values(), separators=(",", ":")).encode()).decode().rstrip("=")


def parse_invite(given: str, *, now_us: int | None = None) -> Invite:
    """Find and read the invite in ``given``: either form, with what mail programs do to it.

    Line breaks, text around it, ``<>``, quotes, HTML's ``&amp;``, quoted-printable and a percent-encoded link are
    understood. ``now_us`` stands in for the clock (µs since the Unix epoch). Raises :class:`BadInvite`.
    """
    if len(given) > MAX_LENGTH:
        raise BadInvite("too_long", "That is too long for an invite.", "Paste only the invite itself.")
    if not given.strip().strip("<>\"'"):
        raise BadInvite("empty", "The invite is empty.", "Paste the whole of what the coach sent.")
    invite = _invite(_chosen(given))
    _check_key(invite.key)
    _check_time(invite.expires, time.time_ns() // 1000 if now_us is None else now_us)
    return invite


def _chosen(given: str) -> Mapping[str, str]:
    """The values of the first reading that is whole. Raises what is wrong with the likeliest one where none is."""
    first: Reading | None = None
    for reading in readings(given):
        first = first or reading
        if reading.values.get(_CHECK) == _check_of(reading.values):
            return reading.values
    if first is None:
        raise _no_invite(given)
    version = first.values.get("v")
    if version is not None and version != str(VERSION):
        return first.values  # its check may be made otherwise; the version is what is to be told
    if _CHECK in first.values or not first.whole:
        raise BadInvite("damaged", "This invite is cut off, or was altered on its way.", _PASTE)
    return first.values


def _no_invite(given: str) -> BadInvite:
    if "://" in given:
        return BadInvite("no_invite", "That link is no invite.", "Invites begin with colearner://join?")
    return BadInvite(
        "no_invite", "That text is no invite, or a part of one.", "Paste the whole of what the coach sent."
    )


def _invite(values: Mapping[str, str]) -> Invite:
    version = values.get("v")
    if version != str(VERSION):
        raise BadInvite(
            "other_version",
            f"This invite is of version {(version or 'unknown')[:20]}; this colearner knows version {VERSION}.",
            "Update colearner, or ask the coach for an invite made with the same version.",
        )
    missing = [name for name in ("bus", "session") if not values.get(name)]
    if missing:
        raise BadInvite("damaged", f"The invite lacks {' and '.join(missing)}: it seems to be cut off.", _PASTE)
    told = {name: values.get(name) or None for name in _FIELDS}
    return Invite(values["bus"], values["session"], **{n: told[n] for n in _FIELDS if n not in ("bus", "session")})


def _check_key(key: str | None) -> None:
    if key is None:
        return
    from colearner_ls.contracts.signing import parse_public_key

    try:
        parse_public_key(key)
    except BadInput as error:
        raise BadInvite("bad_key", f"The key in this invite is not a public key: {error.message}", _ASK) from error


def _check_time(expires: str | None, now_us: int) -> None:
    if expires is None:
        return
    try:
        until = to_us(expires)
    except BadInput as error:
        raise BadInvite(
            "bad_time", f"This invite says until when it is good, but not in a time: {error.message}", _ASK
        ) from error
    if until < now_us:
        raise BadInvite(
            "expired", f"This invite was good until {expires}, which is over.", f"{_ASK} Is this clock right?"
        )


def _check_of(values: Mapping[str, str]) -> str:
    """The check of all other values, unknown ones included: a newer colearner may have put them there."""
    rest = {name: value for name, value in values.items() if name != _CHECK}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode()[:_CHECK_LENGTH]
