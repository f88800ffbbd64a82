"""Older payloads, made newer: one pure function per type and step of version.

An upcaster takes the payload of version *n* and returns a new one of version *n* + 1; it never changes what it was
given, never fails on a payload that was valid in its version, and is never changed once events of that version exist.
The received bytes stay as they are: only the fold sees the upcast payload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from colearner_ls.contracts.errors import BadInput


class CannotUpcast(BadInput):
    """A payload of an older version is not what its version says."""


Upcaster = Callable[[Mapping[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(event type, version it starts from) → the step. Empty: every type of the catalogue is still at version 1."""


def upcast(event_type: str, version: int, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``payload`` in the newest version that is known for its type; itself where it already is.

    Raises `CannotUpcast` where it was not valid in its own version, so that a step could not read it.
    """
    while (step := UPCASTERS.get((event_type, version))) is not None:
        try:
            payload = step(payload)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise CannotUpcast(f"payload: not a valid {event_type} of version {version} ({error!r}).") from error
        version += 1
    return payload


def says_nothing(event_type: str, payload: Mapping[str, Any]) -> bool:
    """Tell whether it is an ack with status ``sent``: peers' senders write it about themselves.

    Whoever says it, and whatever else is in it: it is stored and has no effect, so its payload is never judged.
    """
    return event_type.endswith("_ack") and payload.get("status") == "sent"
