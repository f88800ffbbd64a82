"""The current session's state, kept up with the journal: each change costs what is new, not the whole history."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from colearner_ls.contracts.event import Event
from colearner_ls.domain.fold import FOLD_VERSION
from colearner_ls.domain.state import LearnerState, SessionState
from colearner_ls.domain.timeline import Position, Snapshot, Timeline
from colearner_ls.journal.errors import JournalReplaced
from colearner_ls.journal.journal import Journal
from colearner_ls.journal.records import Snapshot as StoredSnapshot

SNAPSHOT_EVERY: Final = 500
"""After so many new events the fold is stored, so that the next start reads only what came since."""

SNAPSHOT_BACK: Final = 64
"""Newest events left out of a stored snapshot, so that one landing a little late does not make it useless."""

VERSION: Final = str(FOLD_VERSION)


@contextmanager
def _no_search_for_garbage() -> Iterator[None]:
    """While a history is read, everything that is made stays; looking through it for garbage, again and again, takes as
    long as the reading."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _JournalSource:
    """The journal as the timeline's source (:class:`~colearner_ls.domain.timeline.EventSource`)."""

    def __init__(self, journal: Journal, session_id: str) -> None:
        self._journal = journal
        self._session_id = session_id

    def snapshot(self, before: Position | None) -> Snapshot | None:
        stored = self._journal.snapshots.latest(self._session_id, version=VERSION)
        if stored is None or (before is not None and stored.position >= before):
            return None
        return Snapshot(*stored.position, stored.data)

    def events(self, after: Position | None) -> Iterable[Event]:
        return self._journal.applied_in_order(self._session_id, after)


class SessionView:
    """State of one session. Not thread-safe; the door guards it."""

    def __init__(self, journal: Journal, session_id: str) -> None:
        self._journal = journal
        self._session_id = session_id
        self._timeline: Timeline | None = None
        self._made_at = (-1, -1)
        """Generation of the journal and epoch of the session that the timeline belongs to."""
        self._row = 0
        self._since_snapshot = 0
        self._links: dict[str, str] | None = None

    def forget_links(self) -> None:
        """Links were changed: read them again."""
        self._links = None

    def refresh(self) -> SessionState:
        """The state as the journal has it now; the same object as long as nothing changed."""
        try:
            with _no_search_for_garbage() if self._timeline is None else nullcontext():
                return self._refreshed()
        except JournalReplaced:
            # Salvaged under our hands, by this or another process: row numbers begin anew, so everything is read again.
            self._timeline = None
            return self._refreshed()

    def _refreshed(self) -> SessionState:
        timeline = self._current()
        fresh = list(self._journal.events(self._session_id, after_row=self._row))
        if fresh:
            self._row = fresh[-1].row
            for stored in fresh:
                if stored.replaced and stored.applied:
                    timeline.replace(stored.event)
                elif stored.replaced:
                    timeline.remove(stored.event.id)
            timeline.insert(stored.event for stored in fresh if stored.applied and not stored.replaced)
            self._since_snapshot += len(fresh)
        if self._links is None:
            links = self._journal.local.list("link", session=self._session_id)
            self._links = {each.key: str(each.value["exercise_id"]) for each in links}
        return timeline.state(self._links)

    def learner(self, student_id: str | None, *, only: bool) -> LearnerState:
        """The learner this folder is about, as of the last :meth:`refresh`.

        ``only``: what is theirs (and what is for everyone), never another's state, even before they said a word. Without
        it an unknown id means the sole learner where there is exactly one.
        """
        if only and student_id is not None:
            return self._current().state_for(student_id, self._links or {})
        return self._current().state(self._links or {}).learner(student_id)

    def store_snapshot(self) -> bool:
        """Store the fold if enough has come since the last time; for a moment when nobody waits."""
        if self._timeline is None or self._since_snapshot < SNAPSHOT_EVERY:
            return False
        self._since_snapshot = 0
        made = self._timeline.snapshot(SNAPSHOT_BACK)
        if made is None:
            return False
        snapshot = StoredSnapshot(self._session_id, made.position, made.data, VERSION)
        return self._journal.snapshots.put(snapshot, through_row=self._row)

    def _current(self) -> Timeline:
        made_at = (self._journal.generation, self._journal.epoch(self._session_id))
        if self._timeline is None or self._made_at != made_at:
            # Salvaged, or events have left. The row is read first: what comes in between is read twice, and twice is once.
            self._made_at = made_at
            self._row = self._journal.last_row()
            self._timeline = Timeline(self._session_id, _JournalSource(self._journal, self._session_id))
            self._since_snapshot = SNAPSHOT_EVERY if self._timeline.applied >= SNAPSHOT_EVERY else 0
            self._links = None
        return self._timeline
