"""Text from the wire is hostile: it may not move a cursor, change a colour or turn a line around (trust.md)."""

from __future__ import annotations

import re
from typing import Final

_ESCAPE_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]?"  # CSI … final byte: colours, cursor, erase (ECMA-48, 5.4)
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]{0,4096}(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, SOS, PM, APC
    r"|\x1b[ -/]{0,16}[0-~]?"  # everything else that begins with ESC
)
# C0, DEL and C1 controls (line feed and tab are judged apart), marks that reverse or isolate the reading direction
# (Unicode TR 36, 2.10), line and paragraph separators, and halves of surrogate pairs.
_CONTROL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff\ud800-\udfff]"
)
_BREAK: Final = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_BLANKS: Final = re.compile(r"\s+")


def plain(text: str) -> str:
    """``text`` on one line, without control codes; runs of blanks become one."""
    return _BLANKS.sub(" ", _visible(_BREAK.sub(" ", text))).strip()


def plain_lines(text: str) -> list[str]:
    """``text`` as lines without control codes; tabs become four blanks, blank lines at both ends go."""
    lines = [_visible(line).replace("\t", "    ").rstrip() for line in _BREAK.split(text)]
    while lines and not lines[-1]:
        lines.pop()
    while lines and not lines[0]:
        lines.pop(0)
    return lines


def _visible(text: str) -> str:
    return _CONTROL.sub("", _ESCAPE_SEQUENCE.sub("", text))
