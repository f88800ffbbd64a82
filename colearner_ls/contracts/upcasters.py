"""Older payloads, made newer: one pure function per type and step of version.

An upcaster takes the payload of version *n* and returns a new one of version *n* + 1; it never changes what it was
given, never fails on a payload that was valid in its version, and is never changed once events of that version exist.
The received bytes stay as they are: only the fold sees the upcast payload.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Upcaster = Callable[[Mapping[str, Any]], dict[str, Any]]

UPCASTERS: dict[tuple[str, int], Upcaster] = {}
"""(event type, version it starts from) → the step. Empty: every type of the catalogue is still at version 1."""


def upcast(event_type: str, version: int, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return ``payload`` in the newest version that is known for its type; itself where it already is."""
    while (step := UPCASTERS.get((event_type, version))) is not None:
        payload = step(payload)
        version += 1
    return payload
