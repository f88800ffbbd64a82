"""Counting from the nearest known place says what a list of all line starts says, in whatever order it is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.domain.text import Encoding, Position, Span, TextIndex, code_units

TEXTS = st.text(st.sampled_from("ab\n\r\té😋\u2028\f"), max_size=60)
ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")


def _line_starts(text: str) -> list[int]:
    ends = [
        index
        for index, char in enumerate(text)
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n")
    ]
    return [0, *(index + 1 for index in ends)]


def _position(text: str, offset: int, encoding: Encoding) -> Position:
    starts = _line_starts(text)
    offset = min(max(offset, 0), len(text))
    line = max(number for number, start in enumerate(starts) if start <= offset)
    until = starts[line + 1] if line + 1 < len(starts) else len(text)
    content = text[starts[line] : until].rstrip("\r\n")
    return Position(line, code_units(content[: offset - starts[line]], encoding))


@given(TEXTS, st.lists(st.integers(-3, 63), max_size=12), st.sampled_from(ENCODINGS), st.booleans())
def test_any_order_of_questions(text: str, offsets: list[int], encoding: Encoding, whole: bool) -> None:
    index, starts = TextIndex(text), _line_starts(text)
    for number, offset in enumerate(offsets):
        if whole and number == len(offsets) // 2:
            assert index.line_count == len(starts)
            index.offset(0, 1, encoding)  # all line starts are found from here on
        expected = _position(text, offset, encoding)
        assert index.position(offset, encoding) == expected
        assert index.line_at(offset) == expected.line
        assert index.line_start(expected.line) == starts[expected.line]
        end = starts[expected.line + 1] if expected.line + 1 < len(starts) else len(text)
        assert index.line_end(expected.line) == starts[expected.line] + len(
            text[starts[expected.line] : end].rstrip("\r\n")
        )


@given(TEXTS, st.integers(0, 20), st.integers(0, 20))
def test_lines_that_no_offset_led_to(text: str, first: int, last: int) -> None:
    starts = _line_starts(text)
    index = TextIndex(text)
    index.position(len(text) // 2, "utf-16")
    expected = starts[first] if first < len(starts) else len(text)
    assert index.line_start(first) == expected
    assert index.lines_span(first, last) == Span(expected, max(expected, index.line_end(last)))
    assert index.line_end(10**6) == len(text)


@pytest.mark.parametrize("text", ["", "\n", "a", "a\n", "a\nb"])
def test_the_end_of_the_text(text: str) -> None:
    index = TextIndex(text)
    line = text.count("\n")
    assert index.position(len(text), "utf-16") == Position(line, len(text) - text.rfind("\n") - 1)
    assert index.position(10**9, "utf-16") == index.position(len(text), "utf-16")
    assert index.position(-1, "utf-16") == Position(0, 0)
