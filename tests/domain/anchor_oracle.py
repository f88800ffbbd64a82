"""Texts and edits that carry a unique mark on every line, so that the true place of a quote is always known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import count

from hypothesis import strategies as st

from colearner_ls.domain.anchors import Anchor, Found, Lost, Page, locate, make_anchor

NEW_MARKS = count(1_000_000)


@dataclass(frozen=True)
class Line:
    """A line with the mark that no other line ever has."""

    mark: int
    text: str


@dataclass(frozen=True)
class Sheet:
    """A text as marked lines."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    def place(self, marks: frozenset[int]) -> tuple[int, int] | None:
        """First and last 0-based line with one of ``marks``."""
        there = [number for number, line in enumerate(self.lines) if line.mark in marks]
        return (there[0], there[-1]) if there else None

    def splice(self, start: int, end: int, new: Sequence[Line]) -> Sheet:
        return Sheet((*self.lines[:start], *new, *self.lines[end:]))


def sheet(texts: Sequence[str]) -> Sheet:
    return Sheet(tuple(Line(number, text) for number, text in enumerate(texts)))


def fresh(texts: Sequence[str]) -> list[Line]:
    return [Line(next(NEW_MARKS), text) for text in texts]


@dataclass(frozen=True)
class Quoted:
    """A sheet, the lines of it that an anchor quotes, and the anchor, as it comes out of an event's payload."""

    sheet: Sheet
    first: int
    last: int
    anchor: Anchor

    @property
    def marks(self) -> frozenset[int]:
        return frozenset(line.mark for line in self.sheet.lines[self.first : self.last + 1])

    @property
    def texts(self) -> list[str]:
        return [line.text for line in self.sheet.lines[self.first : self.last + 1]]


def quote(of: Sheet, first: int, last: int) -> Quoted:
    anchor = make_anchor("src/a.py", of.text, first + 1, last + 1)
    return Quoted(of, first, last, Anchor.from_payload(anchor.to_payload()))


def place_of(found: Found, page: Page) -> tuple[int, int]:
    """First and last line of what was found, which must be whole lines but for white space at their ends."""
    first, last = page.index.line_at(found.span.start), page.index.line_at(found.span.end)
    assert page.index.line_start(first) == found.span.start
    assert page.index.line_end(last) == found.span.end
    return first, last


def look(quoted: Quoted, after: Sheet) -> tuple[int, int] | None:
    """The lines at which the quote is found in ``after``, or ``None`` where it is lost."""
    page = Page(after.text)
    result = locate(quoted.anchor, page)
    if isinstance(result, Lost):
        assert result.reason
        return None
    return place_of(result, page)


WORDS = st.sampled_from(["alpha", "beta", "delta", "total", "index", "value", "node", "edge", "queue", "price", "item"])
NUMBERS = st.integers(0, 40)


@st.composite
def code_lines(draw: st.DrawFn) -> list[str]:
    """A few lines as they are in programs: some unlike all others, some that repeat everywhere."""
    one, two, number = draw(WORDS), draw(WORDS), draw(NUMBERS)
    return draw(
        st.sampled_from(
            [
                [f"def {one}_{two}({two}):", f"    {one} = {two} + {number}", f"    return {one}", ""],
                [f"import {one}"],
                [f"{one.upper()} = {number}"],
                [f"    if {one} > {number}:", f"        return {two}"],
                ["    return None", ""],
                ["    }", "}", ""],
                ["    else:", "        pass"],
                [f"# {one} of {two}, see note {number}"],
                [f"    self.{one} = {one}", f"    self.{two} = {two}"],
                [""],
            ]
        )
    )


SHEETS = st.lists(code_lines(), min_size=2, max_size=14).map(lambda blocks: sheet([text for b in blocks for text in b]))


@st.composite
def quotes(draw: st.DrawFn) -> Quoted:
    """Some lines of a sheet, quoted."""
    of = draw(SHEETS)
    first = draw(st.integers(0, len(of.lines) - 1))
    last = draw(st.integers(first, min(first + 6, len(of.lines) - 1)))
    return quote(of, first, last)


@st.composite
def edited_outside(draw: st.DrawFn, quoted: Quoted, *, avoid: Sequence[str] = (), alike: float = 1.0) -> Sheet:
    """The sheet after some edits that touch no line of the quote.

    No line that is like one of ``avoid`` to the degree ``alike`` (0 to 1; by difflib, not by what is tested) is typed
    or pasted.
    """
    after = quoted.sheet
    for _ in range(draw(st.integers(1, 5))):
        place = after.place(quoted.marks)
        if place is None:
            low, high = 0, len(after.lines)
        elif draw(st.booleans()):
            low, high = 0, place[0]
        else:
            low, high = place[1] + 1, len(after.lines)
        start = draw(st.integers(low, high))
        end = draw(st.integers(start, min(high, start + 4)))
        new = draw(st.lists(code_lines(), max_size=2).map(lambda blocks: [text for b in blocks for text in b]))
        if after.lines and draw(st.booleans()):
            source = draw(st.integers(0, len(after.lines) - 1))
            new = [line.text for line in after.lines[source : source + draw(st.integers(1, 4))]]
        typed = [text for text in new if not any(_is_like(text, other, alike) for other in avoid)]
        after = after.splice(start, end, fresh(typed))
    return after


def _is_like(text: str, other: str, degree: float) -> bool:
    return text.split() == other.split() or SequenceMatcher(None, text, other).ratio() >= degree


def retyped(line: Line, text: str) -> Line:
    """The same line with other text."""
    return replace(line, text=text)
