"""The event as the rest of the house sees it: a frozen record made from an envelope that was already judged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from colearner_ls.contracts.frozen import frozen

Actor = Literal["coach", "student", "service"]

MAX_EVENT_BYTES: Final = 256 * 1024
"""Largest envelope, in bytes of compact JSON (contracts.md, *Envelope*)."""

MAX_CLOCK_LEAD_US: Final = 24 * 3600 * 1_000_000
"""An ``hlc`` further ahead of our clock than this (µs) does not advance ours (contracts.md, *Order*)."""


@frozen
class Event:
    """One accepted event.

    ``hlc`` is in µs since the Unix epoch and, with ``id``, gives the order of the fold. ``id`` is a lower-case UUID,
    either the writer's or derived from the five required fields (``derived`` is then true). ``payload`` is what the
    fold reads: upcast to the newest known version, otherwise as received. ``student_id`` is the envelope's, else the
    payload's, else ``None``.
    """

    id: str
    hlc: int
    ts: str
    actor: str
    session_id: str
    event_type: str
    payload: Mapping[str, Any]
    version: int = 1
    student_id: str | None = None
    author: str | None = None
    writer: str | None = None
    seq: int | None = None
    causation_id: str | None = None
    correlation_id: str | None = None
    derived: bool = False

    @property
    def position(self) -> tuple[int, str]:
        """Place in the order of the fold."""
        return (self.hlc, self.id)
