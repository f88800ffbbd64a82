"""The part of a file that is shown: the lines asked for, some lines around them, under a limit of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from colearner_ls.contracts.frozen import frozen

DEFAULT_MAX_BYTES: Final = 16 * 1024
"""Most bytes of UTF-8 in a snippet, separators included (trust.md, *Limits*)."""

CONTEXT_LINES: Final = 3
"""Lines shown around an anchored place, as in a unified diff."""

GAP: Final = "⋯"
"""The line that stands for the lines left out between two hunks."""

LineRange = tuple[int, int]
"""First and last line, 1-based and inclusive."""


@frozen
class Hunk:
    """Consecutive lines of the file, and the line of the snippet (from 1) where they begin."""

    start_line: int
    end_line: int
    snippet_line: int


@frozen
class Snippet:
    """What is shown. ``text`` has all of it: the hunks, and a line with :data:`GAP` between two of them.

    ``truncated``: lines that were asked for are missing, or part of a line is, since the limit was reached.
    """

    text: str
    hunks: tuple[Hunk, ...]
    truncated: bool = False

    @property
    def range(self) -> LineRange | None:
        """First to last line shown; ``None`` where nothing is."""
        return (self.hunks[0].start_line, self.hunks[-1].end_line) if self.hunks else None


def make_snippet(
    lines: Sequence[str],
    ranges: Sequence[LineRange] = (),
    *,
    max_bytes: int = DEFAULT_MAX_BYTES,
    context: int = CONTEXT_LINES,
) -> Snippet:
    """Show ``ranges`` of ``lines`` with ``context`` lines around each; without ranges, all lines from the first.

    Where that is too much the context goes first, then lines from the end; a line that is too long by itself is cut
    between two code points. Ranges outside the lines are clamped. Line ends in the snippet are ``\\n``.
    """
    wanted = _merged([_clamped(one, len(lines)) for one in ranges]) if ranges else [(1, len(lines))]
    for around in range(context if ranges else 0, -1, -1):
        hunks = _merged([_clamped((start - around, end + around), len(lines)) for start, end in wanted])
        if _size(lines, hunks, max_bytes) <= max_bytes:
            return _put_together(lines, hunks)
    return _cut(lines, wanted, max_bytes)


def around_line(lines: Sequence[str], line: int, max_bytes: int = DEFAULT_MAX_BYTES) -> Snippet:
    """As much of the file as fits, with 1-based ``line`` in the middle: for a place that can no longer be found."""
    start, end = _clamped((line, line), len(lines))
    used = _bytes(lines[start - 1])
    grows = True
    while grows:
        grows = False
        if start > 1 and used + 1 + _bytes(lines[start - 2]) <= max_bytes:
            start -= 1
            used += 1 + _bytes(lines[start - 1])
            grows = True
        if end < len(lines) and used + 1 + _bytes(lines[end]) <= max_bytes:
            end += 1
            used += 1 + _bytes(lines[end - 1])
            grows = True
    snippet = make_snippet(lines, [(start, end)], max_bytes=max_bytes, context=0)
    return Snippet(snippet.text, snippet.hunks, snippet.truncated or (start, end) != (1, len(lines)))


def _bytes(line: str) -> int:
    return len(line.encode("utf-8", "replace"))


def _clamped(one: LineRange, count: int) -> LineRange:
    start = min(max(one[0], 1), count)
    return start, min(max(one[1], start), count)


def _merged(ranges: Sequence[LineRange]) -> list[LineRange]:
    """The ranges in order, with those that overlap or touch made one; a single line between two is no gap either."""
    merged: list[LineRange] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1] + 2:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _size(lines: Sequence[str], hunks: Sequence[LineRange], enough: int) -> int:
    """Bytes of the snippet with these hunks; counting stops above ``enough``."""
    size = (len(hunks) - 1) * (_bytes(GAP) + 1) - 1
    for start, end in hunks:
        for line in lines[start - 1 : end]:
            size += _bytes(line) + 1
            if size > enough:
                return size
    return size


def _put_together(lines: Sequence[str], ranges: Sequence[LineRange], *, truncated: bool = False) -> Snippet:
    shown: list[str] = []
    hunks = []
    for start, end in ranges:
        if shown:
            shown.append(GAP)
        hunks.append(Hunk(start, end, len(shown) + 1))
        shown.extend(lines[start - 1 : end])
    return Snippet("\n".join(shown), tuple(hunks), truncated)


def _cut(lines: Sequence[str], wanted: Sequence[LineRange], max_bytes: int) -> Snippet:
    """As many of the wanted lines as fit, from the first."""
    left = max_bytes
    kept: list[LineRange] = []
    for start, end in wanted:
        left -= _bytes(GAP) + 1 if kept else 0
        last = start - 1
        while last < end and left >= _bytes(lines[last]):
            left -= _bytes(lines[last]) + 1
            last += 1
        if last >= start:
            kept.append((start, last))
        if last < end:
            break
    if kept:
        return _put_together(lines, kept, truncated=True)
    first = wanted[0][0]
    head = lines[first - 1].encode("utf-8", "replace")[: max(max_bytes, 0)].decode("utf-8", "ignore")
    return Snippet(head, (Hunk(first, first, 1),), truncated=True) if head else Snippet("", (), truncated=True)
