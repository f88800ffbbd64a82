"""What part of a file is shown: the lines asked for, under the limit, with true line numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colearner_ls.evidence.snippet import GAP, Hunk, Snippet, around_line, make_snippet

LINES = [f"line {number}" for number in range(1, 101)]


def test_a_place_has_three_lines_around_it() -> None:
    snippet = make_snippet(LINES, [(10, 11)])
    assert snippet.text.split("\n") == LINES[6:14]
    assert snippet.hunks == (Hunk(7, 14, 1),)
    assert snippet.range == (7, 14)
    assert not snippet.truncated


def test_several_places_are_hunks_and_near_ones_are_joined() -> None:
    snippet = make_snippet(LINES, [(50, 50), (10, 10), (18, 18), (99, 120)])
    assert [(hunk.start_line, hunk.end_line) for hunk in snippet.hunks] == [(7, 21), (47, 53), (96, 100)]
    shown = snippet.text.split("\n")
    for hunk in snippet.hunks:
        assert shown[hunk.snippet_line - 1] == LINES[hunk.start_line - 1]
    assert [number for number, line in enumerate(shown, start=1) if line == GAP] == [16, 24]
    assert snippet.range == (7, 100)


def test_without_places_the_file_is_shown_from_its_beginning() -> None:
    assert make_snippet(LINES).text == "\n".join(LINES)
    short = make_snippet(LINES, max_bytes=19)
    assert short == Snippet("line 1\nline 2", (Hunk(1, 2, 1),), truncated=True)


def test_the_context_goes_before_what_was_asked_for() -> None:
    whole = len("\n".join(LINES[9:12]))
    snippet = make_snippet(LINES, [(10, 12)], max_bytes=whole)
    assert snippet.text.split("\n") == LINES[9:12]
    assert not snippet.truncated
    less = make_snippet(LINES, [(10, 12)], max_bytes=whole - 1)
    assert less.text.split("\n") == LINES[9:11]
    assert less.truncated


@pytest.mark.parametrize("size", range(1, 9))
def test_a_line_too_long_by_itself_is_cut_between_code_points(size: int) -> None:
    snippet = make_snippet(["short", "ä😋" * 10, "x"], [(2, 2)], max_bytes=size)
    assert snippet.truncated
    assert ("ä😋" * 10).startswith(snippet.text)
    assert size - 4 < len(snippet.text.encode()) <= size


@pytest.mark.parametrize("wanted", [(0, 0), (-5, 200), (300, 400), (100, 100), (5, 3)])
def test_ranges_outside_are_clamped(wanted: tuple[int, int]) -> None:
    snippet = make_snippet(LINES, [wanted], context=0)
    assert snippet.range is not None
    assert 1 <= snippet.range[0] <= snippet.range[1] <= 100


def test_around_a_lost_place_as_much_as_fits_is_shown() -> None:
    snippet = around_line(LINES, 50, max_bytes=100)
    assert snippet.range is not None
    assert snippet.range[0] < 50 < snippet.range[1]
    assert 90 < len(snippet.text.encode()) <= 100
    assert snippet.truncated
    assert around_line(LINES, 7).text == "\n".join(LINES)
    assert not around_line(LINES, 7).truncated
    assert around_line(LINES, 900, max_bytes=30).range == (98, 100)
    assert around_line(["x" * 50], 1, max_bytes=10).text == "x" * 10


LINE = st.sampled_from(["", "a", "größe", "😋" * 5, "x" * 40, GAP])
RANGE = st.tuples(st.integers(-2, 40), st.integers(-2, 40))


@settings(max_examples=200)
@given(st.lists(LINE, min_size=1, max_size=30), st.lists(RANGE, max_size=4), st.integers(0, 400), st.integers(0, 3))
def test_a_snippet_is_under_its_limit_and_its_numbers_are_true(
    lines: Sequence[str], ranges: list[tuple[int, int]], limit: int, context: int
) -> None:
    snippet = make_snippet(lines, ranges, max_bytes=limit, context=context)
    assert len(snippet.text.encode()) <= limit
    shown = snippet.text.split("\n")
    numbers: set[int] = set()
    for number, hunk in enumerate(snippet.hunks):
        part = shown[hunk.snippet_line - 1 : hunk.snippet_line + hunk.end_line - hunk.start_line]
        original = lines[hunk.start_line - 1 : hunk.end_line]
        assert part[:-1] == original[:-1]
        assert part[-1] == original[-1] or (snippet.truncated and original[-1].startswith(part[-1]))
        assert number == 0 or shown[hunk.snippet_line - 2] == GAP
        numbers |= set(range(hunk.start_line, hunk.end_line + 1))
    if not snippet.truncated:
        for start, end in ranges or [(1, len(lines))]:
            first = min(max(start, 1), len(lines))
            assert numbers >= set(range(first, min(max(end, first), len(lines)) + 1))
