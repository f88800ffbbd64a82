"""What goes into the journal and what comes out of it: frozen records, no behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Final, Literal, Protocol

from colearner_ls.contracts.event import Event
from colearner_ls.contracts.frozen import frozen

Delivery = Literal["waiting", "sending", "sent", "refused"]
"""State of an own event on its way to the bus; ``sending`` is committed before the send, outcome unknown."""

PartitionKey = tuple[str, int]
"""Base name of a topic, and partition."""

Position = tuple[int, str]
"""Place in the order of the fold: ``(hlc in µs, event id)``."""


@frozen
class Draft:
    """An event before the journal names it: id, hlc, ts, writer and seq are given in the write transaction.

    ``event_id`` is made beforehand (:func:`colearner_ls.contracts.ids.new_id`) where another draft refers to it.
    ``publish`` false keeps the event to this journal: no outbox row, and neither writer nor seq, so that no other
    reader sees a hole in our numbering.
    """

    event_type: str
    actor: str
    session_id: str
    payload: Mapping[str, Any]
    student_id: str | None = None
    author: str | None = None
    causation_id: str | None = None
    correlation_id: str | None = None
    event_id: str | None = None
    publish: bool = True


@frozen
class Stored:
    """An event as it stands in the journal.

    ``row`` grows in journal order and is never used twice. ``applied`` false: kept, but out of the fold. ``source`` is
    ``local``, ``salvaged`` or the key of the bus it came from. ``delivery`` is ``None`` for events of others.
    ``replaced``: stands in the place of an event of the same id with other content, seen earlier.
    """

    row: int
    event: Event
    raw: bytes
    applied: bool
    source: str
    delivery: Delivery | None = None
    replaced: bool = False


class Incoming(Protocol):
    """A record read from a bus; ``value`` is ``None`` for a Kafka tombstone."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


@frozen
class CursorMove:
    """Move a cursor from ``expected`` (``None``: there is none yet) to ``next``, the offset to read from then.

    ``last_hash`` is the SHA-256 of the last record read, by which a later connect sees whether the log is the same.
    """

    expected: int | None
    next: int
    last_hash: bytes | None = None


@frozen
class Cursor:
    """Where reading of one partition stands. ``until`` (backfills only): where the second reader stops."""

    topic: str
    partition: int
    next: int
    last_hash: bytes | None = None
    until: int | None = None


@frozen
class Received:
    """What one batch from a bus brought.

    ``new`` in the order of arrival. ``duplicates`` had no effect. ``quarantined`` and ``conflicts`` (same id, other
    content) are kept byte for byte; ``dropped`` is garbage over the limits, only counted. ``sent``: ids of own events
    that were seen on the bus for the first time. ``ahead``: ids whose hlc is over 24 h ahead of our clock. ``untrusted``: of
    the quarantined those that claim to be the coach's in a session with pinned keys, and are not.
    """

    new: tuple[Stored, ...] = ()
    duplicates: int = 0
    quarantined: int = 0
    unfollowed: int = 0
    conflicts: int = 0
    dropped: int = 0
    sent: tuple[str, ...] = ()
    ahead: tuple[str, ...] = ()
    untrusted: int = 0


@frozen
class OutboxRow:
    """An own event that is to be published. ``topic`` is a base name; the record key is the session id."""

    event: Event
    raw: bytes
    topic: str
    row: int
    attempts: int = 0

    @property
    def id(self) -> str:
        return self.event.id

    @property
    def session_id(self) -> str:
        return self.event.session_id


@frozen
class Refusal:
    """An own event that the bus refused for good, with the bus's reason. ``at`` in µs since the Unix epoch."""

    event_id: str
    session_id: str
    event_type: str
    reason: str
    at: int


@frozen
class OutboxCounts:
    """How many own events are in which state."""

    waiting: int = 0
    sending: int = 0
    sent: int = 0
    refused: int = 0

    @property
    def unsent(self) -> int:
        """Events that will still be sent."""
        return self.waiting + self.sending


@frozen
class Acknowledged:
    """The newest own event that a partition is known to hold: by it a later connect sees whether data was lost."""

    topic: str
    partition: int
    offset: int
    event_id: str


@frozen
class Session:
    """A session this journal knows. ``bus`` is the key of the bus it is bound to; ``None``: not bound yet."""

    id: str
    bus: str | None
    since: int
    """When it was first followed, in µs since the Unix epoch."""
    events: int = 0
    loading: bool = False
    """A backfill of its history is not finished."""


@frozen
class Backfill:
    """A second reader's job: read from the beginning up to each cursor's ``until``, for these sessions only.

    ``cursors`` holds one entry for every partition of the job; ``next`` is 0 where nothing was read yet.
    """

    number: int
    bus: str
    sessions: tuple[str, ...]
    cursors: tuple[Cursor, ...]

    @property
    def done(self) -> bool:
        """Every partition was read up to where the main reader took over."""
        return all(cursor.until is None or cursor.next >= cursor.until for cursor in self.cursors)


@frozen
class LocalRecord:
    """Something this machine knows and tells nobody: a link made by hand, an agreement, an imported file."""

    kind: str
    key: str
    value: Any
    """Any JSON value."""
    session: str | None = None
    at: int = 0
    """When it was put, in µs since the Unix epoch; set by the journal."""


@frozen
class Quarantined:
    """A record that was not accepted, kept byte for byte. ``bus`` is ``None`` for what did not come from one."""

    number: int
    bus: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    reason: str
    detail: str
    session_id: str | None
    event_id: str | None
    raw: bytes
    at: int


@frozen
class Hole:
    """Numbers that one writer gave out in a session and that never arrived here: ``first`` to ``last``, inclusive."""

    session_id: str
    writer: str
    first: int
    last: int


@frozen
class Snapshot:
    """A dump of the fold after the event at ``position``. ``data`` is opaque; ``version`` names its maker."""

    session_id: str
    position: Position
    data: bytes
    version: str = ""


SALVAGE_KIND: Final = "salvage"
"""Kind of the local record in the new journal that says what was salvaged."""


@frozen
class Salvage:
    """What became of a malformed journal.

    ``kept``: where the damaged file is now, empty where there was none. ``lost`` names, one sentence each, what could not
    be saved.
    """

    kept: str
    at: int
    cause: str
    events: int
    from_lifecycle: int
    lost: tuple[str, ...] = ()


@frozen
class News:
    """What a tail saw: new rows in journal order, or none where only other state changed (outbox, quarantine, …).

    ``reset``: the journal was replaced by a new one (salvage); row numbers start anew: read everything again.
    """

    rows: Sequence[Stored] = field(default=())
    reset: bool = False
