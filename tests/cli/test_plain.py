"""Hostile text stays harmless on a terminal; tables keep their shape."""

from __future__ import annotations

import json
import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.cli import output
from colearner_ls.cli.render.layout import Cell, Style, columns_of, cut, table
from colearner_ls.cli.render.plain import plain, plain_lines
from colearner_ls.cli.render.words import ago, clock, delivery_words, place, short

ESCAPES = [
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07text",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\",
    "\x1bPq#0\x1b\\sixel",
    "\x9b2J",
    "\x1bc",
    "a\rb",
    "a\x08b",
    "a\u202eb\u2066c",
    "a\x85b\u2028c",
    "half \ud83d pair",
]


def harmless(text: str) -> bool:
    return not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or character in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
        for character in text
    )


@pytest.mark.parametrize("text", ESCAPES)
def test_escapes_go_with_all_that_belongs_to_them(text: str) -> None:
    assert harmless(plain(text))
    assert "[31m" not in plain(text)
    assert "title" not in plain(text)
    assert "evil" not in plain(text)


def test_what_is_meant_stays() -> None:
    assert plain("  naïve  日本\n語 👩‍💻 é ") == "naïve 日本 語 👩‍💻 é"
    assert plain_lines("\n\ta = 1\r\n\r\n  b\x1b[1m = 2\x0cc\n\n") == ["    a = 1", "", "  b = 2", "c"]


alphabet = (
    st.characters() | st.sampled_from(list("\x1b[]PX^_\x07\x9b\x9d\x90m;0")) | st.characters(categories=["Cs", "Cc"])
)


@given(st.text(alphabet, max_size=120))
def test_whatever_comes_is_harmless(text: str) -> None:
    assert harmless(plain(text))
    assert all(harmless(line) for line in plain_lines(text))
    assert plain(plain(text)) == plain(text)


@given(
    st.recursive(
        st.text(alphabet.filter(lambda c: not "\ud800" <= c <= "\udfff"), max_size=20),
        lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
    )
)
def test_json_is_harmless_too_and_loses_nothing(value: object) -> None:
    text = output.encode({"value": value})
    assert harmless(text)
    assert json.loads(text) == {"value": value}


def test_long_hostile_text_costs_linear_time() -> None:
    started = time.perf_counter()
    for hostile in ("\x1b[" * 200_000, "\x1b]" * 200_000, "\x1b[" + "1;" * 400_000, "\x1b]0;" + "a" * 800_000):
        assert harmless(plain(hostile))
    assert time.perf_counter() - started < 5


def test_columns() -> None:
    assert columns_of("日本") == 4
    assert columns_of("e\u0301") == 1
    assert cut("日本語", 5) == "日本…"
    assert cut("abc", 3) == "abc"
    assert cut("abcd", 3) == "ab…"


@given(
    st.lists(
        st.lists(st.text(st.characters(categories=["L", "N", "P", "So"]), max_size=12), min_size=3, max_size=3),
        max_size=5,
    ),
    st.integers(30, 90),
)
def test_tables_line_up_and_fit(rows: list[list[str]], width: int) -> None:
    lines = table([[Cell(cell) for cell in row] for row in rows], Style(width=width))
    assert len(lines) == len(rows)
    first = max((columns_of(row[0]) for row in rows), default=0)
    for row, line in zip(rows, lines, strict=True):
        assert line.startswith(f"  {row[0]}".rstrip())
        if row[1]:
            assert columns_of(line[: line.index(row[1], 2 + len(row[0]))]) == 2 + first + 2


def test_colour_only_where_it_is_on() -> None:
    rows = [[Cell("a", ("red",)), "b"]]
    assert table(rows, Style()) == ["  a  b"]
    assert table(rows, Style(color=True)) == ["  \x1b[31ma\x1b[0m  b"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "just now"),
        (0, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (86_400, "1 day ago"),
        (200_000, "2 days ago"),
    ],
)
def test_ages(seconds: float, words: str) -> None:
    assert ago(seconds) == words


def test_a_clock_for_times_no_calendar_holds() -> None:
    assert re.fullmatch(r"2026-\d\d-\d\d \d\d:\d\d:\d\d", clock(1_795_232_308_281_362))
    assert clock(2**90) == str(2**90)


def test_ids_and_places() -> None:
    assert short("01a1fc2f-1bda-73ce-8878-4731b510de8b") == "b510de8b"
    assert short("ex-1") == "ex-1"
    assert place({"path": "a\x1b[31mb.py", "range": {"start_line": 3, "end_line": 3}}) == "ab.py:3"
    assert place({"path": "a.py", "range": {"start_line": "3"}}) == "a.py"
    assert place({"path": 3}) == place(None) == ""


def test_the_three_sentences_of_delivery() -> None:
    assert delivery_words("sent", 0) == "sent"
    assert delivery_words("local", 0) == "on this machine's bus"
    assert delivery_words("kept", 3) == "kept; will be sent when the bus is reachable (3 waiting)"
