"""What would leave the machine: as a document for clients, and in words for a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from colearner_ls.lsp.views.words import count, one_line
from colearner_ls.workspace.results import Preview, PreviewItem

MOST_LISTED: Final = 12
"""Most files that a message lists; how many more there are is said."""

WORDS_SHOWN: Final = 200
"""Longest beginning of the response that a message shows, in code points."""


def document(preview: Preview) -> dict[str, Any]:
    """The shape of ``PreviewView``: every byte that would leave."""
    found: dict[str, Any] = {
        "items": [_item(item) for item in preview.items],
        "response": preview.response,
        "masked": _redactions(preview.masked),
        "left_out": [{"path": path, "reason": reason} for path, reason in preview.left_out],
    }
    return {"exercise_id": preview.exercise_id, **found} if preview.exercise_id is not None else found


def _item(item: PreviewItem) -> dict[str, Any]:
    view: dict[str, Any] = {
        "path": item.path,
        "start_line": item.start_line,
        "end_line": item.end_line,
        "bytes": item.bytes,
        "hash": item.hash,
        "dirty": item.dirty,
        "deleted": item.deleted,
        "truncated": item.truncated,
        "redactions": _redactions(item.redactions),
        "snippet": item.snippet,
    }
    return {name: value for name, value in view.items() if value is not None}


def _redactions(counts: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    return [{"rule": rule, "count": number} for rule, number in counts]


def words(preview: Preview, question: str) -> str:
    """The question and what would leave: files, lines, what was masked. Reads on one line as well, since some editors
    drop line breaks in messages."""
    lines = [question, "This leaves your machine:"]
    if preview.response:
        lines.append(f"• your words: “{one_line(preview.response, WORDS_SHOWN)}”{_masked(preview.masked)}")
    lines += [_line(item) for item in preview.items[:MOST_LISTED]]
    if len(preview.items) > MOST_LISTED:
        lines.append(f"• and {count(len(preview.items) - MOST_LISTED, 'more file')}")
    if not preview.items and not preview.response:
        lines.append("• no file and no words: only that you submit")
    lines += [
        f"Not shared: {one_line(path)} ({one_line(reason, 120)})" for path, reason in preview.left_out[:MOST_LISTED]
    ]
    return "\n".join(lines)


def _line(item: PreviewItem) -> str:
    facts = [count(item.bytes, "byte")]
    facts += ["the file's hash"] if item.hash else []
    facts += ["the file is gone"] if item.deleted else []
    facts += ["unsaved"] if item.dirty else []
    facts += ["cut at the size limit"] if item.truncated else []
    return f"• {one_line(item.path, 200)}{_lines(item)} ({', '.join(facts)}){_masked(item.redactions)}"


def _lines(item: PreviewItem) -> str:
    if item.start_line is None:
        return ""
    if item.end_line is None or item.end_line == item.start_line:
        return f" line {item.start_line}"
    return f" lines {item.start_line}–{item.end_line}"


def _masked(counts: Sequence[tuple[str, int]]) -> str:
    return f", masked: {', '.join(f'{number} × {rule}' for rule, number in counts)}" if counts else ""
