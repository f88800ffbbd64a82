"""``quarantine``: what could not be accepted, for people and as JSON. All of it is hostile text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from colearner_ls.cli.render.layout import Cell, Row, Style, indented, table
from colearner_ls.cli.render.plain import plain, plain_lines
from colearner_ls.cli.render.words import clock, count, short
from colearner_ls.contracts.timestamps import to_ts

if TYPE_CHECKING:
    from colearner_ls.journal.records import Quarantined

View = dict[str, Any]


def record_view(record: Quarantined, *, text: bool = False) -> View:
    """``QuarantinedView``; bytes that are no UTF-8 are shown as ``\\xhh``."""
    view: View = {
        "number": record.number,
        "reason": record.reason,
        "detail": record.detail,
        "session_id": record.session_id,
        "event_id": record.event_id,
        "bus": record.bus,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "seen": to_ts(record.at),
        "size": len(record.raw),
    }
    return {**view, "text": record.raw.decode("utf-8", "backslashreplace")} if text else view


def quarantine_view(records: Sequence[Quarantined], uncounted: int) -> View:
    """``QuarantineView``."""
    return {"items": [record_view(record) for record in records], "uncounted": uncounted}


def quarantine_lines(records: Sequence[Quarantined], uncounted: int, style: Style) -> list[str]:
    """A table of what is kept."""
    if not records and not uncounted:
        return ["Nothing is in quarantine."]
    rows: list[Row] = [
        [str(record.number), Cell(clock(record.at), ("dim",)), record.reason, _origin(record), plain(record.detail)]
        for record in records
    ]
    lines = table(rows, style, indent="")
    if uncounted:
        lines.append(f"{count(uncounted, 'record')} more were not kept: unreadable, and of no session.")
    return lines


def record_lines(record: Quarantined, style: Style) -> list[str]:
    """One record in full."""
    rows: list[tuple[str, str]] = [
        ("reason", f"{record.reason}: {plain(record.detail)}"),
        ("seen", clock(record.at)),
        ("from", _origin(record)),
        ("session", plain(record.session_id or "")),
        ("event", short(record.event_id or "")),
        ("size", count(len(record.raw), "byte")),
    ]
    lines = table([[Cell(name, ("dim",)), value] for name, value in rows if value], Style(style.color))
    body = plain_lines(record.raw.decode("utf-8", "backslashreplace"))
    return [style.heading(f"Record {record.number}"), *lines, "", *indented(body, "  │ ")]


def _origin(record: Quarantined) -> str:
    if record.topic is None:
        return "this folder's own files"
    return f"{plain(record.topic)}/{record.partition}@{record.offset}"
