"""What is set up here, where each value comes from, and what is wrong: for ``colearner doctor``."""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

from colearner_ls import __version__
from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.sync.holder import HANG_S, holder_pid, silent_s
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.keys import shown
from colearner_ls.workspace.results import Diagnosis, Finding, NoSession
from colearner_ls.workspace.settings import Settings
from colearner_ls.workspace.sync_status import UNVERIFIED, LinkState, link_state
from colearner_ls.workspace.syncing import sync_once

SAFE_SQLITE: Final = (3, 51, 3)
"""First release without the WAL-reset bug; before it our own lock keeps writers apart (architecture.md, *The journal*)."""

CLOCK_LEAD_US: Final = 60_000_000
"""Events from others more than this far ahead of our clock (µs) are worth a word."""


def diagnose(settings: Settings, *, check_bus: bool, wait: float = 2.0) -> Diagnosis:
    """Look at everything. ``check_bus`` talks to the bus for up to ``wait`` s. Raises nothing that it can say instead."""
    findings: list[Finding] = list(_machine())
    facts: dict[str, Any] = {"root": str(settings.root), "home": str(settings.home), "version": __version__}
    try:
        workspace = Workspace.open(settings)
    except NoSession as error:
        findings.append(Finding("warning", "session", error.message, error.hint))
        return Diagnosis(settings.sources, tuple(findings), facts)
    except ColearnerError as error:
        findings.append(Finding("error", "journal", error.message, error.hint))
        return Diagnosis(settings.sources, tuple(findings), facts)
    try:
        findings.extend(_journal(workspace, facts))
        findings.extend(_session(workspace))
        findings.extend(_bus(workspace, check_bus=check_bus, wait=wait))
    finally:
        workspace.close()
    return Diagnosis(settings.sources, tuple(findings), facts)


def _machine() -> Iterator[Finding]:
    yield Finding("ok", "version", f"colearner {__version__}, Python {sys.version.split()[0]}")
    version = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < SAFE_SQLITE:
        yield Finding("info", "sqlite", f"SQLite {version}: writers are kept apart by colearner's own lock")
    else:
        yield Finding("ok", "sqlite", f"SQLite {version}")


def _journal(ws: Workspace, facts: dict[str, Any]) -> Iterator[Finding]:
    facts["journal"] = str(ws.journal.path)
    facts["writer"] = ws.journal.writer
    damage = ws.journal.integrity_check()
    if damage and ws.journal.readonly:
        yield Finding(
            "error",
            "journal",
            f"{ws.journal.path} is damaged: {damage[0]}",
            "Make the folder writable and run this again: the journal is salvaged then.",
        )
    elif damage:
        ws.journal.salvage(damage[0])  # told below, with all that came before
    else:
        yield Finding("ok", "journal", f"{ws.journal.path} is sound")
    for salvage in ws.journal.salvages():
        lost = "; ".join(salvage.lost) or "nothing was lost"
        yield Finding(
            "warning",
            "journal",
            f"A damaged journal was salvaged ({salvage.cause}): {lost}.",
            f"It is kept as {salvage.kept}." if salvage.kept else "",
        )
    quarantined = ws.journal.quarantine.count()
    if quarantined:
        yield Finding(
            "warning",
            "quarantine",
            f"Records that were not accepted: {quarantined}.",
            "`colearner quarantine` lists them.",
        )


def _session(ws: Workspace) -> Iterator[Finding]:
    snapshot = ws.snapshot()
    yield Finding("ok", "session", f"{ws.session_id}, stage {snapshot.me.stage}, {snapshot.session.events} events")
    yield from _trust(ws)
    for hole in (each for each in ws.journal.holes() if each.session_id == ws.session_id):
        numbers = str(hole.first) if hole.first == hole.last else f"{hole.first}-{hole.last}"
        yield Finding(
            "warning",
            "holes",
            f"Events {numbers} of writer {hole.writer[:8]} have not arrived.",
            "They may still come; `colearner sync` looks.",
        )
    newest = max((stored.event.hlc for stored in ws.journal.events(ws.session_id)), default=0)
    lead = newest - time.time_ns() // 1000
    if lead > CLOCK_LEAD_US:
        yield Finding(
            "warning",
            "clock",
            f"The newest event is {lead / 1e6:.0f} s ahead of this machine's clock.",
            "Check both clocks.",
        )


def _trust(ws: Workspace) -> Iterator[Finding]:
    try:
        keys = shown(ws)
    except ColearnerError as error:  # e.g. a private key that others can read
        yield Finding("error", "trust", error.message, error.hint)
        return
    if not keys.verified:
        advice = "Join by an invite with a key, or pin the coach's with `colearner keys trust PUBLIC_KEY`."
        yield Finding("info", "trust", UNVERIFIED, advice if ws.role == "student" else "")
    else:
        names = ", ".join(each.kid[:12] for each in keys.counting)
        yield Finding("ok", "trust", f"verified: {names} may speak for the coach (`colearner keys` says more)")
    if keys.verified and ws.role == "coach" and not keys.own_counts:
        own = f"colearner keys add {keys.own.text}" if keys.own is not None else "join by an invite to get one"
        yield Finding(
            "warning", "trust", f"The key of {keys.author} does not count here.", f"A coach can add it: {own}"
        )
    if keys.untrusted:
        yield Finding(
            "warning",
            "trust",
            f"Events put aside that claimed to be a coach's without a signature that counts: {keys.untrusted}.",
            "They change nothing; `colearner quarantine` lists them.",
        )
    for each in (each for each in keys.students if each.changed):
        yield Finding(
            "warning",
            "trust",
            f"Student {each.student_id} signs with another key ({each.kid[:12]}) since {each.since[:19]}.",
            "A second laptop, or somebody else: ask them.",
        )


def _bus(ws: Workspace, *, check_bus: bool, wait: float) -> Iterator[Finding]:
    bus = ws.settings.bus
    # First the try: a bus that only has a new address is taken over by it.
    outcome = sync_once(ws, wait=wait, fetch=True) if check_bus else None
    bound = ws.journal.bound_bus(ws.session_id)
    if bound not in (None, bus.key):
        yield Finding(
            "error",
            "bus",
            f"The session is bound to {bound}, but {bus.key} is set here: its events stay in the journal.",
            "Name the old bus again, or bind the session anew with `colearner sync --rebind`.",
        )
        return
    link = link_state(ws.journal, bus.key)
    counts = ws.journal.outbox.counts(bus.key)
    pid = holder_pid(ws.settings.folder)
    silent = silent_s(ws.settings.folder) or 0.0
    if pid and silent > HANG_S:
        yield Finding(
            "warning",
            "sync",
            f"Process {pid} runs sync here and has not moved for {silent:.0f} s.",
            "Another colearner process takes over by itself. If it is stopped, continue or end it.",
        )
    elif pid:
        yield Finding("ok", "sync", f"Process {pid} runs sync here.")
    if outcome is not None and outcome.error:
        yield Finding(
            "error", "bus", f"{bus.redacted}: {outcome.error}", "Events wait here and go out when the bus is back."
        )
    elif link.last_error:
        yield Finding("warning", "bus", f"{bus.redacted}: {link.last_error}")
    elif link.seen_us or outcome:
        yield Finding("ok", "bus", f"{bus.redacted} answers")
    yield from _history(link)
    if counts.unsent:
        yield Finding("warning", "outbox", f"{counts.unsent} events wait to be sent.")
    for refusal in ws.journal.outbox.refused():
        yield Finding(
            "error",
            "outbox",
            f"{refusal.event_type} {refusal.event_id[-8:]} was refused: {refusal.reason}",
            "Once the bus takes it, `colearner sync --retry-refused` sends it again.",
        )


def _history(link: LinkState) -> Iterator[Finding]:
    advice = "The topics should have retention.ms=-1 (docs/kafka.md); what is gone only its writers still have."
    if link.incomplete:
        yield Finding("warning", "history", f"The history is incomplete: {link.incomplete}.", advice)
    if link.incomplete_before:
        yield Finding("warning", "history", f"The history may lack its beginning: {link.incomplete_before}.", advice)
    if link.healed:
        yield Finding("info", "history", f"The bus was read again from its beginning: {link.healed}.")
