"""Where the lines of an edited quote are now: an alignment of the quote and its neighbours with the changed text.

Lines are compared without regard to white space, so that re-indenting, trailing blanks and blank lines change nothing.
The quote with its context (the *block*) is laid on the few regions of the text that share lines with it, and aligned
there line by line for the greatest total likeness. Its place counts only if the context agrees on both sides: what is
like the quote but has other neighbours is another place, and what stood next to a deleted quote is not the quote.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from operator import add, sub
from typing import Final, Literal

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.page import Page

MIN_LIKENESS: Final = 0.6
"""Least likeness, 0 to 1 (rapidfuzz's normalised Indel similarity), of an edited quote to what it was. Of two lines drawn
from one file of Python's standard library, 1 pair in 200 is that much alike (tests/domain/test_anchors.py)."""

MIN_SIDE: Final = 0.5
"""Least share of a side's context, by length, that must stand beside the place."""

RUNNER_UP: Final = 0.15
"""How much more than this line's own gain a second-best alignment must lose, as a share of the line's weight."""

_PASSED: Final = 1.0
"""What a new line among aligned ones costs, in characters: keeps what belongs together together."""

_LIKE: Final = 0.5
"""Lines less like each other than this are unrelated: aligning them gains nothing."""

_RARE: Final = 64
"""Lines that stand more often than this in a text do not tell a region from another (``}``, ``else:``)."""

_REGIONS: Final = 3
"""Most regions that are looked at for a quote."""

_MORE_REGIONS: Final = 8
"""Most regions that are looked at for what might be mistaken for it."""

_SLACK: Final = 12
_MOST_SLACK: Final = 60
"""Lines that a region has before and after the block, besides half as many as the quote has; and the most of them."""

_INSERTED_LINES: Final = 4
"""So many new lines may stand among the context's lines before the farther ones count as gone."""

_NEW_BETWEEN: Final = 1
"""So many new lines may stand between an edited quote and its context (an ``if`` that it was wrapped in)."""

_HEAVY: Final = 40
"""Characters above which a longer line does not weigh more."""

_TRIVIAL: Final = 3
"""Lines of so few characters (``}``, ``);``) stand everywhere."""

_LONGEST: Final = 4096
"""Longer lines (minified code) are only compared for equality."""

MOST_LINES: Final = 160
"""A quote of more lines that are not blank is not looked for once it was edited, to bound the cost: 4 KiB of code have
about 100."""


@frozen
class Image:
    """Where the quote is now: 0-based first and last line, inclusive, and its likeness to what it was, 0 to 1.

    ``left`` and ``right``: what stands of the context on each side, ``None`` where it had none.
    """

    first: int
    last: int
    likeness: float
    left: Side | None
    right: Side | None

    @property
    def intact(self) -> bool:
        """Whether both sides are there as they were, right beside it."""
        return all(side is not None and side.intact and side.gap == 0 for side in (self.left, self.right))


@frozen
class _Block:
    """The lines that are not blank of context before, quote, context after; the quote is ``keys[start:end]``."""

    keys: tuple[str, ...]
    start: int
    end: int

    @property
    def context(self) -> frozenset[str]:
        """The lines of the context that say something."""
        around = (*self.keys[: self.start], *self.keys[self.end :])
        return frozenset(key for key in around if len(key) > _TRIVIAL)

    def weight(self, index: int) -> int:
        return min(len(self.keys[index]), _HEAVY)


@frozen
class Passage:
    """What is looked for: line keys of the quote and of its context on both sides, blank ones included or not."""

    exact: Sequence[str]
    before: Sequence[str]
    after: Sequence[str]

    def block(self) -> _Block | None:
        """As one block; ``None`` where it is too long, or says too little, to be found once it was edited."""
        left, quote, right = ([key for key in part if key] for part in (self.before, self.exact, self.after))
        if not 0 < len(quote) <= MOST_LINES or not (left or right):
            return None
        return _Block((*left, *quote, *right), len(left), len(left) + len(quote))


def align_quote(page: Page, passage: Passage, hint: int | None) -> Image | Literal["gone", "several"]:
    """The place of an edited quote in ``page``; ``several`` where two places answer.

    ``hint`` (a 1-based line) only adds a region to look at.
    """
    block = passage.block()
    if block is None:
        return "gone"
    images: list[Image] = []
    for low, high in _regions(page, block, hint, _REGIONS):
        image = _image(page, block, low, high, _judged)
        if image == "several":
            return "several"
        if image is not None and image not in images:
            images.append(image)
    if not images:
        return "gone"
    return images[0] if len(images) == 1 else "several"


def is_mistakable(page: Page, passage: Passage, hint: int) -> bool:
    """Whether ``page``, from which the quote was taken out, has a place that might be taken for it.

    That is a place like the quote of which even one side's context agrees: some edit of the other side could complete
    the likeness. Such a quote must not be looked for once it was edited.
    """
    block = passage.block()
    regions = _regions(page, block, hint, _MORE_REGIONS) if block else []
    return block is not None and any(_image(page, block, low, high, _suspected) for low, high in regions)


def _regions(page: Page, block: _Block, hint: int | None, most_regions: int) -> list[tuple[int, int]]:
    """Stretches of :attr:`Page.solid_keys` to look at: where rare lines of the block stand at the same distances."""
    votes: dict[int, float] = {}
    for index, key in enumerate(block.keys):
        standing = page.places.get(key, ())
        if len(standing) <= _RARE:
            for place in standing:
                votes[place - index] = votes.get(place - index, 0.0) + block.weight(index) / len(standing)
    for shift in _alike(page, block, most_regions) if not votes else ():
        votes[shift] = 1.0
    if hint is not None:
        votes.setdefault(bisect_left(page.solid, hint - 1) - block.start, 0.0)
    size = len(block.keys)
    slack = min(_SLACK + (block.end - block.start) // 2, _MOST_SLACK)
    chosen: list[int] = []
    for shift in sorted(votes, key=lambda shift: (-votes[shift], shift)):
        if all(abs(shift - other) > slack // 2 for other in chosen):
            chosen.append(shift)
        if len(chosen) == most_regions:
            break
    most = len(page.solid_keys)
    return [(max(0, shift - slack), min(most, shift + size + slack)) for shift in chosen]


def _alike(page: Page, block: _Block, limit: int) -> list[int]:
    """Where lines most like the quote's longest line stand, for a block none of whose lines is there unchanged."""
    from rapidfuzz import process
    from rapidfuzz.distance import Indel

    longest = max(range(block.start, block.end), key=lambda index: len(block.keys[index]))
    alike = process.extract(
        block.keys[longest],
        page.solid_keys,
        scorer=Indel.normalized_similarity,
        score_cutoff=MIN_LIKENESS,
        limit=limit,
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
    """``best[i][j]``: the greatest total of the first ``i`` block lines within the first ``j`` window lines.

    A window line that is passed over costs :data:`_PASSED`, counted from the first line that is aligned up to ``j``.
    """
    costs = [_PASSED * j for j in range(width + 1)]
    best = [[0.0] * (width + 1)]
    for row in gain:
        above = best[-1]
        if row:
            here = above.copy()
            for j, value in row.items():
                here[j + 1] = max(here[j + 1], above[j] + value)
            # The costs so far are added first and taken off afterwards, so that a running maximum does the rest.
            reached = accumulate(map(add, here, costs), max)
            best.append([max(0.0, total) for total in map(sub, reached, costs)])
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


_Judge = Callable[[Page, _Block, int, int, float, int], "Image | None"]


@frozen
class Side:
    """What stands of a context on one side of a place.

    ``share``: how much of it, 0 to 1, by the length of its lines. ``gap``: lines between the place and the first of
    them. ``intact``: all of them stand there with nothing in between.
    """

    share: float
    gap: int
    intact: bool


def standing(context: Sequence[str], page: Page, line: int, *, step: int, unplaced: int = 0) -> Side | None:
    """What stands of a context beside 0-based ``line``; ``None`` if the context has no line that is not blank.

    ``context`` has line keys, outward or not as the text has them; ``step`` is -1 for the lines above, 1 for those
    below. Its lines must stand in order, with no more than a few new lines among them. ``unplaced`` lines next to the
    place are overlooked: they may belong to it.
    """
    wanted = [key for key in context if key][::step]
    if not wanted:
        return None
    near: list[str] = []
    at = line + step
    while 0 <= at < len(page.keys) and len(near) < len(wanted) + _INSERTED_LINES + unplaced:
        if page.keys[at]:
            near.append(page.keys[at])
        at += step
    places: list[int] = []
    kept = 0
    for key in wanted:
        start = places[-1] + 1 if places else 0
        if key in near[start:]:
            places.append(near.index(key, start))
            kept += len(key)
    gap = max(0, places[0] - unplaced) if places else len(near)
    intact = len(places) == len(wanted) and places[-1] - places[0] == len(wanted) - 1
    return Side(kept / sum(map(len, wanted)), gap, intact)


def _image(page: Page, block: _Block, low: int, high: int, judge: _Judge) -> Image | Literal["several"] | None:
    window = page.solid_keys[low:high]
    if not window:
        return None
    alignment = _Alignment(block, window)
    placed = {i: alignment.place(i) for i in range(block.start, block.end)}
    own = {
        i: j
        for i, j in placed.items()
        if j is not None and (alignment.likeness[i][j] == 1 or not _is_neighbour(alignment, i, j))
    }
    if not own:
        return None
    first, last = min(own.values()), max(own.values())
    total = sum(block.weight(i) for i in range(block.start, block.end))
    likeness = sum(block.weight(i) * alignment.likeness[i][j] for i, j in own.items()) / total
    unplaced = block.end - block.start - len(own)
    image = judge(page, block, low + first, low + last, likeness, unplaced)
    if image is None or any(window[j] in block.context for j in range(first, last) if j not in own.values()):
        return None
    # Is there another place, as good, for the line that says most?
    heaviest = max(own, key=lambda i: block.weight(i) * alignment.likeness[i][own[i]])
    for j, like in alignment.likeness[heaviest].items():
        shift = low + j - own[heaviest]
        top, bottom = shift + first, shift + last
        other = j != own[heaviest] and top >= 0 and bottom < len(page.solid_keys)
        if other and not _is_neighbour(alignment, heaviest, j) and judge(page, block, top, bottom, like, unplaced):
            return "several"
    return image


def _is_neighbour(alignment: _Alignment, i: int, j: int) -> bool:
    """Whether window line ``j``, taken for quote line ``i``, is at least as much like a line of the context."""
    block = alignment.block
    own = alignment.likeness[i][j]
    context = [*range(block.start), *range(block.end, len(block.keys))]
    return any(alignment.likeness[k].get(j, 0.0) >= own for k in context)


def _judged(page: Page, block: _Block, first: int, last: int, likeness: float, unplaced: int) -> Image | None:
    """The image at these indexes of :attr:`Page.solid_keys`, if text and context speak for it."""
    image = _imagined(page, block, first, last, likeness, unplaced)
    at_start, at_end = first == 0, last == len(page.solid_keys) - 1
    agrees = _agrees(image.left, image.right, at_border=at_start) and _agrees(image.right, image.left, at_border=at_end)
    return image if agrees and likeness >= MIN_LIKENESS else None


def _suspected(page: Page, block: _Block, first: int, last: int, likeness: float, unplaced: int) -> Image | None:
    """The same image if only one side speaks for it."""
    image = _imagined(page, block, first, last, likeness, unplaced)
    near = [side for side in (image.left, image.right) if side and side.share >= MIN_SIDE and side.gap <= _NEW_BETWEEN]
    return image if near and likeness >= MIN_LIKENESS else None


def _imagined(page: Page, block: _Block, first: int, last: int, likeness: float, unplaced: int) -> Image:
    top, bottom = page.solid[first], page.solid[last]
    left = standing(block.keys[: block.start], page, top, step=-1, unplaced=unplaced)
    right = standing(block.keys[block.end :], page, bottom, step=1, unplaced=unplaced)
    return Image(top, bottom, likeness, left, right)


def _agrees(side: Side | None, other: Side | None, *, at_border: bool) -> bool:
    """Whether a side speaks for a place.

    An intact context right beside it does, and one with changes does if the other side's is intact. Where there was no
    context the quote was at the border of the text: it must still be there, and the other side's be intact.
    """
    intact = other is not None and other.intact and other.gap == 0
    if side is None:
        return at_border and intact
    return (side.intact and side.gap == 0) or (intact and side.share >= MIN_SIDE and side.gap <= _NEW_BETWEEN)
