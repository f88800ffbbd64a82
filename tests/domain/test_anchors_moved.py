"""Spans that follow edits while a document is open, against characters that carry marks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.domain.anchors import Span, moved


@st.composite
def edits(draw: st.DrawFn) -> tuple[int, Span, int, int, int]:
    length = draw(st.integers(0, 30))
    start = draw(st.integers(0, length))
    end = draw(st.integers(start, length))
    edit_start = draw(st.integers(0, length))
    edit_end = draw(st.integers(edit_start, length))
    return length, Span(start, end), edit_start, edit_end, draw(st.integers(0, 8))


@given(edits())
def test_the_characters_of_the_span_stay_in_it_and_no_others_come_in_from_outside(
    case: tuple[int, Span, int, int, int],
) -> None:
    length, span, edit_start, edit_end, inserted = case
    marks = [*range(edit_start), *[-1] * inserted, *range(edit_end, length)]
    after = moved(span, edit_start, edit_end, inserted)
    kept = {mark for mark in range(span.start, span.end) if not edit_start <= mark < edit_end}
    if after is None:
        assert not kept
        assert edit_start <= span.start
        assert edit_end >= span.end
        return
    assert 0 <= after.start <= after.end <= len(marks)
    inside = marks[after.start : after.end]
    assert {mark for mark in inside if mark >= 0} == kept
    if -1 in inside:  # typed text belongs to the span only if the edit lay within it
        assert span.start <= edit_start
        assert edit_end <= span.end
    elif kept:
        assert min(kept) == marks[after.start]


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        ((0, 0, 6), "target"),  # a new first line
        ((5, 5, 1), "target"),  # Enter at the end of the line before
        ((6, 6, 1), "target"),  # Enter at the very start of the anchored line: it goes down
        ((6, 6, 4), "target"),  # indenting it
        ((12, 12, 1), "target"),  # Enter at its end: the new line is another one
        ((12, 12, 5), "target"),
        ((0, 6, 0), "target"),  # the line before is deleted
        ((13, 18, 0), "target"),
        ((8, 8, 3), "ta...rget"),
        ((8, 10, 1), "ta.et"),
        ((3, 8, 2), "rget"),
        ((9, 15, 2), "tar"),
        ((6, 12, 6), None),  # all of it replaced, as formatters do: look it up again
        ((0, 18, 40), None),
    ],
)
def test_what_happens_to_the_second_of_three_lines(edit: tuple[int, int, int], line: str | None) -> None:
    text = "above\ntarget\nbelow"
    start, end, inserted = edit
    after = moved(Span(6, 12), start, end, inserted)
    changed = text[:start] + "." * inserted + text[end:]
    assert (None if after is None else changed[after.start : after.end]) == line


def test_an_anchored_empty_line_goes_down_with_what_is_typed_above() -> None:
    assert moved(Span(6, 6), 6, 6, 1) == Span(7, 7)
    assert moved(Span(6, 6), 5, 7, 0) is None
    assert moved(Span(6, 6), 6, 9, 2) == Span(6, 6)


@pytest.mark.parametrize(("start", "end", "inserted"), [(-1, 0, 0), (3, 2, 0), (0, 0, -1)])
def test_what_is_no_edit_is_refused(start: int, end: int, inserted: int) -> None:
    with pytest.raises(ValueError, match="not an edit"):
        moved(Span(1, 2), start, end, inserted)
