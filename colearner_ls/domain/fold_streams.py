"""What was said to whom, in order: one stream for each student id that was ever named and one for everyone.

Streams only grow at their end (the newest progress item may be replaced), so the past of a stream is a mark: a few
lengths. That makes going back k events cost O(k), whatever the length of the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from colearner_ls.contracts.frozen import mutable
from colearner_ls.domain.fold_items import Item

PROGRESS: Final = "progress"

FULL_EVIDENCE: Final = 256
"""So many of the newest evidence snapshots of a stream keep ``snippet`` and ``hunks`` (at most 16 KiB each by
default); the bodies of older ones stay in the journal, and so do older ones that a save alone caused (docs/decisions/0022),
so that a snapshot of the fold stays small however long the work goes on."""

BODIES: Final = ("snippet", "hunks")

Newest = tuple[int, str, Any]
"""``(hlc, event id, value)`` of the newest event that said something about a thing."""


class StreamMark(NamedTuple):
    """A place in the past of a stream."""

    items: int
    tail: Item | None
    tail_epoch: int
    evidence: int
    dismissed: int
    newest: dict[str, Newest]


@mutable
class Stream:
    """The events for one student id, or for everyone, in fold order."""

    items: list[Item]
    evidence: list[Item]
    dismissed: list[Item]
    newest: dict[str, Newest]
    tail_epoch: int = -1
    """Epoch of the session in which the newest item, if it is a progress item, was put here."""
    version: int = 0
    """Changes with every change of this stream; never reused within one fold."""
    generation: int = 0
    """Changes when something is taken away from this stream."""
    marked: tuple[int, StreamMark] | None = None

    @classmethod
    def empty(cls) -> Stream:
        """A stream without events."""
        return cls([], [], [], {})

    def mark(self) -> StreamMark:
        """The present as a mark. Unchanged streams give the same mark again, so many idle learners cost nothing."""
        if self.marked is None or self.marked[0] != self.version:
            tail = self.items[-1] if self.items else None
            mark = StreamMark(
                len(self.items), tail, self.tail_epoch, len(self.evidence), len(self.dismissed), dict(self.newest)
            )
            self.marked = (self.version, mark)
        return self.marked[1]

    def rewind(self, mark: StreamMark) -> bool:
        """Forgets what came after the mark; says whether there was anything."""
        if self.marked is not None and self.marked == (self.version, mark):
            return False
        self.generation += 1
        del self.items[mark.items :]
        if mark.tail is not None:
            self.items[-1] = mark.tail
        del self.evidence[mark.evidence :]
        del self.dismissed[mark.dismissed :]
        self.newest = dict(mark.newest)
        self.tail_epoch = mark.tail_epoch
        return True

    def dump(self, mark: StreamMark) -> dict[str, Any]:
        """The stream as it was at the mark, as JSON values."""
        items = self.items[: mark.items]
        if mark.tail is not None:
            items[-1] = mark.tail
        return {
            "items": items,
            "tail_epoch": mark.tail_epoch,
            "evidence": lighten(self.evidence[: mark.evidence]),
            "dismissed": self.dismissed[: mark.dismissed],
            "newest": mark.newest,
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Stream:
        """The stream of a dump. Raises ``KeyError``, ``TypeError`` or ``ValueError`` where the data is no dump."""
        return cls(
            items=[_item(entry) for entry in data["items"]],
            evidence=[_item(entry) for entry in data["evidence"]],
            dismissed=[_item(entry) for entry in data["dismissed"]],
            newest={name: (int(hlc), str(event), value) for name, (hlc, event, value) in data["newest"].items()},
            tail_epoch=int(data["tail_epoch"]),
        )


def _item(entry: Any) -> Item:
    hlc, event, kind, ts, fields = entry
    return (hlc, event, kind, ts, fields)


def lighten(evidence: list[Item]) -> list[Item]:
    """The snapshots, where all but the newest `FULL_EVIDENCE` are without their bodies (and ``light`` set on those), or
    left out if they are :func:`automatic`."""
    cut = len(evidence) - FULL_EVIDENCE
    if cut <= 0:
        return evidence
    return [_light(entry) for entry in evidence[:cut] if not automatic(entry)] + evidence[cut:]


def automatic(entry: Item) -> bool:
    """Whether it is a snapshot that a save alone caused: nobody asked for it, it answers nothing."""
    fields = entry[4]
    told = fields.get("payload")
    return told is not None and told.get("trigger") == "save" and not told.get("request_id") and "cause" not in fields


def without_bodies(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload of a snapshot without ``snippet`` and ``hunks``; the same object where it has neither."""
    if not any(name in payload for name in BODIES):
        return payload
    return {name: value for name, value in payload.items() if name not in BODIES}


def _light(entry: Item) -> Item:
    fields = entry[4]
    payload = fields.get("payload", {})
    kept = without_bodies(payload)
    return entry if kept is payload else (*entry[:4], {**fields, "payload": kept, "light": True})


class Reading:
    """How far a stream was read. Valid as long as nothing was taken away from the stream since."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._generation = stream.generation
        self._items = 0
        self._tail: Item | None = None
        self._evidence = 0
        self._old = 0

    def holds(self) -> bool:
        """Whether what was read still stands."""
        return self.stream.generation == self._generation

    def new_items(self) -> list[Item]:
        """The items that were not read yet, and the newest that was if progress was added to it since."""
        items = self.stream.items
        start = self._items - (self._tail is not None and items[self._items - 1] is not self._tail)
        self._items = len(items)
        self._tail = items[-1] if items else None
        return items[start:]

    def new_evidence(self) -> list[Item]:
        """The snapshots that were not read yet, old ones without their bodies."""
        evidence = self.stream.evidence
        start, self._evidence = self._evidence, len(evidence)
        return lighten(evidence)[start:] if start == 0 else evidence[start:]

    def newly_old(self) -> list[Item]:
        """The snapshots that ceased to be among the newest `FULL_EVIDENCE` since the last time."""
        start, self._old = self._old, max(self._old, len(self.stream.evidence) - FULL_EVIDENCE)
        return self.stream.evidence[start : self._old]
