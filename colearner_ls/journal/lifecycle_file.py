"""``lifecycle.jsonl``: every event of the followed sessions, one envelope a line, in journal order."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal import adopting, local_records, writers
from colearner_ls.journal.faults import os_faults
from colearner_ls.journal.files import keep_aside, open_plain, replacing
from colearner_ls.journal.journal import LIFECYCLE_FILE, Journal
from colearner_ls.journal.lifecycle_lines import REMARK_KIND, Remark, event_in, lines, remark_in
from colearner_ls.journal.lock import FileLock
from colearner_ls.journal.projections import FILES_LOCK, LIFECYCLE_NOTE, get_note, put_note
from colearner_ls.journal.records import LocalRecord
from colearner_ls.journal.rows import check_order, now_us

if TYPE_CHECKING:
    from colearner_ls.contracts.judging import Accepted

_APPEND: Final = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
_BLOCK: Final = 1 << 20
_CHUNK: Final = 500


@frozen
class LifecycleWritten:
    """What an update did: ``appended`` lines; ``rebuilt`` wholly; ``remarks`` of a peer taken in; own events
    ``adopted`` that the journal had lost; ``kept``: where a file with lines that are neither is now."""

    appended: int = 0
    rebuilt: bool = False
    remarks: int = 0
    adopted: int = 0
    kept: Path | None = None


@frozen
class _Line:
    row: int
    data: bytes


class LifecycleFile:
    """Keeps the file a copy of the journal. It is never a source, but for peers' remarks and a damaged journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.path = journal.folder / LIFECYCLE_FILE
        self._lock = FileLock(journal.path.with_name(FILES_LOCK))

    def update(self) -> LifecycleWritten:
        """Append what is new. A torn line is completed, a changed or missing file is written anew.

        Raises :class:`~colearner_ls.journal.errors.ReadOnly` and ``StorageFull``; a later update goes on from there.
        """
        with os_faults(self.path), self._lock.held():
            generation = self._journal.generation
            written = self._update()
            # Salvaged while it was read: rows are numbered anew, and what was written may be anything.
            return written if self._journal.generation == generation else self._rebuild()

    def _update(self) -> LifecycleWritten:
        note = get_note(self._journal.database, LIFECYCLE_NOTE)
        if note is not None and self._is_untouched(note):
            return LifecycleWritten(self._append(note["row"], 0, note["row"]))
        common = self._common()
        return self._rebuild() if common is None else LifecycleWritten(self._append(*common))

    def take_back(self) -> int:
        """Take own events back that stand in the file and not in the journal, without writing the file; how many.

        Called before anything is appended: where the journal has fallen back to an older state (its write-ahead log was
        lost, an old copy was put in its place), the numbers of those events must not be given out again. Costs one look
        where the file is the one that was written last.
        """
        note = get_note(self._journal.database, LIFECYCLE_NOTE)
        try:
            there = self.path.lstat()
        except OSError:
            return 0
        start = 0
        if note is not None:
            inode, size, touched = note["file"]
            if [there.st_ino, there.st_size, there.st_mtime_ns] == [inode, size, touched]:
                return 0
            start = size if there.st_ino == inode and there.st_size >= size else 0  # only more was appended
        own = self._journal.database.read(lambda db: writers.all_of(db, self._journal.path))
        with os_faults(self.path):
            found = [line for line in lines(self.path, start=start) if any(name.encode() in line for name in own)]
        lost = [each for each in map(event_in, found) if each is not None and each.event.writer in own]
        return self._adopt([each for each in lost if not self._knows(each)])

    def _is_untouched(self, note: Mapping[str, Any]) -> bool:
        """Is the file the one we wrote, and is no line of it outdated by an event that took another's place?"""
        try:
            there = self.path.lstat()
        except FileNotFoundError:
            return False
        if [there.st_ino, there.st_size, there.st_mtime_ns] != note["file"]:
            return False
        query = "SELECT 1 FROM event WHERE row > ? AND replaced LIMIT 1"
        return self._journal.database.read(lambda db: db.execute(query, (note["row"],)).fetchone()) is None

    def _common(self) -> tuple[int, int, int] | None:
        """Compare the file with the journal: (last row it has whole, bytes it has of the next line, that row again).

        ``None`` where it is missing or is not the beginning of what the journal says.
        """
        file = open_plain(self.path)
        if file is None:
            return None
        with file:
            row = 0
            for line in self._lines(0):
                found = file.read(len(line.data))
                if found == line.data:
                    row = line.row
                    continue
                return (row, len(found), row) if line.data.startswith(found) and not file.read(1) else None
            return None if file.read(1) else (row, 0, row)

    def _lines(self, after: int) -> Iterator[_Line]:
        while chunk := self._chunk(after):
            for row, raw in chunk:
                # Line breaks can only stand between the tokens of a JSON text: a space means the same.
                yield _Line(row, raw.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")
            after = chunk[-1][0]

    def _chunk(self, after: int) -> list[tuple[int, bytes]]:
        query = "SELECT row, raw FROM event WHERE row > ? ORDER BY row LIMIT ?"

        def read(db: sqlite3.Connection) -> list[tuple[int, bytes]]:
            found = db.execute(query, (after, _CHUNK)).fetchall()
            check_order([after, *(row for row, _ in found)])
            return found

        return self._journal.database.read(read)

    def _append(self, row: int, torn: int, noted: int) -> int:
        """Append the lines after ``row``, the first ``torn`` bytes of which stand there already."""
        count = 0
        fd: int | None = None
        try:
            block = bytearray()
            for line in self._lines(row):
                if fd is None:
                    fd = os.open(self.path, _APPEND, 0o644)
                block += line.data[torn:]
                torn = 0
                row = line.row
                count += 1
                if len(block) >= _BLOCK:
                    _write(fd, block)
                    block.clear()
            if fd is not None:
                _write(fd, block)
        finally:
            if fd is not None:
                os.close(fd)
        if count or row != noted or get_note(self._journal.database, LIFECYCLE_NOTE) is None:
            self._note(row)
        return count

    def _note(self, row: int) -> None:
        there = self.path.lstat()
        value = {"row": row, "file": [there.st_ino, there.st_size, there.st_mtime_ns]}
        put_note(self._journal.database, LIFECYCLE_NOTE, value)

    def _rebuild(self) -> LifecycleWritten:
        remarks, adopted, strange = self._take_in()
        kept: list[Path] = []
        row, count = 0, 0
        with replacing(self.path, before=(lambda: kept.append(keep_aside(self.path))) if strange else None) as file:
            for line in self._lines(0):
                file.write(line.data)
                row = line.row
                count += 1
        self._note(row)
        return LifecycleWritten(count, True, remarks, adopted, kept[0] if kept else None)

    def _take_in(self) -> tuple[int, int, bool]:
        """Remarks and lost own events found in the file: how many of each, and whether there is anything else in it."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_file()):
            return 0, 0, True
        remarks: list[Remark] = []
        lost: list[Accepted] = []
        strange = False
        own = self._journal.database.read(lambda db: writers.all_of(db, self._journal.path))
        for line in lines(self.path):
            remark = remark_in(line)
            if remark is not None:
                remarks.append(remark)
                continue
            accepted = event_in(line)
            if accepted is None or not self._knows(accepted):
                if accepted is not None and accepted.event.writer in own:
                    lost.append(accepted)
                else:
                    strange = True
        adopted = self._adopt(lost)
        return self._keep_remarks(remarks), adopted, strange or adopted < len({each.event.id for each in lost})

    def _knows(self, accepted: Accepted) -> bool:
        """Does this very event stand in the journal, or did it lose its id to another content, or its signature's worth?"""
        query = """SELECT 1 FROM event WHERE id = ?1 AND content = ?2
            UNION ALL SELECT 1 FROM quarantine WHERE event_id = ?1 AND reason IN ('id_conflict', 'untrusted')"""
        values = (accepted.event.id, accepted.content)
        return self._journal.database.read(lambda db: db.execute(query, values).fetchone()) is not None

    def _adopt(self, lost: list[Accepted]) -> int:
        """Take back own events that the journal has lost, in one transaction; how many were really missing."""
        if not lost:
            return 0
        at = now_us()
        work = self._journal.database.write
        return work(lambda db: sum(adopting.adopt(db, accepted, at) for accepted in lost), durable=True)

    def _keep_remarks(self, remarks: list[Remark]) -> int:
        """Store the remarks that are new, all in one transaction; how many."""
        known = {record.key for record in self._journal.local.list(REMARK_KIND)}
        new = {remark.key: remark for remark in remarks if remark.key not in known}
        if new:
            records = [LocalRecord(REMARK_KIND, r.key, r.value, r.session_id) for r in new.values()]
            self._journal.database.write(lambda db: local_records.put_all(db, records, now_us()), durable=True)
        return len(new)


def _write(fd: int, data: bytes | bytearray) -> None:
    view = memoryview(bytes(data))
    while view:
        view = view[os.write(fd, view) :]
