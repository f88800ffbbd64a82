"""Which of the places where a quote stands is the one that was meant.

The rules are so strict because a text does not tell its history. In ``a q b q c`` one may delete ``q b`` or ``b q``:
both leave ``a q c``, but in one case the first ``q`` is gone and in the other the second. What follows from that:

* a quote that was unique and is there once is found, whatever became of its neighbours;
* of several copies, all still there, it is the one with the same number, if it alone has an intact context on a side;
* where the number of copies has changed, it is the one whose context is intact on both sides, if no other copy has an
  intact side: then no single edit could have put another in its place;
* a quote that was edited is found between its old neighbours (see :mod:`colearner_ls.domain.alignment`);
* in all other cases it is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.alignment import Image, Passage, align_quote, standing
from colearner_ls.domain.page import MOST_HITS, Page, line_key, normal_text
from colearner_ls.domain.selectors import COPY_GONE, GONE, LOOKALIKES, SEVERAL, Anchor, Found, Lost

AGREEMENT: Final = 0.5
"""Least agreement of the neighbours of a short quote by another program, 0 to 1."""

DISTINCT_CHARACTERS: Final = 24
"""Another program's quote (we cannot know whether it was unique) of at least so many letters and digits is found
without its neighbours. Longer than nearly all single lines that repeat in code (``return None``, ``self.x = x``)."""


@frozen
class Quote:
    """An anchor's quote with ``\\n`` as line end, and whether it begins and ends where lines do."""

    exact: str
    prefix: str
    suffix: str
    from_line_start: bool
    to_line_end: bool
    nth: int | None
    copies: int | None

    @classmethod
    def of(cls, anchor: Anchor) -> Quote:
        exact, prefix, suffix = (normal_text(part) for part in (anchor.exact or "", anchor.prefix, anchor.suffix))
        return cls(
            exact=exact,
            prefix=prefix,
            suffix=suffix,
            from_line_start=not prefix or prefix.endswith("\n"),
            to_line_end=not suffix or suffix.startswith("\n"),
            nth=anchor.nth,
            copies=anchor.copies,
        )


@frozen
class Candidate:
    """A place (normal offset) with the quote's text. ``left``, ``right``: the whole context stands there, unchanged."""

    start: int
    left: bool
    right: bool

    @property
    def both(self) -> bool:
        return self.left and self.right


def choose(anchor: Anchor, page: Page) -> Found | Lost:
    """The place of an anchor with a quote, by its text."""
    quote = Quote.of(anchor)
    candidates = _candidates(quote, page)
    if not candidates:
        return _edited(anchor, quote, page)
    if len(candidates) == 1:
        return _only(anchor, quote, page, candidates[0])
    chosen = _one_of(quote, candidates) if len(candidates) < MOST_HITS else None
    return Lost(SEVERAL) if chosen is None else _found(page, quote, chosen, several=True)


def _candidates(quote: Quote, page: Page) -> list[Candidate]:
    hits = page.hits(quote.exact, from_line_start=quote.from_line_start, to_line_end=quote.to_line_end)
    if not hits and quote.copies is None and not quote.prefix and not quote.suffix:
        hits = _inside_lines(quote.exact, page)
    return [_candidate(quote, page, hit) for hit in hits]


def _inside_lines(exact: str, page: Page) -> list[int]:
    """Places of a quote without context, which may be a part of a line, but not a part of a word."""
    found = []
    for hit in page.hits(exact, from_line_start=False, to_line_end=False) if exact.strip() else []:
        end = hit + len(exact)
        cuts_start = hit > 0 and _is_word(page.normal[hit - 1]) and _is_word(exact[0])
        cuts_end = end < len(page.normal) and _is_word(page.normal[end]) and _is_word(exact[-1])
        if not cuts_start and not cuts_end:
            found.append(hit)
    return found


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _candidate(quote: Quote, page: Page, start: int) -> Candidate:
    """An empty context is no evidence: neither the border of the text nor a side that could not be told apart."""
    left = bool(quote.prefix) and page.normal.endswith(quote.prefix, 0, start)
    right = bool(quote.suffix) and page.normal.startswith(quote.suffix, start + len(quote.exact))
    return Candidate(start, left, right)


def _found(page: Page, quote: Quote, candidate: Candidate, *, several: bool) -> Found:
    span = page.span(candidate.start, candidate.start + len(quote.exact))
    return Found(span, "context" if several else "exact")


def _only(anchor: Anchor, quote: Quote, page: Page, candidate: Candidate) -> Found | Lost:
    if quote.copies is not None and quote.copies > 1:
        return _found(page, quote, candidate, several=True) if candidate.both else Lost(COPY_GONE)
    if candidate.left or candidate.right:
        return _found(page, quote, candidate, several=False)
    agreement = _agreement(quote, page, candidate)
    has_context = bool(quote.prefix or quote.suffix)
    if quote.copies is None and has_context and agreement < AGREEMENT and not _is_distinct(quote.exact):
        return Lost(GONE)
    if agreement == 0 and _was_copied_away(anchor, quote, page):
        return Lost(SEVERAL)
    return _found(page, quote, candidate, several=False)


def _is_distinct(exact: str) -> bool:
    return sum(character.isalnum() for character in exact) >= DISTINCT_CHARACTERS


def _one_of(quote: Quote, candidates: Sequence[Candidate]) -> Candidate | None:
    intact = [candidate for candidate in candidates if candidate.left or candidate.right]
    if len(intact) != 1:
        return None
    all_there = quote.nth is not None and quote.copies == len(candidates)
    if all_there:
        return intact[0] if candidates.index(intact[0]) + 1 == quote.nth else None
    return intact[0] if intact[0].both else None


def _agreement(quote: Quote, page: Page, candidate: Candidate) -> float:
    """How well the neighbours of a candidate agree with the quote's context, 0 to 1: the mean of the sides it has.

    1 is an unchanged side; else it is the share of the context's lines, by length and without regard to white space,
    that still stand in order near the candidate.
    """
    first = page.line_of(candidate.start)
    last = page.line_of(candidate.start + len(quote.exact))
    scores = []
    if quote.prefix:
        scores.append(1.0 if candidate.left else _side(quote.prefix, page, first, step=-1))
    if quote.suffix:
        scores.append(1.0 if candidate.right else _side(quote.suffix, page, last, step=1))
    return sum(scores) / len(scores) if scores else 0.0


_NOT_INTACT: Final = 0.9
"""What a side is worth at most where something in it changed."""


def _side(context: str, page: Page, line: int, *, step: int) -> float:
    side = standing(list(map(line_key, context.split("\n"))), page, line, step=step)
    return _NOT_INTACT * side.share if side else 0.0


def _was_copied_away(anchor: Anchor, quote: Quote, page: Page) -> bool:
    """Whether all the neighbours stand elsewhere, unchanged, around a text much like the quote.

    Then the quote may have been edited there, and what stands here is a copy of what it was.
    """
    image = _image(anchor, quote, page)
    return isinstance(image, Image) and image.intact


def _edited(anchor: Anchor, quote: Quote, page: Page) -> Found | Lost:
    """The place of a quote whose text is not there any more as it was."""
    if (anchor.copies or 1) > 1:
        return Lost(COPY_GONE)
    if (anchor.alike or 1) > 1:
        return Lost(LOOKALIKES)
    image = _image(anchor, quote, page)
    if not isinstance(image, Image):
        return Lost(SEVERAL if image == "several" else GONE)
    return Found(page.index.lines_span(image.first, image.last), "fuzzy")


def _image(anchor: Anchor, quote: Quote, page: Page) -> Image | Literal["gone", "several"]:
    if not (quote.from_line_start and quote.to_line_end):
        return "gone"
    return align_quote(page, passage(quote.exact, quote.prefix, quote.suffix), anchor.start_line)


def passage(exact: str, prefix: str, suffix: str) -> Passage:
    """A quote of whole lines and its context, as the keys of their lines."""
    keys = [[line_key(line) for line in part.split("\n")] for part in (exact, prefix, suffix)]
    return Passage(*keys)
