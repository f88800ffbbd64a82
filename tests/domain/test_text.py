"""Lines and positions, against data taken from the LSP specification and against a naive counter."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.domain.text import Position, Span, TextIndex, TextRange, code_units, split_lines

ENCODINGS = ("utf-8", "utf-16", "utf-32")
NOT_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a", ""]),
        ("a\nb", ["a", "b"]),
        ("a\r\nb\rc\n", ["a", "b", "c", ""]),
        ("\r\r\n\n", ["", "", "", ""]),
        ("a\n\rb", ["a", "", "b"]),
        (f"a{NOT_LINE_ENDS}b", [f"a{NOT_LINE_ENDS}b"]),
        ("x = 1\x0c\ny = 2\n", ["x = 1\x0c", "y = 2", ""]),
    ],
)
def test_only_three_line_ends(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines
    index = TextIndex(text)
    assert index.lines == lines
    assert [text[index.line_start(n) : index.line_end(n)] for n in range(index.line_count)] == lines


# The line of the LSP specification's example is `a𐐀b`; 𐐀 (U+10400) is 4 bytes, 2 UTF-16 units, 1 code point.
@pytest.mark.parametrize(
    ("text", "encoding", "character", "offset"),
    [
        ("a𐐀b", "utf-8", 5, 2),
        ("a𐐀b", "utf-16", 3, 2),
        ("a𐐀b", "utf-32", 2, 2),
        ('x="😋"', "utf-8", 7, 4),
        ('x="😋"', "utf-16", 5, 4),
        ('x="😋"', "utf-32", 4, 4),
        ("e\u0301x", "utf-8", 3, 2),  # a combining accent is a code point of its own
        ("e\u0301x", "utf-16", 2, 2),
        ("e\u0301x", "utf-32", 2, 2),
        ("👩\u200d💻!", "utf-8", 11, 3),
        ("👩\u200d💻!", "utf-16", 5, 3),
        ("👩\u200d💻!", "utf-32", 3, 3),
        ("ä\x0cß", "utf-8", 3, 2),
        ("日本", "utf-8", 3, 1),
        ("日本", "utf-16", 1, 1),
    ],
)
def test_positions_in_three_encodings(text: str, encoding: str, character: int, offset: int) -> None:
    index = TextIndex(f"first\r\n{text}\nlast")
    start = len("first\r\n")
    assert index.offset(1, character, encoding) == start + offset
    assert index.position(start + offset, encoding) == Position(1, character)


@pytest.mark.parametrize(
    ("encoding", "character", "offset"),
    [("utf-16", 1, 0), ("utf-16", 2, 1), ("utf-8", 1, 0), ("utf-8", 2, 0), ("utf-8", 3, 0), ("utf-8", 4, 1)],
)
def test_a_position_inside_a_character_is_its_start(encoding: str, character: int, offset: int) -> None:
    assert TextIndex("😋x").offset(0, character, encoding) == offset


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    ("text", "line", "character", "offset"),
    [
        ("abc", 0, 10, 3),
        ("abc\r\ndef", 0, 10, 3),  # before the line end, never inside of it
        ("abc\rdef", 0, 4, 3),
        ("abc\n", 1, 0, 4),
        ("abc\n", 1, 7, 4),
        ("abc\n", 2, 0, 4),
        ("abc", 7, 2, 3),
        ("", 0, 0, 0),
        ("", 3, 3, 0),
        ("äöü", 0, 99, 3),
        ("abc", -1, 0, 0),
        ("abc", 0, -4, 0),
    ],
)
def test_positions_outside_are_clamped(encoding: str, text: str, line: int, character: int, offset: int) -> None:
    assert TextIndex(text).offset(line, character, encoding) == offset


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_offsets_outside_are_clamped_and_inside_of_crlf_mean_the_line_end(encoding: str) -> None:
    index = TextIndex("ab\r\ncd")
    assert index.position(3, encoding) == Position(0, 2)
    assert index.position(4, encoding) == Position(1, 0)
    assert index.position(-5, encoding) == Position(0, 0)
    assert index.position(99, encoding) == Position(1, 2)


def test_ranges_and_spans() -> None:
    index = TextIndex("a😋b\r\nc\n")
    span = Span(1, 5)
    assert index.range(span, "utf-16") == TextRange(Position(0, 1), Position(1, 0))
    assert index.span(TextRange(Position(1, 0), Position(0, 1)), "utf-16") == span
    assert index.lines_span(0, 1) == Span(0, 6)
    assert index.lines_span(1, 99) == Span(5, 7)
    assert index.lines_span(40, 99) == Span(7, 7)


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (3, 2)])
def test_a_span_is_never_inverted(start: int, end: int) -> None:
    with pytest.raises(ValueError, match="not a span"):
        Span(start, end)


TEXTS = st.lists(
    st.sampled_from(["\n", "\r", "\r\n", "a", "ä", "日", "😋", "e\u0301", "\ufeff", "\ud83d", *NOT_LINE_ENDS]),
    max_size=30,
).map("".join)


def naive_positions(text: str, encoding: str) -> list[Position]:
    """The position of every offset, by walking through the text one character at a time."""
    found = []
    line = character = 0
    for at, one in enumerate(text):
        inside_crlf = one == "\n" and at > 0 and text[at - 1] == "\r"
        found.append(Position(line, found[-1].character) if inside_crlf else Position(line, character))
        if one == "\n" or (one == "\r" and text[at + 1 : at + 2] != "\n"):
            line, character = line + 1, 0
        elif one != "\r":
            character += {
                "utf-8": len(one.encode("utf-8", "surrogatepass")),
                "utf-16": 2 if ord(one) > 0xFFFF else 1,
                "utf-32": 1,
            }[encoding]
    return [*found, Position(line, character)]


@given(TEXTS, st.sampled_from(ENCODINGS))
def test_every_offset_has_the_position_a_walk_finds_and_back(text: str, encoding: str) -> None:
    index = TextIndex(text)
    expected = naive_positions(text, encoding)
    assert [index.position(offset, encoding) for offset in range(len(text) + 1)] == expected
    for offset, place in enumerate(expected):
        inside_crlf = text[offset - 1 : offset + 1] == "\r\n" and offset > 0
        assert index.offset(place.line, place.character, encoding) == offset - inside_crlf


@given(TEXTS, st.sampled_from(ENCODINGS), st.integers(0, 12), st.integers(0, 60))
def test_any_position_lies_on_its_line_and_not_behind_what_was_asked(
    text: str, encoding: str, line: int, character: int
) -> None:
    index = TextIndex(text)
    offset = index.offset(line, character, encoding)
    assert 0 <= offset <= len(text)
    if line < index.line_count:
        assert index.line_start(line) <= offset <= index.line_end(line)
        assert code_units(text[index.line_start(line) : offset], encoding) <= character
        assert index.line_at(offset) == line
    else:
        assert offset == len(text)


@given(TEXTS)
def test_lines_cover_the_text(text: str) -> None:
    index = TextIndex(text)
    starts = [index.line_start(line) for line in range(index.line_count)]
    assert starts[0] == 0
    for line, (start, following) in enumerate(pairwise([*starts, len(text)])):
        assert text[start:following].startswith(index.lines[line])
        assert text[index.line_end(line) : following] in {"", "\n", "\r", "\r\n"}


@pytest.mark.parametrize("line", ["    return self.value + 1", "    return 'größer' + '😋'"])
def test_ten_thousand_lines_are_quick(line: str) -> None:
    text = "\n".join([line] * 10_000)
    best = min(_seconds(text) for _ in range(3))
    assert best < 0.25  # measured: 0.02 s; room for a busy machine, but not for anything quadratic


def _seconds(text: str) -> float:
    begin = time.process_time()
    index = TextIndex(text)
    for number in range(0, 10_000, 10):
        index.position(index.offset(number, 12, "utf-16"), "utf-16")
    return time.process_time() - begin
