"""What a line of ``lifecycle.jsonl`` is: an event, a remark of a peer's program, or neither."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.event import MAX_EVENT_BYTES
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.files import open_plain

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted

REMARK_KIND: Final = "remark"
"""Kind of the local records that peers' lines become: ``{"ts", "session_id", "stage", "note", …}`` as it stood there."""

_MAX_LINE: Final = 4 * MAX_EVENT_BYTES


@frozen
class Remark:
    """A peer-shaped line. ``key`` is its SHA-256, so that the same line is one remark however often it is read."""

    key: str
    session_id: str
    value: dict[str, Any]


def lines(path: Path, *, start: int = 0) -> Iterator[bytes]:
    """The lines of the file without their newlines, empty ones left out; nothing where it is missing or no plain file.

    A line over 1 MiB comes in pieces, none of which is an event. ``start``: the byte to begin at.
    """
    file = open_plain(path)
    if file is None:
        return
    with file:
        file.seek(start)
        while line := file.readline(_MAX_LINE):
            if text := line.rstrip(b"\r\n"):
                yield text


def event_in(line: bytes) -> Accepted | None:
    """The event that a line is, or ``None``. Loads the validation."""
    from colearner_ls.contracts.judging import Accepted, judge

    verdict = judge(line)
    return verdict if isinstance(verdict, Accepted) else None


def remark_in(line: bytes) -> Remark | None:
    """The peer's remark that a line is (``{"ts", "session_id", "stage", "note"}``, peers' own shape), or ``None``."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or "event_type" in value:
        return None
    session_id, stage = value.get("session_id"), value.get("stage")
    if not isinstance(session_id, str) or not isinstance(stage, str) or not isinstance(value.get("ts"), str):
        return None
    return Remark(hashlib.sha256(line).hexdigest(), session_id, value)
