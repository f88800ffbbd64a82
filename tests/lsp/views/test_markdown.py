"""Hostile text in hovers: a real Markdown parser must find no link, image or HTML in it, and all of the words."""

from __future__ import annotations

import re
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from colearner_ls.lsp.views import markdown
from colearner_ls.lsp.views.words import _INVISIBLE, plain

PARSERS = [MarkdownIt("commonmark"), MarkdownIt("gfm-like", {"linkify": False, "html": True})]
HARMLESS = {
    "text", "softbreak", "hardbreak", "code_inline", "fence", "paragraph_open", "paragraph_close", "inline",
    "bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close",
}  # fmt: skip

PIECES = st.sampled_from(
    [
        "[x](command:evil)", "![x](http://e/x.png)", "<img src=x>", "<script>", "</b>", "[x]: command:evil", "[x]",
        "<command:evil>", "<http://e>", "http://e", "www.e.org", "a@b.org", "&#91;", "&lt;", "`", "``", "```", "~~~",
        "\n", "\n\n", "    ", "\t", "* ", "- ", "1. ", "# ", "> ", "---", "===", "|", "**", "_", "\\", "$x$", "$(icon)",
        "word", "é", "😋", "!", "[", "]", "(", ")", ":", "javascript:", "\u202e", "\r", "```python\n", "\x00", "a|b\n-|-",
    ]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=25).map("".join)


def kinds(tokens: list[Token]) -> set[str]:
    found = set()
    for token in tokens:
        found.add(token.type)
        found |= kinds(token.children or [])
    return found


def words(tokens: list[Token]) -> str:
    parts = []
    for token in tokens:
        if token.type in ("text", "code_inline", "fence", "code_block"):
            parts.append(token.content)
        parts.append(words(token.children or []))
    return " ".join(parts)


@given(TEXTS)
def test_nothing_but_words_code_and_lists_comes_out(text: str) -> None:
    for parser in PARSERS:
        found = kinds(parser.parse(markdown.safe(text)))
        assert found <= HARMLESS | {"ordered_list_open"}, found - HARMLESS


@given(TEXTS)
def test_an_escaped_text_is_words_only(text: str) -> None:
    shown = markdown.escaped(" ".join(text.split()))
    for parser in PARSERS:
        assert kinds(parser.parse(shown)) <= {"paragraph_open", "inline", "text", "paragraph_close"}


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=60))
def test_no_letter_is_lost(text: str) -> None:
    letters = re.sub(r"[\W_]", "", plain(text))
    shown = re.sub(r"[\W_]", "", words(MarkdownIt("commonmark").parse(markdown.safe(text))))
    assert shown == letters or letters.isdigit() or re.match(r"^\d", letters)


@given(TEXTS)
def test_code_cannot_be_left(text: str) -> None:
    tokens = MarkdownIt("commonmark").parse(f"before {markdown.code(text)} after")
    assert kinds(tokens) <= {"paragraph_open", "inline", "text", "code_inline", "paragraph_close"}
    block = MarkdownIt("commonmark").parse(markdown.code_block(text) + "\n\nafter")
    assert [token.type for token in block] == ["fence", "paragraph_open", "inline", "paragraph_close"]


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain words", "plain words"),
        ("call `order(x)` twice", "call `order(x)` twice"),
        ("- one\n- `two`", "- one\n- `two`"),
        ("```python\nx = [1]\n```", "```python\nx = [1]\n```"),
        ("```\nnever closed", "```\nnever closed\n```"),
        ("a\u202eb\x1b[31m", "ab\\[31m"),
        ("", ""),
    ],
)
def test_what_coaches_write_is_kept(given_text: str, shown: str) -> None:
    assert "\n".join(line.rstrip() for line in markdown.safe(given_text).split("\n")) == shown


def test_no_character_that_is_printable_would_be_taken_out() -> None:
    """What ``plain`` leaves alone without looking further holds nothing that it takes out, over all of Unicode."""
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assert [char for char in every if char.isprintable() and unicodedata.category(char) in _INVISIBLE] == []
    assert plain("a\u202eb\x00c\td\n") == "abc\td\n"
