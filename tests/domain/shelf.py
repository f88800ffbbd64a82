"""A journal as the timeline sees one: all events of a session, and snapshots that become void when they must."""

from __future__ import annotations

from collections.abc import Iterable

from colearner_ls.contracts.event import Event
from colearner_ls.domain.timeline import Position, Snapshot


class Shelf:
    """An `EventSource` in memory. ``read`` counts the events it handed out."""

    def __init__(self) -> None:
        self._events: dict[str, Event] = {}
        self._snapshots: list[Snapshot] = []
        self.read = 0

    def add(self, events: Iterable[Event]) -> None:
        """Stores events; those stored already have no effect."""
        for event in events:
            if event.id not in self._events:
                self._events[event.id] = event
                self.drop_from(event.position)

    def replace(self, event: Event) -> None:
        """Stores another content for an id."""
        self.remove(event.id)
        self.add([event])

    def remove(self, event_id: str) -> None:
        """Takes an event out."""
        self.drop_from(self._events.pop(event_id).position)

    def drop_from(self, position: Position) -> None:
        """Forgets the snapshots that an event at the position belongs into."""
        self._snapshots = [snapshot for snapshot in self._snapshots if snapshot.position < position]

    def put(self, snapshot: Snapshot) -> None:
        """Stores a snapshot."""
        self._snapshots.append(snapshot)

    def snapshot(self, before: Position | None) -> Snapshot | None:
        """The newest snapshot before the position."""
        usable = [each for each in self._snapshots if before is None or each.position < before]
        return max(usable, key=lambda each: each.position, default=None)

    def events(self, after: Position | None) -> Iterable[Event]:
        """The events after the position, in order."""
        for event in sorted(self._events.values(), key=lambda event: event.position):
            if after is None or event.position > after:
                self.read += 1
                yield event
