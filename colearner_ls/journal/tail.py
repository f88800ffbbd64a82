"""Tailing: what is new in the journal, from this process or another, within a moment of its commit."""

from __future__ import annotations

import logging
import select
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from colearner_ls.journal import reading
from colearner_ls.journal.database import Database
from colearner_ls.journal.doorbell import Bell
from colearner_ls.journal.errors import JournalClosed, JournalError
from colearner_ls.journal.faults import sqlite_faults
from colearner_ls.journal.records import News, Stored
from colearner_ls.journal.rows import STORED, check_order, stored

if TYPE_CHECKING:
    from colearner_ls.journal.journal import Journal

POLL_S: Final = 0.25
"""How often the journal is looked at without a ring, in seconds (architecture.md, *The journal*)."""

_log = logging.getLogger(__name__)


class Tail:
    """Calls ``callback`` in a thread of its own, with every event after ``after_row`` once and in journal order.

    A commit without new events (outbox, quarantine, local records) is reported by empty news. The callback must not
    close the tail's journal; what it raises is logged, and the tail goes on. ``error`` is what keeps the journal from
    being read at the moment, or ``None``.
    """

    def __init__(
        self,
        journal: Journal,
        callback: Callable[[News], None],
        *,
        after_row: int | None = None,
        poll_s: float = POLL_S,
    ) -> None:
        """``after_row`` ``None``: only what comes from now on."""
        self.error: JournalError | None = None
        self._database: Database = journal.database
        self._callback = callback
        self._generation = journal.generation
        self._poll_s = poll_s
        self._watch: sqlite3.Connection | None = None
        self._seen: int | None = self._version()  # before the row: a commit in between is told all the same
        self._row = journal.last_row() if after_row is None else after_row
        self._behind = after_row is not None
        self._bell = Bell(journal.path)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="colearner-tail", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop. When this returns the callback does not run any more, unless it is the callback that called."""
        self._stopped.set()
        self._bell.wake()
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopped.is_set():
                try:
                    self._look()
                    self.error = None
                except JournalClosed:
                    return
                except JournalError as error:
                    if self.error is None:
                        _log.warning("The journal cannot be read at the moment: %s", error.message)
                    self.error = error
                    self._forget()
                self._wait()
        finally:
            self._forget()
            self._bell.close()

    def _wait(self) -> None:
        fd = self._bell.fileno()
        if fd is None:
            self._stopped.wait(self._poll_s)
            return
        select.select([fd], [], [], self._poll_s)
        self._bell.quiet()

    def _look(self) -> None:
        generation = self._database.current_generation()
        reset = generation != self._generation
        if reset:
            self._forget()
            self._generation = generation
            self._row = 0
            self._behind = True
            self._tell(News(reset=True))
        version = self._version()
        if version == self._seen and not self._behind:
            return
        rows = 0
        while chunk := self._next_chunk():
            rows += len(chunk.rows)
            self._row = chunk.rows[-1].row
            self._tell(chunk)
        if not rows and version != self._seen and not reset:
            self._tell(News())
        self._seen = version
        self._behind = False

    def _version(self) -> int:
        """``PRAGMA data_version``: differs when anyone but this very connection has committed."""
        if self._watch is None:
            self._watch = self._database.reader()
        with sqlite_faults(self._database.path):
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def _next_chunk(self) -> News | None:
        query = f"{STORED} WHERE e.row > ? ORDER BY e.row LIMIT {reading.CHUNK}"

        def read(db: sqlite3.Connection) -> tuple[Stored, ...]:
            found = tuple(stored(row) for row in db.execute(query, (self._row,)))
            check_order([self._row, *(each.row for each in found)])
            return found

        rows = self._database.read(read)
        return News(rows) if rows and not self._stopped.is_set() else None

    def _tell(self, news: News) -> None:
        try:
            self._callback(news)
        except Exception:  # noqa: BLE001 - the next news must still come; a front end's fault is its own
            _log.exception("A listener of the journal failed")

    def _forget(self) -> None:
        if self._watch is not None:
            self._database.retire(self._watch)
            self._watch = None
        self._seen = None


def wait_for(journal: Journal, condition: Callable[[], bool], timeout_s: float, *, poll_s: float = POLL_S) -> bool:
    """Wait until ``condition`` holds, looking again after every commit; whether it did within ``timeout_s`` seconds."""
    deadline = time.monotonic() + timeout_s
    bell = Bell(journal.path)
    try:
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            fd = bell.fileno()
            if fd is None:
                time.sleep(min(poll_s, left))
            else:
                select.select([fd], [], [], min(poll_s, left))
                bell.quiet()
        return True
    finally:
        bell.close()
