"""Where each mark is in each open document, kept up with every keystroke.

A place is found by its quote when a document is opened, and from then on it moves with the edits, which is certain
knowledge. It is looked for again on save and where an edit took all of it away; what is found then is believed only
if it overlaps the place that the edits led to, or if that place is gone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.anchors import moved
from colearner_ls.domain.text import Span
from colearner_ls.lsp.base.documents import DocumentStore, Edit, file_path
from colearner_ls.lsp.views.marks import DocumentView, Located, Mark, Marks, locate_all
from colearner_ls.lsp.worker import Worker
from colearner_ls.workspace.results import Snapshot

logger = logging.getLogger(__name__)

READY_S: Final = 1.0
"""How long a view waits for the first look at a document, in seconds; then it is empty and a refresh follows."""

RELOCATE_S: Final = 0.2
"""Wait after an edit took a place away before it is looked for: a formatter puts most of it back in further edits."""

Place = Span | str | None
"""A span; or the reason why it is lost; or ``None`` where a mark has no anchor."""


@frozen
class Outcome:
    """What a look did. ``again``: a place was taken away while it looked, so another look is due. ``stale``: a view
    that was given out before shows something else."""

    again: bool = False
    stale: bool = False


class Tracked:
    """One open document."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.path: str | None = None
        """Relative to the workspace root; ``None`` outside of it, or not known yet."""
        self.root: Path | None = None
        """The root for which :attr:`path` is known."""
        self.marks: tuple[Mark, ...] = ()
        self.places: dict[str, Place] = {}
        self.view: DocumentView | None = None
        """The last view given out, for as long as nothing that it was made from changes: a client asks for hints, lenses and
        diagnostics after every keystroke."""
        self.ready = asyncio.Event()
        self.edits: list[Edit | None] | None = None
        """Edits since the text that is being looked through was taken; ``None`` while nobody looks."""
        self.again = False
        self.shown = False
        """A view was given out: what a look changes from then on makes it stale."""
        self.task: asyncio.Task[None] | None = None

    def edit(self, edits: list[Edit | None]) -> bool:
        """Move every place along; whether one was taken away by it."""
        self.view = None
        if self.edits is not None:
            self.edits += edits
        gone = False
        for edit in edits:
            for key, place in self.places.items():
                if isinstance(place, Span):
                    self.places[key] = after = _moved(place, edit)
                    gone = gone or after == GONE
        return gone

    def settle(self, found: Mapping[str, Place]) -> Outcome:
        """Take over what was found in the text that was taken before :attr:`edits`."""
        self.view = None
        edits, self.edits = self.edits or [], None
        before = dict(self.places)
        gone = False
        for key, place in found.items():
            now = place
            for edit in edits:
                now = _moved(now, edit) if isinstance(now, Span) else now
            gone = gone or (isinstance(place, Span) and now == GONE)
            self.places[key] = _believed(self.places.get(key), now)
        return Outcome(again=gone, stale=self.shown and before != self.places)


GONE: Final = "its text was removed"


def _moved(span: Span, edit: Edit | None) -> Place:
    if edit is None:  # the whole text was replaced
        return GONE
    return moved(span, edit.start, edit.end, edit.inserted) or GONE


def _believed(known: Place, found: Place) -> Place:
    if not isinstance(known, Span):
        return found
    if isinstance(found, Span) and found.start <= known.end and known.start <= found.end:
        return found
    return known


class Tracker:
    """All open documents. Lives on the event loop; looks for places on a worker."""

    def __init__(self, documents: Callable[[], DocumentStore], changed: Callable[[str, bool], None]) -> None:
        """``changed(uri, stale)`` is called after every look."""
        self._documents = documents
        self._changed = changed
        self._worker = Worker("colearner-places")
        self._tracked: dict[str, Tracked] = {}
        self._root: Path | None = None
        self.snapshot: Snapshot | None = None
        """The state that views show; the session's own may be newer for as long as its marks are being made."""
        self._marks: Marks = {}

    def close(self) -> None:
        """End the looking."""
        for tracked in self._tracked.values():
            if tracked.task is not None:
                tracked.task.cancel()
        self._worker.close()

    # --- what happens in the editor

    def opened(self, uri: str) -> None:
        """A document was opened."""
        self.closed(uri)
        self._tracked[uri] = Tracked(uri)
        self._look(uri)

    def edited(self, uri: str) -> bool:
        """A document has new edits; whether a place was taken away by them, and will be looked for. Called in the same
        step as the text changes."""
        document, tracked = self._documents().open_document(uri), self._tracked.get(uri)
        if document is None or tracked is None:
            return False
        gone = tracked.edit(document.take_edits())
        if gone:
            self._look(uri, RELOCATE_S)
        return gone

    def saved(self, uri: str) -> None:
        """A document was saved."""
        self._look(uri)

    def closed(self, uri: str) -> None:
        """A document was closed."""
        tracked = self._tracked.pop(uri, None)
        if tracked is not None and tracked.task is not None:
            tracked.task.cancel()

    def all_uris(self) -> list[str]:
        """All open documents."""
        return list(self._tracked)

    async def path_of(self, uri: str) -> str | None:
        """The path of a document, open or not, relative to the root; ``None`` outside of it or without a root."""
        root, tracked = self._root, self._tracked.get(uri)
        if root is None:
            return None
        if tracked is not None and tracked.root == root:
            return tracked.path
        path = await self._worker.call(relative_path, root, uri)
        if tracked is not None and root == self._root:
            tracked.path, tracked.root = path, root
            self._take_marks(tracked)
        return path

    async def buffers(self) -> dict[str, str]:
        """Path → text of every open document inside the workspace, saved or not."""
        found = {}
        for uri in list(self._tracked):
            path, document = await self.path_of(uri), self._documents().open_document(uri)
            if path is not None and document is not None:
                found[path] = document.source
        return found

    # --- what happens in the session

    def set_session(self, root: Path | None, snapshot: Snapshot | None, marks: Marks) -> None:
        """Another state of the session; looks where marks have come."""
        moved_root = root != self._root
        self._root, self.snapshot, self._marks = root, snapshot, marks
        for uri, tracked in self._tracked.items():
            tracked.view = None
            if moved_root or snapshot is None:
                tracked.ready.clear()
                tracked.path, tracked.root, tracked.marks, tracked.places = None, None, (), {}
                self._look(uri)
            elif self._take_marks(tracked):
                tracked.ready.clear()
                self._look(uri)

    def _take_marks(self, tracked: Tracked) -> bool:
        """Give a document its marks; whether one of them has to be looked for."""
        marks = self._marks.get(tracked.path, ()) if tracked.path is not None else ()
        tracked.marks, tracked.view = marks, None
        keys = {mark.key for mark in marks}
        for key in set(tracked.places) - keys:
            del tracked.places[key]
        return bool(keys - set(tracked.places))

    # --- looking

    def _look(self, uri: str, wait_s: float = 0.0) -> None:
        tracked = self._tracked.get(uri)
        if tracked is None:
            return
        if tracked.task is not None and not tracked.task.done():
            tracked.again = True
            return
        tracked.task = asyncio.ensure_future(self._looking(tracked, wait_s))

    async def _looking(self, tracked: Tracked, wait_s: float) -> None:
        while True:
            if wait_s:
                await asyncio.sleep(wait_s)
            tracked.again = False
            outcome = await self._look_once(tracked)
            if self._complete(tracked):
                tracked.ready.set()
            self._changed(tracked.uri, outcome.stale)
            if not outcome.again and not tracked.again:
                return
            wait_s = RELOCATE_S if outcome.again else 0.0

    def _complete(self, tracked: Tracked) -> bool:
        """Whether every mark has a place; not after a look that began before a mark, or another root, came."""
        return tracked.root == self._root and all(mark.key in tracked.places for mark in tracked.marks)

    async def _look_once(self, tracked: Tracked) -> Outcome:
        root = self._root
        if root is None:
            return Outcome()
        await self.path_of(tracked.uri)
        if root != self._root:
            return Outcome(again=True)
        document = self._documents().open_document(tracked.uri)
        if document is None or not tracked.marks:
            return Outcome()
        document.take_edits()
        tracked.edits = []
        text, marks = document.source, tracked.marks
        found = await self._worker.call(locate_all, marks, text)
        wanted = {mark.key for mark in tracked.marks}
        return tracked.settle({key: place for key, place in found.items() if key in wanted})

    # --- views

    async def view(self, uri: str) -> DocumentView | None:
        """What the views of a document are computed from, now; ``None`` where there is nothing to show."""
        tracked = self._tracked.get(uri)
        if tracked is None or self.snapshot is None:
            return None
        if not tracked.ready.is_set():
            try:
                await asyncio.wait_for(tracked.ready.wait(), READY_S)
            except TimeoutError:
                tracked.shown = True
                return None
        tracked.shown = True
        return self.view_now(uri)

    def view_now(self, uri: str) -> DocumentView | None:
        """As :meth:`view`, without waiting."""
        tracked, snapshot = self._tracked.get(uri), self.snapshot
        document = self._documents().open_document(uri)
        if tracked is None or snapshot is None or document is None or tracked.path is None:
            return None
        if tracked.view is not None and tracked.view.version == document.version:
            return tracked.view
        text = document.snapshot()
        tracked.view = DocumentView(
            uri=uri,
            path=tracked.path,
            version=text.version,
            text=text.text,
            encoding=text.encoding,
            role=snapshot.role,
            me=snapshot.me,
            located=tuple(
                _located(mark, tracked.places[mark.key]) for mark in tracked.marks if mark.key in tracked.places
            ),
        )
        return tracked.view


def _located(mark: Mark, place: Place) -> Located:
    if isinstance(place, str):
        return Located(mark, None, place)
    return Located(mark, place)


def relative_path(root: Path, uri: str) -> str | None:
    """The path of a document below ``root``, with ``/``; ``None`` outside of it. Follows links: asks the disk."""
    path = file_path(uri)
    if path is None:
        return None
    for candidate in (path, _resolved(path)):
        if candidate is not None and candidate.is_relative_to(root) and ".." not in candidate.parts:
            return candidate.relative_to(root).as_posix()
    return None


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return None
