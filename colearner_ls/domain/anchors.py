"""Anchors: a place in a file that is found again after edits, or said to be lost.

An anchor quotes whole lines and what stands around them (W3C Web Annotation, *Text Quote Selector*). It is found by its
text; line numbers are only a first guess and never decide where the text has changed. The rule above all others: an
anchor is never put at a wrong place silently. Where two places could be meant it is lost, and shown as lost.

How a quote is made:

* ``exact`` has the whole lines, without the last line's end. A selection of more than :data:`MAX_EXACT_BYTES` is
  quoted by its first whole lines that fit; ``range`` keeps its full extent, which counts where the file is unchanged.
* ``prefix`` and ``suffix`` have at least :data:`CONTEXT_CHARACTERS` code points and :data:`CONTEXT_LINES` lines that
  are not blank, in whole lines, as far as the file has them and :data:`USUAL_CONTEXT_CHARACTERS` allows.
* ``occurrence`` says which copy of ``exact`` was meant (``nth``), how many the file had (``of``), and how many places it
  had that could be mistaken for the quote once that is edited (``alike``, itself included). Only with it can a reader
  tell a quote that was unique, and may be found wherever it now is, from one of several copies, whose neighbours must
  agree, and a quote that may be looked for by likeness from one that may not. For one of several copies the context is
  lengthened until it differs from that of every other; a side on which that is not possible within
  :data:`MAX_CONTEXT_CHARACTERS` is left empty, so that it is not taken for evidence.
"""

from __future__ import annotations

from typing import Final

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.alignment import is_mistakable
from colearner_ls.domain.matching import choose, passage
from colearner_ls.domain.page import MOST_HITS, Page, normal_text
from colearner_ls.domain.selectors import NOTHING, OTHER_VERSION, PAST_END, Anchor, Found, How, Lost
from colearner_ls.domain.text import Span

__all__ = ["Anchor", "Found", "How", "Lost", "Page", "Span", "locate", "make_anchor", "moved"]

MAX_EXACT_BYTES: Final = 4096
"""Longest quote, in bytes of UTF-8: some 100 lines, so that an event with a dozen anchors stays far below its limit."""

CONTEXT_CHARACTERS: Final = 64
"""Least context on each side, in code points, where the file has it."""

CONTEXT_LINES: Final = 3
"""Least number of lines that are not blank in the context of each side, where the file has them."""

USUAL_CONTEXT_CHARACTERS: Final = 256
"""Most context on each side, in code points, of a quote that is there once (lines may be very long)."""

MAX_CONTEXT_CHARACTERS: Final = 512
"""Most context on each side, in code points, of one of several copies."""


def make_anchor(
    path: str,
    text: str | Page,
    start_line: int,
    end_line: int,
    *,
    symbol: str | None = None,
    with_sha256: bool = True,
) -> Anchor:
    """An anchor at whole lines of ``text`` (1-based, inclusive), made as this module's docstring says.

    ``with_sha256`` adds the digest of the text; leave it out where the whole text must not be vouched for (trust.md).
    Raises :class:`BadInput` for lines that the text does not have.
    """
    page = text if isinstance(text, Page) else Page(text)
    if not 1 <= start_line <= end_line <= len(page.lines):
        raise BadInput(
            f"{path} has no lines {start_line}-{end_line}.", f"It has {len(page.lines)}; lines are counted from 1."
        )
    exact = _quoted("\n".join(page.lines[start_line - 1 : end_line]))
    start = page.starts[start_line - 1]
    end = start + len(exact)
    to_line_end = end == len(page.normal) or page.normal[end] == "\n"
    hits = page.hits(exact, from_line_start=True, to_line_end=to_line_end)
    prefix = suffix = ""
    nth = copies = alike = None
    if len(hits) < MOST_HITS:
        others = [hit for hit in hits if hit != start]
        prefix = _prefix(page.normal, start, others)
        suffix = _suffix(page.normal, end, [hit + len(exact) for hit in others])
        nth, copies = hits.index(start) + 1, len(hits)
        alike = copies
        if copies == 1:
            rest = Page("\n".join([*page.lines[: start_line - 1], *page.lines[start_line + exact.count("\n") :]]))
            alike += is_mistakable(rest, passage(exact, prefix, suffix), start_line)
    return Anchor(
        path=path,
        exact=exact,
        prefix=prefix,
        suffix=suffix,
        start_line=start_line,
        end_line=end_line,
        symbol=symbol,
        sha256=page.sha256 if with_sha256 else None,
        nth=nth,
        copies=copies,
        alike=alike,
    )


def _quoted(text: str) -> str:
    """The first whole lines of ``text`` that fit into a quote; of a longer first line its beginning."""
    if len(text.encode("utf-8", "replace")) <= MAX_EXACT_BYTES:
        return text
    head = text.encode("utf-8", "replace")[:MAX_EXACT_BYTES].decode("utf-8", "ignore")
    if text[len(head)] == "\n":
        return head
    whole = head.rfind("\n")
    return head[:whole] if whole > 0 else head


def _prefix(normal: str, start: int, others: list[int]) -> str:
    floor = max(0, start - USUAL_CONTEXT_CHARACTERS)
    length = _context_length(normal[floor:start][::-1], to_border=floor == 0)
    while any(normal.startswith(normal[start - length : start], other - length) for other in others if other >= length):
        if length in {start, MAX_CONTEXT_CHARACTERS}:
            return ""
        length = min(2 * max(length, 1), start, MAX_CONTEXT_CHARACTERS)
    return normal[start - length : start]


def _suffix(normal: str, end: int, others: list[int]) -> str:
    rest = len(normal) - end
    outward = normal[end : end + USUAL_CONTEXT_CHARACTERS]
    length = _context_length(outward, to_border=len(outward) == rest)
    while any(normal.startswith(normal[end : end + length], other) for other in others):
        if length in {rest, MAX_CONTEXT_CHARACTERS}:
            return ""
        length = min(2 * max(length, 1), rest, MAX_CONTEXT_CHARACTERS)
    return normal[end : end + length]


def _context_length(outward: str, *, to_border: bool) -> int:
    """How much of ``outward``, read away from the quote, is taken as context: whole lines, while more are needed.

    A line that the slice cuts (it reaches ``to_border`` of the text or not) is taken only where it is the nearest one.
    """
    taken = solid = 0
    while taken < len(outward) and (taken < CONTEXT_CHARACTERS or solid < CONTEXT_LINES):
        end = outward.find("\n", taken + 1)
        if end < 0 and not to_border and solid:
            break
        stop = len(outward) if end < 0 else end
        solid += bool(outward[taken:stop].strip())
        taken = stop
    return taken


def locate(anchor: Anchor, text: str | Page) -> Found | Lost:
    """Where the anchor is in ``text``. Pass a :class:`Page` where several anchors are looked for in one text."""
    page = text if isinstance(text, Page) else Page(text)
    if anchor.exact is None or not (anchor.exact or anchor.prefix or anchor.suffix or anchor.copies):
        return _by_range(anchor, page)
    if _is_same_text(anchor, page):
        there = _at_range(anchor, page)
        if there is not None:
            return Found(there, "exact")
    return choose(anchor, page)


def _is_same_text(anchor: Anchor, page: Page) -> bool:
    return anchor.sha256 is not None and anchor.sha256.removeprefix("sha256:").lower() == page.sha256


def _by_range(anchor: Anchor, page: Page) -> Found | Lost:
    """Line numbers alone are believed unless it is known that the text is another one, and never past its end."""
    if anchor.start_line is None:
        return Lost(NOTHING)
    if anchor.sha256 is not None and not _is_same_text(anchor, page):
        return Lost(OTHER_VERSION)
    end = anchor.end_line or anchor.start_line
    if end > len(page.lines):
        return Lost(PAST_END)
    return Found(page.index.lines_span(anchor.start_line - 1, end - 1), "range")


def _at_range(anchor: Anchor, page: Page) -> Span | None:
    """The lines that the anchor names, if its quote does stand there; of a text known to be the same."""
    if anchor.start_line is None or anchor.end_line is None or anchor.end_line > len(page.lines):
        return None
    span = page.index.lines_span(anchor.start_line - 1, anchor.end_line - 1)
    lines = "\n".join(page.lines[anchor.start_line - 1 : anchor.end_line])
    exact = normal_text(anchor.exact or "")
    if lines.startswith(exact):
        return span
    # Another's anchor may quote a part of its line: then the part is meant, if it is there once.
    if lines.count(exact) != 1:
        return None
    start = page.starts[anchor.start_line - 1] + lines.index(exact)
    return page.span(start, start + len(exact))


def moved(span: Span, edit_start: int, edit_end: int, inserted_len: int) -> Span | None:
    """``span`` after the text from ``edit_start`` to ``edit_end`` became ``inserted_len`` other code points.

    An edit before the span shifts it, one inside makes it grow or shrink, one across a border cuts off what was
    replaced. Text inserted at the start of the span pushes it (a new line above moves it down), text inserted at its
    end stays outside (a new line below does not belong to it). ``None`` where all of it was replaced: then
    :func:`locate` may still find it, since a formatter puts most of it back.
    """
    if not 0 <= edit_start <= edit_end or inserted_len < 0:
        raise ValueError(f"not an edit: {edit_start}..{edit_end} +{inserted_len}")
    delta = inserted_len - (edit_end - edit_start)
    if edit_end <= span.start:
        return Span(span.start + delta, span.end + delta)
    if edit_start >= span.end:
        return span
    if edit_start <= span.start and edit_end >= span.end:
        return None
    if edit_start < span.start:
        return Span(edit_start + inserted_len, span.end + delta)
    if edit_end > span.end:
        return Span(span.start, edit_start)
    return Span(span.start, span.end + delta)
