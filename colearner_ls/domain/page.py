"""A text prepared for finding quotes in it: its lines, their normalised forms, and where each stands.

Quotes are compared after normalisation of line ends (W3C Web Annotation Data Model, 4.2.4 *Text Quote Selector*), so a
checkout with ``\\r\\n`` and one with ``\\n`` are the same text. What is counted here in *normal* offsets refers to the
text with ``\\n`` only.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate, islice
from typing import Final

from colearner_ls.domain.text import Span, TextIndex

MOST_HITS: Final = 10_000
"""As many places of one quote are told apart, to bound the cost; of a quote with more none is the one that was meant."""


def normal_text(text: str) -> str:
    """``text`` with ``\\n`` as its only line end."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def line_key(line: str) -> str:
    """What is compared when white space does not count: the words of the line with one blank between them."""
    return " ".join(line.split())


def digest(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hex. Lone surrogates, which no file can hold, count as ``?``."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


class Page:
    """One text and what is derived from it, each piece when first asked for. Use one for all anchors of a file."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.index = TextIndex(text)
        self.lines = self.index.lines
        self.normal = normal_text(text)

    @cached_property
    def sha256(self) -> str:
        """See :func:`digest`."""
        return digest(self.text)

    @cached_property
    def starts(self) -> list[int]:
        """Normal offset of the start of each line."""
        return list(accumulate((len(line) + 1 for line in self.lines[:-1]), initial=0))

    @cached_property
    def keys(self) -> list[str]:
        """:func:`line_key` of each line."""
        return [line_key(line) for line in self.lines]

    @cached_property
    def solid(self) -> list[int]:
        """Numbers of the lines that are not blank."""
        return [number for number, key in enumerate(self.keys) if key]

    @cached_property
    def solid_keys(self) -> list[str]:
        """Keys of the lines that are not blank."""
        return [key for key in self.keys if key]

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """For each key, its indexes in :attr:`solid_keys`."""
        found: dict[str, list[int]] = {}
        for number, key in enumerate(self.solid_keys):
            found.setdefault(key, []).append(number)
        return found

    def line_of(self, normal_offset: int) -> int:
        """0-based number of the line that a normal offset lies on."""
        return bisect_right(self.starts, normal_offset) - 1

    def span(self, start: int, end: int) -> Span:
        """The span in the text as it is, of two normal offsets."""
        if self.normal is self.text:
            return Span(start, end)
        return Span(self._offset(start), self._offset(end))

    def _offset(self, normal_offset: int) -> int:
        line = self.line_of(normal_offset)
        return self.index.line_start(line) + normal_offset - self.starts[line]

    def hits(self, exact: str, *, from_line_start: bool, to_line_end: bool) -> list[int]:
        """Normal offsets where ``exact`` stands, overlapping ones too, in order; the first :data:`MOST_HITS` of them.

        With ``from_line_start`` and ``to_line_end`` only where it begins or ends a line. An empty ``exact`` stands on
        empty lines only.
        """
        if not exact:
            empty = (start for start, line in zip(self.starts, self.lines, strict=True) if not line)
            return list(islice(empty, MOST_HITS))
        # Line ends around the text let a plain search, which is fast, see the first and the last line as well.
        framed = f"\n{self.normal}\n"
        before = "\n" if from_line_start else ""
        needle = before + exact + ("\n" if to_line_end else "")
        shift = 1 - len(before)
        found: list[int] = []
        at = framed.find(needle)
        while at >= 0 and len(found) < MOST_HITS:
            found.append(at - shift)
            at = framed.find(needle, at + 1)
        return found
