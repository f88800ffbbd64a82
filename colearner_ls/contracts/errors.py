"""Typed errors. Each says what happened and what the person can do; only the edges turn them into exit codes.

The names say what happened, without the suffix Error.
"""

from __future__ import annotations


class ColearnerError(Exception):
    """Base of every error that colearner raises on purpose.

    ``message`` says what happened, in plain words; ``hint`` says what the user can do about it and may be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class BadInput(ColearnerError):  # noqa: N818
    """What was given cannot be used: the message names what and where, the hint what would be accepted (exit 3)."""


class NotIJson(BadInput):
    """The bytes are not an I-JSON text (RFC 7493), so no two programs need agree on what they mean."""


class NotJson(NotIJson):
    """The bytes are not even JSON (RFC 8259)."""


class TooLarge(BadInput):
    """An event is over the limit of ``MAX_EVENT_BYTES``; the message has the size and the limit, both in bytes."""


class NotAllowed(BadInput):
    """An actor wanted to say what the catalogue does not let it say."""


class NoSession(ColearnerError):  # noqa: N818
    """There is no session here; the hint names the command that sets one up (exit 4)."""


class RefusedByPolicy(ColearnerError):  # noqa: N818
    """Scope, consent or trust forbids it; the hint says whose rule it is and how to change it (exit 5)."""


class BusUnreachable(ColearnerError):  # noqa: N818
    """The event bus could not be reached; the message has the true cause (exit 6)."""
