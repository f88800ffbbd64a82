"""From places of the domain to LSP's types."""

from __future__ import annotations

from typing import Any

from lsprotocol import types

from colearner_ls.domain.text import Position, Span
from colearner_ls.lsp.views.marks import DocumentView, Located


def position(place: Position) -> types.Position:
    """The LSP position of a domain position."""
    return types.Position(line=place.line, character=place.character)


def range_of(view: DocumentView, span: Span) -> types.Range:
    """The LSP range of a span, in the client's units."""
    found = view.index.range(span, view.encoding)
    return types.Range(start=position(found.start), end=position(found.end))


def shown_range(view: DocumentView, located: Located) -> types.Range:
    """Where a mark is shown: its place, or the first line where it has none."""
    span = located.span if located.span is not None else view.index.lines_span(0, 0)
    return range_of(view, span)


def end_of_line(view: DocumentView, line: int) -> types.Position:
    """The end of a 0-based line, before its terminator."""
    return position(view.index.position(view.index.line_end(line), view.encoding))


def command(title: str, name: str, arguments: dict[str, Any]) -> types.Command:
    """A command with its one argument object; what is ``None`` is left out."""
    return types.Command(
        title=title, command=name, arguments=[{key: value for key, value in arguments.items() if value is not None}]
    )


def range_argument(given: types.Range) -> dict[str, Any]:
    """A range as it stands in a command's argument."""
    return {
        "start": {"line": given.start.line, "character": given.start.character},
        "end": {"line": given.end.line, "character": given.end.character},
    }
