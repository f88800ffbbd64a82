"""Ids, times and delivery in the words of the command line."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from colearner_ls.cli.render.plain import plain

SHOWN: Final = 8
"""Characters of an id that are shown (cli.md): its last, because UUIDv7s of one minute share their beginning."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def short(identifier: str) -> str:
    """The last characters of an id; a name that a person chose is shown whole."""
    if len(identifier) == 36 and identifier.count("-") == 4:
        return identifier[-SHOWN:]
    return plain(identifier)


def ago(seconds: float) -> str:
    """A span of time in the largest unit that fits."""
    if seconds < 5:
        return "just now"
    if seconds < _MINUTE:
        return f"{int(seconds)} s ago"
    if seconds < _HOUR:
        return f"{int(seconds // _MINUTE)} min ago"
    if seconds < _DAY:
        return f"{int(seconds // _HOUR)} h ago"
    days = int(seconds // _DAY)
    return f"{days} day{'s' if days != 1 else ''} ago"


def clock(us: int) -> str:
    """A moment (µs since the epoch) as local date and time to the second; what no calendar holds as its number."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(us / 1_000_000))
    except (OverflowError, ValueError, OSError):
        return str(us)


def count(number: int, one: str, many: str | None = None) -> str:
    """``3 steps``, ``1 step``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def percent(share: float) -> str:
    """A share of 0..1 in whole percent."""
    return f"{round(share * 100)} %"


def lines_of(start: int | None, end: int | None) -> str:
    """``:12``, ``:12-15`` or nothing."""
    if start is None:
        return ""
    return f":{start}" if end is None or end == start else f":{start}-{end}"


def place(anchor: Mapping[str, Any] | None) -> str:
    """``PATH:LINE-LINE`` of an anchor as it came over the wire; empty for one that names no path."""
    if not isinstance(anchor, Mapping) or not isinstance(anchor.get("path"), str):
        return ""
    found = anchor.get("range")
    span = found if isinstance(found, Mapping) else {}
    start, end = span.get("start_line"), span.get("end_line")
    first, last = (value if isinstance(value, int) else None for value in (start, end))
    return plain(anchor["path"]) + lines_of(first, last)


def delivery_words(delivery: str, waiting: int) -> str:
    """How far an event got: the three sentences of cli.md."""
    if delivery == "sent":
        return "sent"
    if delivery == "local":
        return "on this machine's bus"
    return f"kept; will be sent when the bus is reachable ({waiting} waiting)"
