"""Text from the wire as Markdown that cannot do anything: no links, no HTML, no images, no commands (trust.md).

Not a filter for what is dangerous but a writer of what is known to be harmless: code blocks, code spans, list items
and paragraphs are written anew; every other character that means something in Markdown is escaped.
"""

from __future__ import annotations

import re
from typing import Final

from colearner_ls.lsp.views.words import plain

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&^$@:=])")
"""ASCII punctuation that Markdown, GFM or an editor's extensions of it read as more than itself (CommonMark 2.4)."""

_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]{0,20})[^`]*$")
_ITEM: Final = re.compile(r"^( {0,12})(?:[-*+]|\d{1,9}[.)])\s+(.*)$")
_SPAN: Final = re.compile(r"(?<!`)(`{1,3})(?!`)([^`\n]+)\1(?!`)")
_WWW: Final = re.compile(r"(?i)\b(www)(?=\\\.)")


def escaped(text: str) -> str:
    """``text`` so that Markdown shows exactly it, as one run of words."""
    # GFM makes links of bare "www." and "http://": the escaped dot and colon stop the latter, a joiner the former.
    return _WWW.sub("\\1\u2060", _SPECIAL.sub(r"\\\1", plain(text)))


def code(text: str) -> str:
    """``text`` as a code span on one line."""
    line = " ".join(plain(text).split())
    if not line:
        return ""
    fence = "`" * (_longest_run(line) + 1)
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_block(text: str, language: str = "") -> str:
    """``text`` as a fenced code block, as it is."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{plain(text)}\n{fence}"


def safe(text: str) -> str:
    """The harmless Markdown of a text that a stranger wrote in Markdown or in none."""
    out: list[str] = []
    lines = plain(text).replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            out.append(_line(lines[at]))
            at += 1
            continue
        end = _end_of_fence(lines, at + 1, opening[1])
        out.append(code_block("\n".join(lines[at + 1 : end]), opening[2]))
        at = end + 1
    return "\n".join(out).strip("\n")


def _end_of_fence(lines: list[str], start: int, fence: str) -> int:
    closing = re.compile(rf"^ {{0,3}}{re.escape(fence[0])}{{{len(fence)},}}\s*$")
    return next((number for number in range(start, len(lines)) if closing.match(lines[number])), len(lines))


def _line(line: str) -> str:
    if not line.strip():
        return ""
    item = _ITEM.match(line)
    if item is not None:
        return f"{item[1]}- {_words(item[2])}"
    # Two blanks keep the line break; leading blanks are dropped, four of them would begin a code block.
    return _words(line.strip()) + "  "


def _words(line: str) -> str:
    parts: list[str] = []
    at = 0
    for span in _SPAN.finditer(line):
        parts += [escaped(line[at : span.start()]), code(span[2])]
        at = span.end()
    return "".join([*parts, escaped(line[at:])])


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall(r"`+", text)), default=0)
