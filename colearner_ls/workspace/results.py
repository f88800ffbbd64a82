"""What a use case gives back, and the errors it can raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from colearner_ls.contracts.errors import BadInput, ColearnerError, NoSession, RefusedByPolicy
from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.state import LearnerState, SessionState

Delivery = Literal["sent", "local", "kept"]
"""``sent``: the broker has it; ``local``: on this machine's bus; ``kept``: in the journal, goes when the bus is reachable."""


@frozen
class Written:
    """What a writing use case stored. ``event_id`` is the main event's; ``evidence`` are ids of snapshots stored with it."""

    event_id: str
    event_type: str
    session_id: str
    student_id: str | None = None
    exercise_id: str | None = None
    evidence: tuple[str, ...] = ()
    delivery: Delivery = "kept"
    text: str = ""
    """What a person should still know, e.g. the invite after ``init``."""


@frozen
class SyncStatus:
    """How this workspace stands with its bus. ``connected`` is what the process that holds sync said last.

    ``seen_us``: when the bus was last in contact (µs), ``None`` if never. ``waiting``: own events not yet on the bus.
    ``refused``: events the bus will not take. ``loading``: sessions whose history is still being read.
    """

    bus: str
    embedded: bool
    connected: bool = False
    waiting: int = 0
    refused: int = 0
    last_error: str | None = None
    seen_us: int | None = None
    holder_pid: int | None = None
    loading: tuple[str, ...] = ()


@frozen
class TrustStatus:
    """Whose word counts. ``verified``: a coach's key is pinned, so what claims to be the coach's is checked. ``untrusted``:
    events of the session that were put aside because they claim it without a signature that counts."""

    verified: bool = False
    untrusted: int = 0


@frozen
class Snapshot:
    """An immutable view of the current session. ``revision`` grows with every change that a view could show."""

    revision: int
    role: str
    session_id: str
    student_id: str | None
    author: str
    session: SessionState
    me: LearnerState
    """The learner this folder is about: a student's own, or the one the coach works with."""
    sync: SyncStatus
    sharing: str
    """The student's switch in force here: auto, ask or off."""
    notices: tuple[str, ...] = ()
    """What a person should be told: salvaged journal, changed learning.json, another bus, unverified session."""
    trust: TrustStatus = TrustStatus()


@frozen
class PreviewItem:
    """One snapshot that would leave: exactly what the event would hold."""

    path: str
    start_line: int | None
    end_line: int | None
    bytes: int
    hash: str | None
    dirty: bool
    deleted: bool
    truncated: bool
    redactions: tuple[tuple[str, int], ...]
    snippet: str


@frozen
class Preview:
    """What would leave, for the person to agree to. ``masked``: (rule, count) in the words of the response itself."""

    exercise_id: str | None
    items: tuple[PreviewItem, ...]
    response: str = ""
    masked: tuple[tuple[str, int], ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()
    """(path, reason) of files that cannot be shared."""


class PreviewRequired(RefusedByPolicy):
    """Sharing needs a look first: carries the preview."""

    def __init__(self, preview: Preview) -> None:
        super().__init__(
            "Nothing was shared: what would leave has to be seen first.",
            "Agree to the preview in the editor, or give --yes (over LSP: confirm: true).",
        )
        self.preview = preview


@frozen
class Setting:
    """One resolved value and where it came from."""

    name: str
    value: str | None
    source: str


@frozen
class Finding:
    """One line of ``doctor``: ``level`` ok, info, warning or error."""

    level: Literal["ok", "info", "warning", "error"]
    topic: str
    text: str
    hint: str = ""


@frozen
class Diagnosis:
    """All of ``doctor``."""

    settings: tuple[Setting, ...]
    findings: tuple[Finding, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)


class NotYours(RefusedByPolicy):
    """The role of this folder may not say that."""


class UnknownTarget(BadInput):
    """No exercise, event or step goes by that id here."""


class AmbiguousId(BadInput):
    """Several ids begin or end so; ``candidates`` lists them."""

    def __init__(self, given: str, candidates: tuple[str, ...]) -> None:
        super().__init__(
            f"“{given}” names several: {', '.join(candidates)}.", "Give more characters of the one you mean."
        )
        self.candidates = candidates


class NotLive(NoSession):
    """The folder brings a ``.colearner/`` that nobody set up on this machine."""


__all__ = [
    "AmbiguousId",
    "ColearnerError",
    "Delivery",
    "Diagnosis",
    "Finding",
    "NoSession",
    "NotLive",
    "NotYours",
    "Preview",
    "PreviewItem",
    "PreviewRequired",
    "Setting",
    "Snapshot",
    "SyncStatus",
    "TrustStatus",
    "UnknownTarget",
    "Written",
]
