"""What can go wrong with a journal. Each says what the user can do; nothing that was acknowledged is lost by any."""

from __future__ import annotations

from pathlib import Path

from colearner_ls.contracts.errors import BadInput, ColearnerError, RefusedByPolicy


class JournalError(ColearnerError):
    """Base of everything the journal reports."""


class JournalMissing(JournalError):  # noqa: N818
    """There is no journal at that path, or it was deleted while it was open."""


class NotAJournal(JournalError):  # noqa: N818
    """The file is a sound SQLite database of some other program. It is never touched."""


class JournalTooNew(JournalError):  # noqa: N818
    """A newer colearner wrote this journal, in a layout that this version does not know."""


class JournalMalformed(JournalError):  # noqa: N818
    """SQLite says that the file is damaged. Opening it for writing salvages it; reading alone cannot."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(
            f"The journal {path} is damaged ({cause}).",
            "Any command that writes salvages it: the damaged file is kept, and what can be read is carried over.",
        )
        self.path = path


class JournalReplaced(JournalError):  # noqa: N818
    """The journal was found damaged and salvaged while it was being read in journal order."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"The journal {path} was damaged and has just been salvaged.", "Do the same once more.")
        self.path = path


class WalRefused(JournalError):  # noqa: N818
    """The filesystem cannot hold a database that several processes write (WAL mode was refused)."""


class StorageFull(JournalError):  # noqa: N818
    """The disk is full. Nothing of the refused write was kept; all that was acknowledged before still is."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"The disk is full: {path.parent} has no room left, and nothing was saved.",
            "Free some space and try again. All that was saved before is still there.",
        )
        self.path = path


class StorageFailed(JournalError):  # noqa: N818
    """The disk reported an error while reading or writing; the connection was given up and is opened anew."""


class ReadOnly(JournalError):  # noqa: N818
    """The folder cannot be written to. Reading goes on working."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path.parent} is read-only, so nothing was saved.",
            "Make the folder writable, or work in a copy of it.",
        )
        self.path = path


class LockTimeout(JournalError):  # noqa: N818
    """Another process or thread kept the write lock for too long.

    ``pid`` is the holder's process id where it is known; ``waited`` is in seconds.
    """

    def __init__(self, path: Path, *, pid: int | None, holder: str, waited: float) -> None:
        super().__init__(
            f"The journal is locked by {holder} for more than {waited:.0f} s ({path}).",
            "Wait for that process to finish, or end it if it hangs; then try again.",
        )
        self.path = path
        self.pid = pid
        self.waited = waited


class JournalBusy(JournalError):  # noqa: N818
    """A program that does not know our lock (an SQLite shell, a backup) holds the database."""


class JournalClosed(JournalError):  # noqa: N818
    """The journal object was closed and is used again."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"The journal {path} is already closed.", "")


class CursorConflict(JournalError):  # noqa: N818
    """A read cursor is no longer where the reader thought it was: another process read on, or the journal is new.

    Nothing of the batch was kept. Read the cursors again and fetch from there.
    """

    def __init__(self, bus: str, topic: str, partition: int, *, expected: int | None, found: int | None) -> None:
        super().__init__(
            f"The cursor of {topic}/{partition} stands at {found}, not at {expected}: another process reads here too.",
            "",
        )
        self.bus = bus
        self.topic = topic
        self.partition = partition
        self.expected = expected
        self.found = found


class DuplicateId(BadInput):
    """An event with that id is in the journal already, so no new one can be called so."""


class OtherBus(JournalError):  # noqa: N818
    """The session is bound to another bus; changing it has to be said explicitly."""

    def __init__(self, session_id: str, *, bound: str, asked: str) -> None:
        super().__init__(
            f"Session “{session_id}” is bound to the bus {bound}, not {asked}.",
            "Its events stay in the journal. Bind it anew if it really moved; own events are then sent again.",
        )
        self.session_id = session_id
        self.bound = bound
        self.asked = asked


class KeyNotInForce(RefusedByPolicy):
    """In a session with pinned keys: this person's word would not be accepted as the coach's, so it is not written."""
