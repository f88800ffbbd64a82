"""What was said to whom, in order: one stream for each student id that was ever named and one for everyone.

Streams only grow at their end (the newest progress item may be replaced), so the past of a stream is a mark: a few
lengths. That makes going back k events cost O(k), whatever the length of the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from colearner_ls.domain.fold_items import Item

PROGRESS: Final = "progress"

FULL_EVIDENCE: Final = 256
"""So many of the newest evidence snapshots of a stream keep ``snippet`` and ``hunks`` (at most 16 KiB each by
default); the bodies of older ones stay in the journal, so that a snapshot of the fold stays small."""

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


@dataclass(slots=True)
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

    def rewind(self, mark: StreamMark) -> None:
        """Forgets what came after the mark."""
        del self.items[mark.items :]
        if mark.tail is not None:
            self.items[-1] = mark.tail
        del self.evidence[mark.evidence :]
        del self.dismissed[mark.dismissed :]
        self.newest = dict(mark.newest)
        self.tail_epoch = mark.tail_epoch

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
    """The snapshots with the bodies of all but the newest `FULL_EVIDENCE` left out (and ``light`` set on those)."""
    cut = len(evidence) - FULL_EVIDENCE
    return evidence if cut <= 0 else [_light(entry) for entry in evidence[:cut]] + evidence[cut:]


def _light(entry: Item) -> Item:
    fields = entry[4]
    payload = fields.get("payload", {})
    if not any(name in payload for name in BODIES):
        return entry
    kept = {name: value for name, value in payload.items() if name not in BODIES}
    return (*entry[:4], {**fields, "payload": kept, "light": True})
