"""Open documents that split lines as LSP does and cost little per keystroke, and the workspace that holds them.

What stock pygls does otherwise: it splits with ``str.splitlines`` (form feed, U+0085, U+2028 … count as line ends and
every later edit lands in the wrong place), re-splits the text on each access, changes the client's own ``Position``
when a column is past the end of the line, fails on a change to a document that is not open, and reads ``colearner:``
URIs from disk.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from lsprotocol import types
from pygls.uris import to_fs_path, uri_scheme
from pygls.workspace import PositionCodec, ServerTextPosition, TextDocument, Workspace

from colearner_ls.contracts.frozen import frozen
from colearner_ls.lsp.base.columns import Encoding, content_length, encoding_of, to_code_points, to_units

logger = logging.getLogger(__name__)


def split_lines(text: str) -> list[str]:
    """Lines with their ends; only ``\\n``, ``\\r\\n`` and ``\\r`` end a line. No empty last line is added."""
    return io.StringIO(text, newline="").readlines()


@frozen
class Edit:
    """One incremental change: code points ``start`` to ``end`` of the text before it became ``inserted`` others."""

    start: int
    end: int
    inserted: int


@frozen
class DocumentSnapshot:
    """A document as it was at one moment; what handlers work on after their first ``await``."""

    uri: str
    version: int | None
    language_id: str
    text: str
    encoding: Encoding

    @property
    def path(self) -> Path | None:
        """Its path on disk, or ``None`` where the URI has another scheme than ``file``."""
        return file_path(self.uri)


def is_uri(text: str) -> bool:
    """Whether ``text`` can be taken apart as a URI at all."""
    try:
        uri_scheme(text)
    except ValueError:  # urlparse: an IPv6 host that is not closed, and the like
        return False
    return True


def file_path(uri: str) -> Path | None:
    """The path of a ``file:`` URI; ``None`` for every other scheme and for what is no URI."""
    path = to_fs_path(uri) if is_uri(uri) and uri_scheme(uri) == "file" else None
    return Path(path) if path and "\0" not in path else None


class StrictCodec(PositionCodec):
    """pygls' conversions with our clamping; never changes the position it is given."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__(encoding=encoding)
        self.units: Encoding = encoding

    def position_from_client_units(self, lines: Sequence[str], position: types.Position) -> ServerTextPosition:
        """Line and column in code points; what lies past the end is the end."""
        if position.line >= len(lines):
            return _end_of(lines)
        line = lines[position.line]
        return ServerTextPosition(position.line, to_code_points(line, position.character, self.units))

    def position_to_client_units(
        self, lines: Sequence[str], position: ServerTextPosition | types.Position
    ) -> types.Position:
        """The same place in the client's units."""
        if position.line >= len(lines):
            end = _end_of(lines)
            line = lines[end.line] if end.line < len(lines) else ""
            return types.Position(line=end.line, character=to_units(line, end.character, self.units))
        units = to_units(lines[position.line], position.character, self.units)
        return types.Position(line=position.line, character=units)


def _end_of(lines: Sequence[str]) -> ServerTextPosition:
    """The end of the text: behind a last line that is not terminated, else the start of the line after it."""
    if not lines:
        return ServerTextPosition(0, 0)
    last = lines[-1]
    if content_length(last) != len(last):
        return ServerTextPosition(len(lines), 0)
    return ServerTextPosition(len(lines) - 1, len(last))


class OpenDocument(TextDocument):
    """A document whose lines are the truth and whose text is put together when somebody asks."""

    def __init__(self, uri: str, *args: Any, **kwargs: Any) -> None:
        # pygls takes the URI apart at once, and fails for one that is none; the client opened it all the same.
        super().__init__(uri if is_uri(uri) else "unknown:", *args, **kwargs)
        self.uri = uri
        self._lines: list[str] | None = None
        self._edits: list[Edit | None] = []

    @property
    def lines(self) -> Sequence[str]:
        """Lines with their ends. Not a copy: read it within one step of the event loop."""
        return self._own_lines()

    @property
    def source(self) -> str:
        """The text of the editor; of the file where it is not open (empty where that cannot be read)."""
        if self._source is None and self._lines is not None:
            self._source = "".join(self._lines)
        if self._source is None:
            return _read_text(self.uri)
        return self._source

    def take_edits(self) -> list[Edit | None]:
        """The changes since the last call, oldest first; ``None`` stands for a change of the whole text."""
        edits, self._edits = self._edits, []
        return edits

    def snapshot(self) -> DocumentSnapshot:
        """What the document is now."""
        return DocumentSnapshot(
            uri=self.uri,
            version=self.version,
            language_id=self.language_id or "",
            text=self.source,
            encoding=encoding_of(self._position_codec.encoding),
        )

    def _apply_full_change(self, change: Any) -> None:
        super()._apply_full_change(change)
        self._lines = None
        self._edits.append(None)

    def _apply_incremental_change(self, change: types.TextDocumentContentChangePartial) -> None:
        lines = self._own_lines()
        start = self._position_codec.position_from_client_units(lines, change.range.start)
        end = self._position_codec.position_from_client_units(lines, change.range.end)
        if end < start:
            start, end = end, start
        before, removed = _span(lines, start, end)
        self._lines = _spliced(lines, start, end, change.text)
        self._source = None
        self._edits.append(Edit(before, before + removed, len(change.text)))

    def _own_lines(self) -> list[str]:
        if self._lines is None:
            self._lines = split_lines(self.source)
        return self._lines


def _span(lines: Sequence[str], start: ServerTextPosition, end: ServerTextPosition) -> tuple[int, int]:
    """Offset of ``start`` and the number of code points up to ``end``."""
    before = sum(map(len, lines[: start.line])) + start.character
    after = before - start.character + sum(map(len, lines[start.line : end.line])) + end.character
    return before, after - before


def _spliced(lines: list[str], start: ServerTextPosition, end: ServerTextPosition, text: str) -> list[str]:
    """``lines`` with the range replaced, split anew only where it was touched.

    One line more on either side is split again: a ``\\r`` and a ``\\n`` may have come together or apart.
    """
    first = max(0, start.line - 1)
    last = min(len(lines), end.line + 2)
    head = "".join(lines[first : start.line])
    if start.line < len(lines):
        head += lines[start.line][: start.character]
    tail = lines[end.line][end.character :] if end.line < len(lines) else ""
    tail += "".join(lines[end.line + 1 : last])
    lines[first:last] = split_lines(head + text + tail)
    return lines


def _read_text(uri: str) -> str:
    path = file_path(uri)
    if path is None:
        return ""
    try:
        return path.read_bytes().decode("utf-8", errors="replace")
    except OSError as problem:
        logger.debug("cannot read %s: %s", uri, problem.strerror)
        return ""


class DocumentStore(Workspace):
    """pygls' workspace holding :class:`OpenDocument`, with the negotiated encoding."""

    def __init__(self, root_uri: str | None, folders: Sequence[types.WorkspaceFolder], encoding: Encoding) -> None:
        super().__init__(root_uri, types.TextDocumentSyncKind.Incremental, folders, encoding)
        self._position_codec = StrictCodec(encoding)
        self.encoding: Encoding = encoding

    def _create_text_document(
        self,
        doc_uri: str,
        source: str | None = None,
        version: int | None = None,
        language_id: str | None = None,
    ) -> TextDocument:
        return OpenDocument(
            doc_uri,
            source=source,
            version=version,
            language_id=language_id,
            sync_kind=self._sync_kind,
            position_codec=self._position_codec,
        )

    def open_document(self, uri: str) -> OpenDocument | None:
        """The document if the editor has it open; never reads the disk."""
        found = self._text_documents.get(unquote(uri))
        return found if isinstance(found, OpenDocument) else None

    def open_documents(self) -> list[OpenDocument]:
        """All documents the editor has open, in the order of opening."""
        return [document for document in self._text_documents.values() if isinstance(document, OpenDocument)]

    def update_text_document(
        self, text_doc: types.VersionedTextDocumentIdentifier, change: types.TextDocumentContentChangeEvent
    ) -> None:
        """Apply one change; a change of a document that was never opened is the client's fault and is left out."""
        if self.open_document(text_doc.uri) is None:
            logger.warning("a change of a document that is not open was ignored: %s", text_doc.uri)
            return
        super().update_text_document(text_doc, change)
