"""The journal of one workspace folder: what was written or read on this machine (architecture.md, *The journal*)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from colearner_ls.journal import local_records, reading, schema, sessions, writers
from colearner_ls.journal.bus_values import BusValues
from colearner_ls.journal.cursors import MAIN, Cursors
from colearner_ls.journal.database import Database
from colearner_ls.journal.errors import JournalMalformed, LockTimeout, ReadOnly, StorageFull
from colearner_ls.journal.faults import os_faults
from colearner_ls.journal.files import create_once
from colearner_ls.journal.identity import machine_id
from colearner_ls.journal.local_records import LocalRecords
from colearner_ls.journal.outbox import Outbox
from colearner_ls.journal.projections import LIFECYCLE_NOTE, is_as_noted
from colearner_ls.journal.quarantine import Quarantine
from colearner_ls.journal.records import (
    SALVAGE_KIND,
    CursorMove,
    Draft,
    Hole,
    Incoming,
    LocalRecord,
    PartitionKey,
    Position,
    Received,
    Salvage,
    Session,
    Stored,
)
from colearner_ls.journal.rejudging import rejudge
from colearner_ls.journal.rows import now_us
from colearner_ls.journal.salvage_place import finish, is_pending
from colearner_ls.journal.snapshots import Snapshots
from colearner_ls.journal.trust_left import TRUST_KIND, epoch_of

if TYPE_CHECKING:
    from colearner_ls.contracts.event import Event
    from colearner_ls.journal.judging_again import JudgedAgain
    from colearner_ls.journal.trust import Trust, TrustView

JOURNAL_FILE: Final = "journal.db"
LIFECYCLE_FILE: Final = "lifecycle.jsonl"


class Journal:
    """Append, receive and read events; safe to share between the threads of a process, and between processes.

    All calls are synchronous; those that write take the write lock (at most 5 s of waiting) and may wait for the disk.
    Errors are those of :mod:`colearner_ls.journal.errors`.
    """

    def __init__(
        self,
        path: Path,
        folder: Path,
        *,
        create: bool,
        readonly: bool,
        machine: str | None = None,
        trust: Trust | None = None,
    ) -> None:
        """Use :meth:`open`."""
        self.path = path
        self.folder = folder
        """Where ``learning.json`` and ``lifecycle.jsonl`` are: the workspace's ``.colearner``."""
        self._machine = machine or machine_id()
        self._trust = trust
        self.database: Final = Database(
            path,
            create=create,
            readonly=readonly,
            prepare=self._settle_writer,
            repair=self._repair,
            resume=self._resume,
            committed=self._ring,
        )
        """For the other modules of this room."""
        self.outbox: Final = Outbox(self.database)
        self.cursors: Final = Cursors(self.database)
        self.quarantine: Final = Quarantine(self.database)
        self.local: Final = LocalRecords(self.database)
        self.snapshots: Final = Snapshots(self.database)
        self.bus_values: Final = BusValues(self.database)

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        folder: Path | None = None,
        create: bool = True,
        readonly: bool = False,
        machine: str | None = None,
        trust: Trust | None = None,
    ) -> Self:
        """Open the journal file ``path``, or ``path/journal.db`` where ``path`` is a folder.

        Where it is missing it is made, with its folder and a ``.gitignore`` in it, unless ``create`` is false. In a
        folder that cannot be written, reading works: the journal is then ``readonly``.
        ``folder`` is the workspace's ``.colearner`` where the journal lives elsewhere. ``machine`` stands in for
        :func:`~colearner_ls.journal.identity.machine_id`. ``trust`` has the person's own keys, to sign with, and the keys
        they agreed to; without it nothing is signed, and sessions are judged by what the journal knows of keys.
        """
        path = Path(os.path.abspath(path))  # noqa: PTH100 - absolute() would keep the dots
        file = path if path.suffix == ".db" else path / JOURNAL_FILE
        create = create and not readonly
        if create and not file.exists():
            make_folder(file.parent)
        where = file.parent if folder is None else folder
        journal = cls(file, where, create=create, readonly=readonly, machine=machine, trust=trust)
        try:
            journal._bring_up()
        except ReadOnly:
            journal.close()
            if readonly or not file.exists():
                raise
            return cls.open(file, folder=folder, readonly=True, machine=machine, trust=trust)
        except BaseException:
            journal.close()
            raise
        return journal

    @property
    def readonly(self) -> bool:
        """Whether everything that writes raises :class:`~colearner_ls.journal.errors.ReadOnly`."""
        return self.database.readonly

    def close(self) -> None:
        """Close the file. Harmless when called again; everything else then raises ``JournalClosed``."""
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- identity

    @property
    def generation(self) -> int:
        """Grows when the file was replaced by a new journal (salvage): row numbers and cursors start anew."""
        return self.database.generation

    @property
    def writer(self) -> str:
        """The UUID that this journal writes under."""
        return self.database.read(writers.current)

    def _bring_up(self) -> None:
        """Look whether the file can be read as it is; make, migrate or re-sign it under the lock where it cannot."""
        if is_pending(self.path):
            self._resume()
        if not self.database.readonly and (not self.path.exists() or not self.database.read(self._is_settled)):
            self.database.write(lambda _: None, durable=True)
        if self.database.readonly:
            self.database.read(lambda db: schema.layout(db, self.path))
        else:
            rejudge(self.database)
            self._take_back()
            self._judge_by_pins()

    def _take_back(self) -> None:
        """Before anything is written: has the file beside the journal own events that the journal lost?"""
        if is_as_noted(self.database, LIFECYCLE_NOTE, self.folder / LIFECYCLE_FILE):
            return
        from colearner_ls.journal.lifecycle_file import LifecycleFile

        with contextlib.suppress(StorageFull, LockTimeout):  # the next start, or the next look at the file, does it
            LifecycleFile(self).take_back()

    def _judge_by_pins(self) -> None:
        """Were keys pinned or unpinned while this journal was not open? Without any, ever, it costs a look at a file."""
        trust = self._trust
        if trust is None or not (trust.has_pins() or self.local.list(TRUST_KIND)):
            return
        from colearner_ls.journal.pins import PinsError
        from colearner_ls.journal.trust import behind

        with contextlib.suppress(PinsError):  # the next batch says so; what is here can be read all the same
            for session_id in self.database.read(lambda db: behind(db, trust)):
                from colearner_ls.journal.judging_again import catch_up  # with the validation, which reading needs not

                catch_up(self.database, session_id, trust, now_us())

    def _is_settled(self, db: sqlite3.Connection) -> bool:
        inode = os.stat(self.path).st_ino  # noqa: PTH116
        return schema.layout(db, self.path) == schema.VERSION and writers.knows(db, self.path, self._machine, inode)

    def _settle_writer(self, db: sqlite3.Connection, file: os.stat_result) -> None:
        """Start a new writer in a new journal, and in one that was copied or restored: its numbers are taken."""
        if not writers.knows(db, self.path, self._machine, file.st_ino):
            (known,) = db.execute("SELECT count(*) FROM writer").fetchone()
            if not known and writers.all_of(None, self.path):
                self._say_emptied(db)
            writers.start(db, self.path, self._machine, file.st_ino, "copied" if known else "new")

    def _say_emptied(self, db: sqlite3.Connection) -> None:
        """There was a journal here, and what SQLite finds is an empty file or none: to it that is a new database."""
        from dataclasses import asdict

        at = now_us()
        lost = "What stood in it alone is lost; own events that lifecycle.jsonl has are back, others come from the bus."
        report = Salvage("", at, "the file was empty or missing", 0, 0, (lost,))
        local_records.put(db, LocalRecord(SALVAGE_KIND, f"emptied {at}", asdict(report)), at)

    def _ring(self) -> None:
        from colearner_ls.journal.doorbell import ring  # sockets: only those who write need them

        ring(self.path)

    def _repair(self, error: JournalMalformed) -> None:
        """SQLite says that the file is malformed: put a new journal in its place, unless someone just has."""
        if self.database.readonly:
            raise error
        with self.database.locked():
            if self.database.is_current():
                self._salvage(str(error.__cause__ or error))

    def _salvage(self, cause: str) -> Salvage:
        from colearner_ls.journal.salvage import salvage

        self.database.abandon()
        return salvage(self.path, lifecycle=self.folder / LIFECYCLE_FILE, machine=self._machine, cause=cause)

    def _resume(self) -> bool:
        if self.database.readonly or not self.path.parent.is_dir():
            return False
        with self.database.locked():
            return finish(self.path)

    def salvage(self, cause: str = "asked for") -> Salvage:
        """Make a new journal of what can be read of this one, as if SQLite had called it malformed."""
        with self.database.locked():
            return self._salvage(cause)

    def salvages(self) -> tuple[Salvage, ...]:
        """The salvages that this journal came through, oldest first."""
        return tuple(
            Salvage(**{**record.value, "lost": tuple(record.value["lost"])}) for record in self.local.list(SALVAGE_KIND)
        )

    def integrity_check(self) -> tuple[str, ...]:
        """What is wrong with the file, in SQLite's words and ours; empty when nothing is. Reads everything."""
        from colearner_ls.journal.checking import check

        return check(self.database)

    # -- writing

    def append(
        self,
        drafts: Sequence[Draft],
        *,
        local: Sequence[LocalRecord] = (),
        claim: str | None = None,
        wall_us: int | None = None,
    ) -> tuple[Stored, ...]:
        """Store events with their outbox rows, local records and the claim, together or not at all; then it is on disk.

        ``claim`` is a ``done`` key: where it is taken, nothing is written and ``()`` comes back. ``wall_us`` stands in
        for the wall clock (µs since the Unix epoch). Raises :class:`~colearner_ls.contracts.errors.BadInput` and its
        kin for drafts that are not valid, :class:`~colearner_ls.journal.keys.KeyFileError` where an author has a key that
        cannot be used, and :class:`~colearner_ls.journal.errors.KeyNotInForce` for what claims to be the coach's in a
        session with pinned keys and would be accepted by nobody.
        """
        from colearner_ls.journal.appending import Append, append, signers

        keys = signers(self._trust, drafts)
        wall = now_us() if wall_us is None else wall_us
        request = Append(tuple(drafts), tuple(local), claim, wall, self._trust, keys)
        return self.database.write(lambda db: append(db, request), durable=True)

    def receive(
        self,
        bus: str,
        incoming: Sequence[Incoming],
        moves: Mapping[PartitionKey, CursorMove],
        *,
        backfill: int | None = None,
        wall_us: int | None = None,
    ) -> Received:
        """Take in a batch read from ``bus`` and move the cursors it was read by, together or not at all.

        ``backfill`` names the backfill whose cursors these are. Only sessions bound to ``bus`` are taken in. Raises
        :class:`~colearner_ls.journal.errors.CursorConflict` where another process has read on.
        """
        if not incoming and not moves:
            return Received()
        from colearner_ls.journal.receiving import Receive, check_ahead, judged, receive

        records = tuple(judged(record) for record in incoming)
        self.database.read(lambda db: check_ahead(db, records))
        wall = now_us() if wall_us is None else wall_us
        request = Receive(bus, records, moves, backfill or MAIN, wall, self._trust)
        return self.database.write(lambda db: receive(db, request), durable=False)

    def claim(self, key: str) -> bool:
        """Claim a ``done`` key, durably; false when it is taken. Only the winner does what it stands for."""
        return self.database.write(lambda db: local_records.claim(db, key, now_us()), durable=True)

    # -- sessions

    def follow(self, session_id: str, bus: str) -> bool:
        """Follow a session on ``bus``; false where it is followed already. See :meth:`follow_all`."""
        return bool(self.follow_all([session_id], bus))

    def follow_all(self, session_ids: Sequence[str], bus: str) -> tuple[str, ...]:
        """Follow sessions, bound to the bus of that key; those that are new come back.

        History that the main reader has passed is loaded by one backfill for all of them. Raises
        :class:`~colearner_ls.journal.errors.OtherBus` where one is bound to another bus.
        """
        bound = self.database.read(lambda db: {name: sessions.bound_bus(db, name) for name in session_ids})
        if all(found == bus for found in bound.values()):
            return ()
        followed = self.database.write(lambda db: sessions.follow(db, session_ids, bus, now_us()), durable=True)
        self._judge_by_pins()
        return followed

    def rebind(self, session_id: str, bus: str) -> int:
        """Bind a session to another bus and mark its own events unsent; how many there are."""
        return self.database.write(lambda db: sessions.rebind(db, session_id, bus, now_us()), durable=True)

    def adopt_bus(self, old: str, new: str) -> tuple[str, ...]:
        """Go on under the key ``new`` with a bus that is the very one known as ``old``; the sessions that moved."""
        return self.database.write(lambda db: sessions.adopt_bus(db, old, new), durable=True)

    def sessions(self) -> tuple[Session, ...]:
        """All sessions that are followed here, oldest first."""
        return self.database.read(sessions.sessions)

    def bound_bus(self, session_id: str) -> str | None:
        """The key of the bus that the session is bound to; ``None`` where it is not."""
        return self.database.read(lambda db: sessions.bound_bus(db, session_id))

    # -- trust

    def trust(self, session_id: str) -> TrustView:
        """How far a session can be trusted: the keys in force, students' keys, how many events were not accepted."""
        from colearner_ls.journal.trust import view

        return self.database.read(lambda db: view(db, session_id))

    def judge_again(self, session_id: str) -> JudgedAgain:
        """Judge a session by the keys that are pinned now; call it after a pin was set or taken back.

        Own events that need a signature and have none get one, and are sent once more. Raises
        :class:`~colearner_ls.journal.keys.KeyFileError` where the key for that cannot be used and
        :class:`~colearner_ls.journal.pins.PinsError` where it cannot be read what is pinned: nothing has changed then.
        """
        from colearner_ls.journal.judging_again import judge_again

        return judge_again(self.database, session_id, self._trust, now_us())

    def tell_untrusted(self, session_id: str) -> int:
        """How many untrusted events the person should be told of now, or 0. Only one of all processes gets to tell."""
        from colearner_ls.journal.trust import tell_untrusted, untrusted

        if not self.database.read(lambda db: untrusted(db, session_id)):
            return 0
        return self.database.write(lambda db: tell_untrusted(db, session_id, now_us()), durable=False)

    def epoch(self, session_id: str) -> int:
        """Grows when events of the session left the journal: a fold over it has to start anew then."""
        return self.database.read(lambda db: epoch_of(db, session_id))

    # -- reading

    def events(self, session_id: str | None = None, *, after_row: int = 0) -> Iterator[Stored]:
        """Events in journal order, of one session or of all."""
        return reading.after_row(self.database, after_row, session_id)

    def events_in_order(self, session_id: str, after: Position | None = None) -> Iterator[Stored]:
        """Events of a session in the order of the fold, ``(hlc, id)``, after a position."""
        return reading.in_order(self.database, session_id, after)

    def applied_in_order(self, session_id: str, after: Position | None = None) -> Iterator[Event]:
        """What the fold takes: the applied events of a session in the order ``(hlc, id)``, after a position."""
        return reading.applied_in_order(self.database, session_id, after)

    def event(self, event_id: str) -> Stored | None:
        """The event of that id, or ``None``."""
        return self.database.read(lambda db: reading.one(db, event_id))

    def find(self, part: str, *, limit: int = 20) -> tuple[Stored, ...]:
        """Events whose id begins or ends with ``part`` (4 characters or more), newest first."""
        return self.database.read(lambda db: reading.find(db, part, limit))

    def count(self, session_id: str | None = None) -> int:
        """How many events there are."""
        return self.database.read(lambda db: reading.count(db, session_id))

    def last_row(self) -> int:
        """The newest row number, 0 in an empty journal."""
        return self.database.read(reading.last_row)

    def holes(self) -> tuple[Hole, ...]:
        """Events that are missing here, by the numbers that their writers gave out."""
        return self.database.read(reading.holes)


def make_folder(folder: Path) -> None:
    """Make the folder of a journal, which ignores itself: git never sees what is in it."""
    with os_faults(folder / JOURNAL_FILE):
        folder.mkdir(parents=True, exist_ok=True)
        create_once(folder / ".gitignore", b"*\n")


__all__ = ["JOURNAL_FILE", "Journal", "make_folder"]
