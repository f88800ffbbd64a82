"""What the command line prints: documents and lines on stdout, messages on stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TextIO

import click

from colearner_ls.contracts.errors import ColearnerError

if TYPE_CHECKING:
    from colearner_ls.cli.render.layout import Style

# What JSON lets stand in a string although a terminal obeys it: DEL, C1 controls, direction marks, separators.
_TERMINAL: Final = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\u061c]")


class OutputClosed(Exception):  # noqa: N818 - an end, not an error
    """Nobody reads our stdout any more (``colearner history | head``)."""


class OutputError(ColearnerError):
    """Stdout cannot be written, e.g. to a file on a full disk."""


def style(stream: TextIO | None = None) -> Style:
    """Colour and width of ``stream`` (stdout): both only on a terminal; ``NO_COLOR`` and ``TERM=dumb`` turn colour off."""
    import shutil

    from colearner_ls.cli.render.layout import Style

    stream = stream or sys.stdout
    if stream is None or not stream.isatty():
        return Style()
    color = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(color=color, width=shutil.get_terminal_size().columns)


def encode(value: Mapping[str, Any], *, indent: int | None = None) -> str:
    """``value`` as JSON, readable and harmless on a terminal; on one line unless ``indent`` is given."""
    comma = "," if indent else ", "
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=(comma, ": "))
    return _TERMINAL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def document(value: Mapping[str, Any], *, indent: int | None = None) -> None:
    """Print one JSON document, on one line unless ``indent`` is given; ``history`` and ``watch`` print one a line."""
    # backslashreplace turns halves of surrogate pairs (in names of files) into \udcxx, which is JSON's own escape.
    _write(encode(value, indent=indent).encode("utf-8", "backslashreplace") + b"\n")


def lines(text: Iterable[str]) -> None:
    """Print lines for people. They are harmless already: the render functions see to it."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    joined = "".join(f"{line}\n" for line in text)
    if joined:
        _write(joined.encode(encoding, "replace"))


def flush() -> None:
    """Push out what is buffered; raises :class:`OutputClosed` like any print."""
    _write(b"")


def _write(data: bytes) -> None:
    try:
        if data:
            click.echo(data, nl=False)
        elif sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError as error:
        raise OutputClosed from error
    except OSError as error:
        raise OutputError(
            f"The output cannot be written: {error.strerror}.", "What was said before is saved."
        ) from error


def message(text: str, *, as_it_is: bool = False) -> None:
    """A message on stderr, on one line and harmless unless ``as_it_is``; what cannot be printed there is dropped."""
    from colearner_ls.cli.render.plain import plain  # its patterns take 2 ms to compile, and most runs say nothing

    try:
        click.echo(text if as_it_is else plain(text), err=True)
    except OSError:
        return
