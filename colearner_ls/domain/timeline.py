"""The order of a session's events and the fold along it (contracts.md, *Order* and *Convergence*).

Events may be inserted in any order and more than once. One that lands k places back takes the fold back to the last
mark before it and applies what follows again: O(k). A timeline over a journal starts from a stored snapshot and keeps
only the newest events in memory.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import merge
from typing import Final, NamedTuple, Protocol

from colearner_ls.contracts.event import Event
from colearner_ls.domain.fold import NO_LINKS, FoldMark, SessionFold, StaleSnapshot
from colearner_ls.domain.state import LearnerState, SessionState

Position = tuple[int, str]
"""``(hlc, event id)``: the place of an event in the order."""

MARK_EVERY: Final = 64
"""Events between two marks: at most so many more than k are applied again."""

KEEP_EVENTS: Final = 2048
"""Newest events kept in memory over a source (up to twice as many, 2 to 5 kB each: a server that lives for weeks grows
by 20 MB at most); an event landing before them is answered from stored snapshots."""


class Snapshot(NamedTuple):
    """A fold over all events up to and including the one at ``(hlc, id)``: `SessionFold.dump`'s bytes."""

    hlc: int
    id: str
    data: bytes

    @property
    def position(self) -> Position:
        """Place of the newest event in the snapshot."""
        return (self.hlc, self.id)


class EventSource(Protocol):
    """Where the events are kept: a journal. It holds every event by the time it is inserted into the timeline, and has
    no snapshot that an event stored later (or replaced, or withdrawn from the fold) should have been in."""

    def snapshot(self, before: Position | None) -> Snapshot | None:
        """The newest stored snapshot whose position is before the given one (``None``: the newest of all)."""
        ...

    def events(self, after: Position | None) -> Iterable[Event]:
        """The applied events of the session after the position (``None``: all), in the order of positions."""
        ...


class Timeline:
    """The fold of one session, kept up to date. Not thread-safe: one thread at a time; states can be read anywhere.

    Without a source all events stay in memory. With one, they are read from it at once, from its newest snapshot on,
    and events inserted later must be in it already.
    """

    def __init__(
        self,
        session_id: str,
        source: EventSource | None = None,
        *,
        keep: int = KEEP_EVENTS,
        mark_every: int = MARK_EVERY,
    ) -> None:
        self.session_id = session_id
        self.revision = 0
        """Grows with every change of the state."""
        self.applied = 0
        """Events applied so far, repetitions included: the work that was done."""
        self._source = source
        self._keep = keep
        self._mark_every = mark_every
        self._floor: Position | None = None
        self._positions: list[Position] = []
        self._events: dict[str, Event] = {}
        self._fold = SessionFold.new(session_id)
        self._marks: list[tuple[int, FoldMark]] = [(0, self._fold.mark())]
        self._state: tuple[int, dict[str, str], SessionState] | None = None
        if source is not None:
            self._restart(source, source.snapshot(None), [])

    # -- changing ---------------------------------------------------------------------------------------------------

    def insert(self, events: Iterable[Event]) -> None:
        """Takes in events, in any order; those already there have no effect."""
        fresh = {event.id: event for event in events if event.id not in self._events}
        if not fresh:
            return
        batch = sorted(fresh.values(), key=_position)
        first = batch[0].position
        self.revision += 1
        if self._floor is not None and first <= self._floor and self._source is not None:
            self._restart(self._source, self._source.snapshot(first), batch)
            return
        index = bisect_left(self._positions, first)
        if index < len(self._positions):
            self._rewind(index)
            later = self._positions[index:]
            self._events |= fresh
            self._positions[index:] = sorted([*later, *(event.position for event in batch)])
            self._reapply()
        else:
            for event in batch:
                self._append(event)
        self._trim()

    def replace(self, event: Event) -> None:
        """Puts an event in the place of the one with the same id (of two contents, the one with the smaller SHA-256
        stands), wherever each of them lies in the order."""
        if event.id not in self._events and self._floor is not None and self._source is not None:
            self.revision += 1
            self._restart(self._source, None, [event])
            return
        self._take_out(event.id)
        self.insert([event])

    def remove(self, event_id: str) -> None:
        """Takes an event out: it was taken back before it was sent, or its writer is trusted no longer."""
        if self._take_out(event_id):
            self.revision += 1
        elif self._floor is not None and self._source is not None:
            self.revision += 1
            self._restart(self._source, None, [])

    # -- reading ----------------------------------------------------------------------------------------------------

    def state(self, links: Mapping[str, str] = NO_LINKS) -> SessionState:
        """The state now. ``links`` as for `SessionFold.view`; the same object as long as nothing changes."""
        if self._state is None or self._state[0] != self.revision or self._state[1] != links:
            self._state = (self.revision, dict(links), self._fold.view(links))
        return self._state[2]

    def state_for(self, student_id: str, links: Mapping[str, str] = NO_LINKS) -> LearnerState:
        """What that student should see now, known to the session or not (`SessionFold.view_for`)."""
        return self._fold.view_for(student_id, links)

    def events_after(self, position: Position | None) -> Iterator[Event]:
        """The events after the position (``None``: all), in order; older ones come from the source."""
        if self._source is not None and self._floor is not None and (position is None or position < self._floor):
            yield from self._source.events(position)
            return
        start = 0 if position is None else bisect_right(self._positions, position)
        for place in self._positions[start:]:
            yield self._events[place[1]]

    def snapshot(self, back: int = 0) -> Snapshot | None:
        """A snapshot to store, ``None`` where there is no event yet.

        ``back``: leave out at least so many of the newest events (up to `MARK_EVERY` more), so that an event landing
        a little late does not make the stored snapshot useless.
        """
        wanted = len(self._positions) - back
        if back <= 0:
            index, mark = len(self._positions), self._fold.mark()
        else:
            index, mark = next((entry for entry in reversed(self._marks) if entry[0] <= wanted), self._marks[0])
        position = self._positions[index - 1] if index else self._floor
        return None if position is None else Snapshot(*position, self._fold.dump(mark))

    # -- the fold along the order -----------------------------------------------------------------------------------

    def _append(self, event: Event) -> None:
        """Applies an event that lies after all others."""
        self._events[event.id] = event
        self._positions.append(event.position)
        self._apply(event, len(self._positions))

    def _apply(self, event: Event, count: int) -> None:
        self._fold.apply(event)
        self.applied += 1
        if count - self._marks[-1][0] >= self._mark_every:
            self._marks.append((count, self._fold.mark()))

    def _rewind(self, index: int) -> None:
        """Takes the fold back to the last mark at or before the index."""
        while self._marks[-1][0] > index:
            self._marks.pop()
        self._fold.rewind(self._marks[-1][1])

    def _reapply(self) -> None:
        """Applies everything after the newest mark again."""
        start = self._marks[-1][0]
        for count, position in enumerate(self._positions[start:], start=start + 1):
            self._apply(self._events[position[1]], count)

    def _take_out(self, event_id: str) -> bool:
        event = self._events.get(event_id)
        if event is None:
            return False
        index = bisect_left(self._positions, event.position)
        self._rewind(index)
        del self._events[event_id]
        del self._positions[index]
        self._reapply()
        return True

    def _restart(self, source: EventSource, snapshot: Snapshot | None, batch: Sequence[Event]) -> None:
        """Starts again from a snapshot (``None``: from the beginning) and the events after it; a batch of events that
        the source may not show yet is merged in. A snapshot that is of no use costs time, nothing else."""
        self._floor, self._fold = self._base(snapshot)
        self._positions, self._events = [], {}
        self._marks = [(0, self._fold.mark())]
        floor = self._floor
        missing = [event for event in batch if floor is None or event.position > floor]
        events = source.events(floor)
        last: Position | None = None
        for event in merge(events, missing, key=_position) if missing else events:
            position = (event.hlc, event.id)
            if last is None or position > last:
                last = position
                self._events[event.id] = event
                self._positions.append(position)
                self._apply(event, len(self._positions))
                if len(self._positions) >= 2 * self._keep:
                    self._trim()

    def _base(self, snapshot: Snapshot | None) -> tuple[Position | None, SessionFold]:
        if snapshot is not None:
            try:
                fold = SessionFold.load(snapshot.data)
            except StaleSnapshot:
                return None, SessionFold.new(self.session_id)
            if fold.session_id == self.session_id:
                return snapshot.position, fold
        return None, SessionFold.new(self.session_id)

    def _trim(self) -> None:
        """Leaves the oldest events to the source once there are twice as many as should be kept."""
        if self._source is None or len(self._positions) < 2 * self._keep:
            return
        wanted = len(self._positions) - self._keep
        first = max(number for number, (index, _) in enumerate(self._marks) if index <= wanted)
        cut = self._marks[first][0]
        if cut == 0:
            return
        self._floor = self._positions[cut - 1]
        for position in self._positions[:cut]:
            del self._events[position[1]]
        del self._positions[:cut]
        self._marks = [(index - cut, mark) for index, mark in self._marks[first:]]


def _position(event: Event) -> Position:
    return event.position
