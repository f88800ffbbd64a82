"""What would leave the machine, for the person to agree to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from colearner_ls.cli.render.layout import Style, indented
from colearner_ls.cli.render.plain import plain, plain_lines
from colearner_ls.cli.render.words import count, lines_of

if TYPE_CHECKING:
    from colearner_ls.workspace.results import Preview, PreviewItem

SHOWN_LINES: Final = 24
"""Lines of a snippet or response that the preview shows; how many more there are is said."""


def preview_lines(preview: Preview, style: Style) -> list[str]:
    """Files, lines, sizes, what was masked, and the beginning of each snippet."""
    lines = [style.heading("This would leave your machine:")]
    if preview.response:
        lines += ["", f"  your words{_masked(preview.masked)}:", *_body(preview.response, style)]
    for item in preview.items:
        lines += ["", f"  {style.heading(plain(item.path) + lines_of(item.start_line, item.end_line))}{_facts(item)}"]
        lines += _body(item.snippet, style)
    if not preview.items and not preview.response:
        lines += ["", "  no file and no words: only that you submit"]
    if preview.left_out:
        lines += ["", "These do not leave:"]
        lines += [f"  {plain(path)}: {plain(reason)}" for path, reason in preview.left_out]
    return lines


def _facts(item: PreviewItem) -> str:
    facts = [count(item.bytes, "byte"), "with the file's hash" if item.hash else ""]
    facts += ["deleted" if item.deleted else "", "unsaved" if item.dirty else ""]
    facts += ["cut at the size limit" if item.truncated else ""]
    return f"  ({', '.join(fact for fact in facts if fact)}){_masked(item.redactions)}"


def _masked(counts: Sequence[tuple[str, int]]) -> str:
    return f", masked: {', '.join(f'{number} × {plain(rule)}' for rule, number in counts)}" if counts else ""


def _body(text: str, style: Style) -> list[str]:
    lines = plain_lines(text)
    more = len(lines) - SHOWN_LINES
    shown = [style.faint(f"│ {line}") for line in lines[:SHOWN_LINES]]
    return indented([*shown, *([f"… and {count(more, 'line')} more"] if more > 0 else [])], "    ")
