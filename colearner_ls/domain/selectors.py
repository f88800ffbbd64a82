"""The anchor as a value, its wire form (W3C Web Annotation selectors, contracts.md), and what looking for it yields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.text import Span

How = Literal["exact", "context", "fuzzy", "range"]
"""``exact``: the only place with that text. ``context``: one of several copies, by its neighbours. ``fuzzy``: the text
was edited. ``range``: by line numbers alone, since the anchor has no quote."""


@frozen
class Anchor:
    """A place in the file ``path`` (from the wire: hostile). Lines are 1-based and inclusive.

    ``exact`` is ``None`` where the anchor has no quote. ``sha256`` is the hex digest of the text, as UTF-8, that the
    anchor was made in. ``nth`` of ``copies``: which copy of ``exact`` in that text it was, from 1; ``None``: not said.
    ``alike``: how many places of that text could be mistaken for the quote once it is edited, at least ``copies``.
    """

    path: str
    exact: str | None = None
    prefix: str = ""
    suffix: str = ""
    start_line: int | None = None
    end_line: int | None = None
    symbol: str | None = None
    sha256: str | None = None
    nth: int | None = None
    copies: int | None = None
    alike: int | None = None

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Anchor:
        """The anchor in an event's payload. Anything optional that is missing or malformed is taken as not said.

        Raises :class:`BadInput` where there is no path.
        """
        path = payload.get("path")
        if not isinstance(path, str) or not path:
            raise BadInput("An anchor names no path.", "An anchor needs at least {'path': …}.")
        quote = _mapping(payload.get("quote"))
        occurrence = _mapping(payload.get("occurrence"))
        lines = _mapping(payload.get("range"))
        start = _count(lines.get("start_line"))
        end = _count(lines.get("end_line"))
        nth, copies = _count(occurrence.get("nth")), _count(occurrence.get("of"))
        known = nth is not None and copies is not None and nth <= copies
        return cls(
            path=path,
            exact=_text(quote.get("exact")),
            prefix=_text(quote.get("prefix")) or "",
            suffix=_text(quote.get("suffix")) or "",
            start_line=start,
            end_line=None if start is None else max(start, end or start),
            symbol=_text(payload.get("symbol")),
            sha256=_text(payload.get("sha256")),
            nth=nth if known else None,
            copies=copies if known else None,
            alike=_count(occurrence.get("alike")) if known else None,
        )

    def to_payload(self) -> dict[str, Any]:
        """The wire form; what is not known is left out."""
        payload: dict[str, Any] = {"path": self.path}
        if self.exact is not None:
            payload["quote"] = {"exact": self.exact, "prefix": self.prefix, "suffix": self.suffix}
        if self.nth is not None and self.copies is not None:
            payload["occurrence"] = {"nth": self.nth, "of": self.copies, "alike": max(self.alike or 1, self.copies)}
        if self.start_line is not None:
            payload["range"] = {"start_line": self.start_line, "end_line": self.end_line or self.start_line}
        if self.symbol is not None:
            payload["symbol"] = self.symbol
        if self.sha256 is not None:
            payload["sha256"] = self.sha256
        return payload


@frozen
class Found:
    """The anchor is at ``span`` (code points of the text it was looked for in, as it is, ``\\r\\n`` included)."""

    span: Span
    how: How


@frozen
class Lost:
    """The anchor is nowhere for certain; ``reason`` says why, in words for people."""

    reason: str


GONE: Final = "the text that it was about is no longer there"
SEVERAL: Final = "the text that it was about is there more than once, and it cannot be told which one was meant"
COPY_GONE: Final = "one of several equal places is gone, and it cannot be told which one was meant"
LOOKALIKES: Final = "it was edited, and other places are so much like it that they could be mistaken for it"
OTHER_VERSION: Final = "it has only line numbers, and the file has changed since"
PAST_END: Final = "it points past the end of the file"
NOTHING: Final = "it says nothing but a file"


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None
