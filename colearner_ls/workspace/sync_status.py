"""How the workspace stands with its bus, from what the journal remembers: no network, no asyncio."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.journal import Journal
from colearner_ls.sync.holder import holder_pid
from colearner_ls.workspace.results import Delivery, SyncStatus, TrustStatus

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.settings import Settings

EMBEDDED: Final = "sqlite"

UNVERIFIED: Final = "This session is unverified: no coach's key is pinned for it, so nobody's signature is checked."
UNTRUSTED: Final = (
    "Something claimed to be the coach's without a signature that counts. It was put aside and changes nothing: "
    "`colearner quarantine` lists it."
)

TOLD_US: Final = 24 * 3600 * 1_000_000
"""How long a thing that was mended is told of by itself, in µs; ``doctor`` tells of all there ever were."""


@frozen
class LinkState:
    """What the process that last talked to a bus wrote down. ``seen_us``: µs since the Unix epoch."""

    connected: bool = False
    caught_up: bool = False
    seen_us: int | None = None
    last_error: str | None = None
    healed: str | None = None
    healed_us: int | None = None
    incomplete: str | None = None
    incomplete_before: str | None = None
    """What the bus deleted behind our back, and what was deleted before this folder first read it; in words."""


def link_state(journal: Journal, bus_key: str) -> LinkState:
    """The noted state of the link to that bus."""
    values = journal.bus_values.get(bus_key)
    return LinkState(
        connected=bool(values.get("connected")),
        caught_up=bool(values.get("caught_up")),
        seen_us=values.get("seen_us"),
        last_error=values.get("last_error"),
        healed=values.get("healed"),
        healed_us=values.get("healed_us"),
        incomplete=_deleted(values.get("missed")),
        incomplete_before=_deleted(values.get("missed_before")),
    )


def _deleted(missed: Mapping[str, int] | None) -> str | None:
    """In words, what ``sync`` counted for each partition (``topic/number``)."""
    if not missed:
        return None
    topics: dict[str, int] = {}
    for place, number in missed.items():
        topic = place.rpartition("/")[0]
        topics[topic] = topics.get(topic, 0) + number
    told = ", ".join(f"{number} of {topic}" for topic, number in sorted(topics.items()))
    return f"the bus deleted records before they were read here ({told})"


def sync_status(journal: Journal, settings: Settings) -> SyncStatus:
    """The status as a person is shown it."""
    bus = settings.bus
    link = link_state(journal, bus.key)
    # What waits, waits for the bus that the session is bound to, be another one set here.
    bound = journal.bound_bus(settings.session) if settings.session else None
    counts = journal.outbox.counts(bound or bus.key)
    return SyncStatus(
        bus=bus.redacted,
        embedded=bus.scheme == EMBEDDED,
        connected=link.connected,
        waiting=counts.unsent,
        refused=counts.refused,
        last_error=link.last_error,
        seen_us=link.seen_us,
        holder_pid=holder_pid(settings.folder),
        loading=tuple(each.id for each in journal.sessions() if each.loading),
    )


def delivery_of(journal: Journal, settings: Settings, event_id: str) -> Delivery:
    """Where an own event stands: the broker has it, this machine's bus has it, or it waits here."""
    stored = journal.event(event_id)
    if stored is None or stored.delivery != "sent":
        return "kept"
    bound = journal.bound_bus(stored.event.session_id) or settings.bus.key  # it went there, be another bus set here
    return "local" if bound.startswith(f"{EMBEDDED}://") else "sent"


def notices(ws: Workspace, trust: TrustStatus) -> tuple[str, ...]:
    """What a person should be told about this workspace, one sentence each."""
    said: list[str] = []
    if not trust.verified:
        said.append(UNVERIFIED)
    if trust.untrusted:
        said.append(UNTRUSTED)
    if ws.other_bus is not None:
        said.append(f"{ws.other_bus.message} {ws.other_bus.hint}")
    recent = time.time_ns() // 1000 - TOLD_US
    for salvage in ws.journal.salvages():
        if salvage.at >= recent:
            lost = "; ".join(salvage.lost) or "nothing was lost"
            kept = f" The damaged file is {salvage.kept}." if salvage.kept else ""
            said.append(f"The journal was damaged and has been salvaged: {lost}.{kept}")
    link = link_state(ws.journal, ws.settings.bus.key)
    if link.incomplete:
        said.append(f"The history is incomplete: {link.incomplete}.")
    if link.healed and (link.healed_us or 0) >= recent:
        said.append(f"The bus was read again from its beginning: {link.healed}.")
    return tuple(said)
