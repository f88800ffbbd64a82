"""Evidence of one file: its hash, and a screened snippet around the places that matter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from colearner_ls.contracts.errors import RefusedByPolicy
from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.anchors import Anchor, Found, Page, locate
from colearner_ls.domain.text import split_lines
from colearner_ls.evidence.decoding import MAX_TEXT_BYTES, NotText, decode
from colearner_ls.evidence.git import head_commit
from colearner_ls.evidence.hashing import sha256_bytes, sha256_stream
from colearner_ls.evidence.languages import language_of
from colearner_ls.evidence.redaction import redact
from colearner_ls.evidence.scope import InScope, OutOfScope, in_scope, open_in_scope
from colearner_ls.evidence.snippet import DEFAULT_MAX_BYTES, Hunk, LineRange, Snippet, around_line, make_snippet

__all__ = ["Capture", "CaptureRefused", "Hunk", "capture"]


class CaptureRefused(RefusedByPolicy):
    """The file may not be shared, or cannot be read; the message says why."""


@frozen
class Capture:
    """What an ``evidence_snapshot`` says of a file. ``snippet`` has every byte of it that would leave.

    ``hash`` is ``None`` where the file is gone or where anything in it was masked, be it outside of the snippet.
    ``redactions`` counts what was masked in the whole file, so that a missing hash is explained. ``hunks`` is empty
    unless the snippet has several places; ``snippet`` is ``None`` for files that are not text or too large.
    """

    path: str
    hash: str | None = None
    snippet: str | None = None
    range: LineRange | None = None
    hunks: tuple[Hunk, ...] = ()
    language: str | None = None
    dirty: bool = False
    deleted: bool = False
    commit: str | None = None
    redactions: tuple[tuple[str, int], ...] = ()
    truncated: bool = False
    lost: int = 0
    """Anchors that could not be found. Not sent; a preview may say so."""

    def to_payload(self) -> dict[str, Any]:
        """The fields of ``evidence_snapshot``; what is not known or not so is left out."""
        payload: dict[str, Any] = {"path": self.path}
        optional: dict[str, Any] = {
            "hash": self.hash,
            "snippet": self.snippet,
            "range": {"start_line": self.range[0], "end_line": self.range[1]} if self.range else None,
            "hunks": [
                {"start_line": hunk.start_line, "end_line": hunk.end_line, "snippet_line": hunk.snippet_line}
                for hunk in self.hunks
            ]
            or None,
            "language": self.language,
            "dirty": self.dirty or None,
            "deleted": self.deleted or None,
            "commit": self.commit,
            "redactions": [{"rule": rule, "count": count} for rule, count in self.redactions] or None,
            "truncated": self.truncated or None,
        }
        return payload | {name: value for name, value in optional.items() if value is not None}


@frozen
class _Content:
    """What was read at one moment. ``text`` is ``None`` for what is not text or too large."""

    hash: str
    text: str | None


def capture(
    root: Path,
    path: str,
    *,
    buffer: str | None = None,
    anchors: Sequence[Anchor] = (),
    lines: LineRange | None = None,
    max_snippet_bytes: int = DEFAULT_MAX_BYTES,
) -> Capture:
    """Capture the file ``path`` below ``root``, or the text ``buffer`` of an editor that has it open.

    The snippet shows ``lines`` (1-based, inclusive) and nothing else where they are given, else the places of
    ``anchors`` with a few lines around them, else the file from its beginning. Where an anchor is lost (the student may
    have rewritten its lines) as much as fits is shown around the line where it was. A buffer equal to the file is not
    ``dirty``. A file that is gone is captured as ``deleted``.

    Blocks: reads files and runs git. Raises :class:`CaptureRefused` for what may not leave, and for what cannot be read.
    """
    scope = in_scope(root, path)
    if isinstance(scope, OutOfScope):
        raise _refused(path, scope.reason)
    on_disk = _read(root, scope)
    commit = head_commit(root)
    content = on_disk
    if buffer is not None and (on_disk is None or on_disk.text != buffer):
        content = _of_buffer(buffer)
    if content is None:
        return Capture(scope.path, language=language_of(scope.path), deleted=True, commit=commit)
    dirty = content is not on_disk
    if content.text is None:
        return Capture(scope.path, content.hash, language=language_of(scope.path), dirty=dirty, commit=commit)
    return _with_snippet(scope.path, content.hash, content.text, anchors, lines, max_snippet_bytes, dirty, commit)


def _refused(path: str, reason: str) -> CaptureRefused:
    return CaptureRefused(f"{path} is not shared: {reason}.", "Share another file, or change what stands in the way.")


def _of_buffer(buffer: str) -> _Content:
    data = buffer.encode("utf-8", "replace")
    return _Content(sha256_bytes(data), data.decode("utf-8") if len(data) <= MAX_TEXT_BYTES else None)


def _read(root: Path, scope: InScope) -> _Content | None:
    """The file as it is now, or ``None`` if it is gone. Text and hash are of the same bytes."""
    try:
        stream = open_in_scope(root, scope)
        if isinstance(stream, OutOfScope):
            raise _refused(scope.path, stream.reason)
        with stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
            if len(data) > MAX_TEXT_BYTES:
                stream.seek(0)
                return _Content(sha256_stream(stream)[0], None)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _refused(scope.path, f"it cannot be read ({error.strerror})") from error
    try:
        return _Content(sha256_bytes(data), decode(data))
    except NotText:
        return _Content(sha256_bytes(data), None)


LOST_CONTEXT: Final = 20
"""Lines shown on each side of where a lost anchor was, if other anchors of the file were found."""


def _with_snippet(
    path: str,
    digest: str,
    text: str,
    anchors: Sequence[Anchor],
    lines: LineRange | None,
    max_bytes: int,
    dirty: bool,
    commit: str | None,
) -> Capture:
    screened = redact(text)
    shown = split_lines(screened.text)  # masking keeps line ends, so these are the lines of the text
    if len(shown) > 1 and not shown[-1]:
        shown.pop()
    snippet, lost = _snippet(text, shown, anchors, lines, max_bytes)
    return Capture(
        path,
        hash=None if screened.counts else digest,
        snippet=snippet.text,
        range=snippet.range if text else None,
        hunks=snippet.hunks if len(snippet.hunks) > 1 else (),
        language=language_of(path),
        dirty=dirty,
        commit=commit,
        redactions=screened.counts,
        truncated=snippet.truncated,
        lost=lost,
    )


def _snippet(
    text: str, shown: Sequence[str], anchors: Sequence[Anchor], lines: LineRange | None, max_bytes: int
) -> tuple[Snippet, int]:
    if lines is not None:
        return make_snippet(shown, [lines], max_bytes=max_bytes, context=0), 0
    page = Page(text)
    found: list[LineRange] = []
    lost: list[Anchor] = []
    for anchor in anchors:
        place = locate(anchor, page)
        if isinstance(place, Found):
            first, last = (page.index.line_at(offset) + 1 for offset in (place.span.start, place.span.end))
            found.append((first, last))
        else:
            lost.append(anchor)
    hints = [(anchor.start_line, anchor.end_line or anchor.start_line) for anchor in lost if anchor.start_line]
    if not found and hints:
        return around_line(shown, hints[0][0], max_bytes), len(lost)
    around = [(first - LOST_CONTEXT, last + LOST_CONTEXT) for first, last in hints]
    return make_snippet(shown, [*found, *around], max_bytes=max_bytes), len(lost)
