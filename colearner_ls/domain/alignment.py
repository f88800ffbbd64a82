"""Where the lines of an edited quote are now: an alignment of the quote and its neighbours with the changed text.

Lines are compared without regard to white space, so that re-indenting, trailing blanks and blank lines change nothing.
The quote with its context (the *block*) is laid on the few regions of the text that share lines with it, and aligned
there line by line for the greatest total likeness. Its place counts only if the context agrees on both sides: what is
like the quote but has other neighbours is another place, and what stood next to a deleted quote is not the quote.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import add
from typing import Final, Literal

from colearner_ls.domain.page import Page

MIN_LIKENESS: Final = 0.65
"""Least likeness, 0 to 1 (share of characters kept in order, rapidfuzz's normalised Indel similarity), of an edited
quote to what it was. Calibrated by tests/domain/test_anchors_fuzzy.py on edits within a line and on unlike lines."""

MIN_SIDE: Final = 0.4
"""Least share of a side's context, by length, that must stand around the place."""

STRONG_SIDE: Final = 0.6
STRONG_LIKENESS: Final = 0.75
"""What is asked of the one side and of the text where the other side is the border of the file, or empty."""

RUNNER_UP: Final = 0.15
"""How much more than this line's own gain a second-best alignment must lose, as a share of the line's weight."""

_LIKE: Final = 0.5
"""Lines less like each other than this are unrelated: aligning them gains nothing."""

_RARE: Final = 64
"""Lines that stand more often than this in a text do not tell a region from another (``}``, ``else:``)."""

_REGIONS: Final = 3
_SLACK: Final = 12
_MOST_SLACK: Final = 60
_HEAVY: Final = 40
"""Characters above which a longer line does not weigh more."""

_LONGEST: Final = 4096
"""Longer lines (minified code) are only compared for equality."""

MOST_LINES: Final = 160
"""A quote of more lines that are not blank is not looked for once it was edited, to bound the cost: 4 KiB of code have
about 100."""


@dataclass(frozen=True, slots=True)
class Image:
    """Where the quote is now: 0-based first and last line, inclusive, and its likeness to what it was, 0 to 1."""

    first: int
    last: int
    likeness: float


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines that are not blank of context before, quote, context after; the quote is ``keys[start:end]``."""

    keys: tuple[str, ...]
    start: int
    end: int

    def weight(self, index: int) -> int:
        return min(len(self.keys[index]), _HEAVY)


def align_quote(
    page: Page, exact: Sequence[str], *, before: Sequence[str], after: Sequence[str], hint: int | None
) -> Image | Literal["gone", "several"]:
    """The place of the quote with the line keys ``exact`` between lines like ``before`` and ``after``.

    ``hint`` (a 1-based line) only adds a region to look at. ``several`` where two places answer.
    """
    quote = [key for key in exact if key]
    left = [key for key in before if key]
    right = [key for key in after if key]
    if not 0 < len(quote) <= MOST_LINES or not (left or right):
        return "gone"
    block = _Block((*left, *quote, *right), len(left), len(left) + len(quote))
    images = []
    for low, high in _regions(page, block, hint):
        image = _image(page, block, low, high)
        if image is not None and image not in images:
            images.append(image)
    if not images:
        return "gone"
    return images[0] if len(images) == 1 else "several"


def _regions(page: Page, block: _Block, hint: int | None) -> list[tuple[int, int]]:
    """Stretches of :attr:`Page.solid_keys` to look at: where rare lines of the block stand at the same distances."""
    votes: dict[int, float] = {}
    for index, key in enumerate(block.keys):
        standing = page.places.get(key, ())
        if len(standing) <= _RARE:
            for place in standing:
                votes[place - index] = votes.get(place - index, 0.0) + block.weight(index) / len(standing)
    for shift in _alike(page, block) if not votes else ():
        votes[shift] = 1.0
    if hint is not None:
        votes.setdefault(bisect_left(page.solid, hint - 1) - block.start, 0.0)
    size = len(block.keys)
    slack = min(_SLACK + (block.end - block.start) // 2, _MOST_SLACK)
    chosen: list[int] = []
    for shift in sorted(votes, key=lambda shift: (-votes[shift], shift)):
        if all(abs(shift - other) > slack // 2 for other in chosen):
            chosen.append(shift)
        if len(chosen) == _REGIONS:
            break
    most = len(page.solid_keys)
    return [(max(0, shift - slack), min(most, shift + size + slack)) for shift in chosen]


def _alike(page: Page, block: _Block) -> list[int]:
    """Where lines most like the quote's longest line stand, for a block none of whose lines is there unchanged."""
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    longest = max(range(block.start, block.end), key=lambda index: len(block.keys[index]))
    alike = process.extract(
        block.keys[longest],
        page.solid_keys,
        scorer=Indel.normalized_similarity,
        score_cutoff=MIN_LIKENESS,
        limit=_REGIONS,
    )
    return [place - longest for _, _, place in alike]


class _Alignment:
    """All alignments of a block with a window of lines, by dynamic programming from both ends.

    ``likeness[i]`` has the window lines that block line ``i`` is like at all, and ``gain[i]`` what aligning them is
    worth. ``through(i, j)`` is the total of the best alignment in which block line ``i`` is window line ``j``;
    ``without(i)`` of the best one in which it is nowhere.
    """

    def __init__(self, block: _Block, window: Sequence[str]) -> None:
        self.block = block
        self.width = len(window)
        self.likeness = [_likenesses(key, window) for key in block.keys]
        self.gain = [
            {j: (like - _LIKE) / (1 - _LIKE) * block.weight(i) for j, like in row.items() if like > _LIKE}
            for i, row in enumerate(self.likeness)
        ]
        self._ahead = _best(self.gain, self.width)
        mirrored = [{self.width - 1 - j: value for j, value in row.items()} for row in reversed(self.gain)]
        self._behind = [row[::-1] for row in reversed(_best(mirrored, self.width))]

    def through(self, i: int, j: int) -> float:
        return self._ahead[i][j] + self.gain[i][j] + self._behind[i + 1][j + 1]

    def without(self, i: int) -> float:
        totals: Iterable[float] = map(add, self._ahead[i], self._behind[i + 1])
        return max(totals)

    def place(self, i: int) -> int | None:
        """The window line that block line ``i`` certainly is: every other choice loses clearly. Else ``None``."""
        totals = {j: self.through(i, j) for j in self.gain[i]}
        if not totals:
            return None
        best = max(totals, key=totals.__getitem__)
        second = max([self.without(i), *(total for j, total in totals.items() if j != best)])
        return best if totals[best] - second > RUNNER_UP * self.block.weight(i) else None


def _best(gain: Sequence[Mapping[int, float]], width: int) -> list[list[float]]:
    """``best[i][j]``: the greatest total of the first ``i`` block lines within the first ``j`` window lines."""
    best = [[0.0] * (width + 1)]
    for row in gain:
        above = best[-1]
        if row:
            here = above.copy()
            for j in sorted(row):
                here[j + 1] = max(here[j + 1], above[j] + row[j])
            best.append(list(accumulate(here, max)))
        else:
            best.append(above)
    return best


def _likenesses(key: str, window: Sequence[str]) -> dict[int, float]:
    if len(key) > _LONGEST:
        return {j: 1.0 for j, other in enumerate(window) if key == other}
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    scorer = Indel.normalized_similarity
    return {j: like for _, like, j in process.extract(key, window, scorer=scorer, score_cutoff=_LIKE, limit=None)}


def _image(page: Page, block: _Block, low: int, high: int) -> Image | None:
    window = page.solid_keys[low:high]
    if not window:
        return None
    alignment = _Alignment(block, window)
    placed = {i: alignment.place(i) for i in range(len(block.keys))}
    own = {i: j for i, j in placed.items() if j is not None and block.start <= i < block.end}
    own = {i: j for i, j in own.items() if not _is_neighbour(alignment, i, j)}
    if not own:
        return None
    first, last = min(own.values()), max(own.values())
    total = sum(block.weight(i) for i in range(block.start, block.end))
    likeness = sum(block.weight(i) * alignment.likeness[i][j] for i, j in own.items()) / total
    left = _side(block, placed, range(block.start), first - 1, step=-1)
    right = _side(block, placed, range(block.end, len(block.keys)), last + 1, step=1)
    at_start = low + first == 0
    at_end = low + last == len(page.solid_keys) - 1
    if not _agrees(left, right, likeness, at_start=at_start, at_end=at_end):
        return None
    return Image(page.solid[low + first], page.solid[low + last], likeness)


def _is_neighbour(alignment: _Alignment, i: int, j: int) -> bool:
    """Whether window line ``j``, taken for an edited quote line, is at least as much like a line of the context."""
    block = alignment.block
    own = alignment.likeness[i][j]
    context = [*range(block.start), *range(block.end, len(block.keys))]
    return own < 1 and any(alignment.likeness[k].get(j, 0.0) >= own for k in context)


def _side(block: _Block, placed: dict[int, int | None], context: range, border: int, *, step: int) -> float | None:
    """Share of a side's context, by weight, that stands on that side of the place; ``None`` without context."""
    total = sum(block.weight(i) for i in context)
    if not total:
        return None
    kept = 0
    for i in context:
        j = placed[i]
        if j is not None and (j - border) * step >= 0:
            kept += block.weight(i)
    return kept / total


def _agrees(left: float | None, right: float | None, likeness: float, *, at_start: bool, at_end: bool) -> bool:
    if likeness < MIN_LIKENESS:
        return False
    if left is not None and right is not None:
        return left >= MIN_SIDE and right >= MIN_SIDE
    if left is None and right is not None:
        enough, at_border = right, at_start
    else:
        enough, at_border = left or 0.0, at_end
    if at_border:
        return enough >= MIN_SIDE
    return enough >= STRONG_SIDE and likeness >= STRONG_LIKENESS
