"""Compares what the two sides remember."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from demo.failure import DemoFailedError

History = dict[str, Mapping[str, Any]]


def by_id(printed: Sequence[Mapping[str, Any]]) -> History:
    """Envelopes of ``colearner history --json`` by id, without what each side knows by itself (``_…``)."""
    return {event["id"]: {name: value for name, value in event.items() if name[0] != "_"} for event in printed}


def differences(one: History, other: History, names: tuple[str, str]) -> list[str]:
    """What differs, a line each; empty when both hold the same events with the same content."""
    lines = [f"only {names[0]} has {each['event_type']} {each['id']}" for key, each in one.items() if key not in other]
    lines += [f"only {names[1]} has {each['event_type']} {each['id']}" for key, each in other.items() if key not in one]
    lines += [
        f"they differ in {one[key]['event_type']} {key}" for key in one if key in other and one[key] != other[key]
    ]
    return lines


def agree(read: Callable[[], tuple[History, History]], names: tuple[str, str], wait_s: float) -> History:
    """Read both until they are equal; raises :class:`DemoFailedError` with the differences after ``wait_s``."""
    deadline = time.monotonic() + wait_s
    while True:
        one, other = read()
        found = differences(one, other, names)
        if not found:
            return one
        if time.monotonic() > deadline:
            raise DemoFailedError("the histories differ: " + "; ".join(found[:5]))
