"""Finding an invite in what a person pasted: a link or base64 text, broken and dressed up as mail programs do.

Several readings of one text are possible (does the next line still belong to the link?); they are offered in order, and
the invite's own check decides between them.
"""

from __future__ import annotations

import base64
import binascii
import json
import quopri
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote

from colearner_ls.contracts.frozen import frozen

_INVISIBLE: Final = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
"""Soft hyphens, zero-width blanks and joiners, which programs put in to allow a line break."""

_LINK: Final = re.compile(r"colearner://join/?\?", re.IGNORECASE)
_ENCODED_LINK: Final = re.compile(r"colearner%(?:25)*3A[A-Za-z0-9_.~%-]+", re.IGNORECASE)
_LINK_RUN: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&()*+,;=%]+")
"""What may stand in a URL (RFC 3986, 2), save the apostrophe, which is put around one."""

_TEXT_RUN: Final = re.compile(r"[A-Za-z0-9_+/=-]+")
_TEXT_BEGINS: Final = "eyJ"
"""Base64 of ``{"``, with which the JSON of an invite begins."""

_AFTER_A_LINK: Final = ".,;:!?)]*"
_MOST_PIECES: Final = 150
_MOST_LAYERS: Final = 3


@frozen
class Reading:
    """What an invite may say. ``whole``: nothing stands near it that might have been a part of it."""

    values: dict[str, str]
    whole: bool


def readings(given: str) -> Iterator[Reading]:
    """All readings of ``given``, the likeliest first; none where no invite is in it."""
    text = given.translate(_INVISIBLE).replace("&amp;", "&").replace("&#38;", "&")
    yield from _of(text)
    if "=3D" in text or re.search(r"=\r?\n", text):
        yield from _of(quopri.decodestring(text.encode()).decode("utf-8", "replace"))


def _of(text: str) -> Iterator[Reading]:
    for _ in range(_MOST_LAYERS):
        found = _LINK.search(text)
        if found is not None:
            yield from _links(text[found.end() :])
            return
        encoded = _ENCODED_LINK.search(text)
        if encoded is None:
            break
        text = unquote(encoded[0])
    yield from _texts(text)


def _links(rest: str) -> Iterator[Reading]:
    """The query alone, then with the next piece, and so on."""
    pieces = _LINK_RUN.findall(rest)[:_MOST_PIECES] or [""]
    query = ""
    for piece in pieces:
        query += piece
        bare = query.rstrip(_AFTER_A_LINK)
        for each in dict.fromkeys((query, bare)):
            values = _query(each)
            if values is not None:
                yield Reading(values, len(pieces) == 1)


def _query(query: str) -> dict[str, str] | None:
    try:
        return dict(parse_qsl(query, errors="strict"))
    except ValueError:  # bytes that are no UTF-8
        return None


def _texts(text: str) -> Iterator[Reading]:
    runs = _TEXT_RUN.findall(text)[:_MOST_PIECES]
    for start, run in enumerate(runs):
        if not run.startswith(_TEXT_BEGINS):
            continue
        joined = ""
        for piece in runs[start:]:
            joined += piece
            values = _decoded(joined)
            if values is not None:
                yield Reading(values, True)  # JSON is whole or it is none
        return


def _decoded(text: str) -> dict[str, str] | None:
    text = text.rstrip("=").replace("+", "-").replace("/", "_")
    try:
        values = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    if not isinstance(values, dict):
        return None
    return {name: str(value) for name, value in values.items()}
