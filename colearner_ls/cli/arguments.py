"""What people type, as values: places, mistakes, texts from files, times, shares. Bad ones name what is accepted."""

from __future__ import annotations

import math
import os.path
import re
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import click

from colearner_ls.contracts.errors import BadInput
from colearner_ls.workspace.requests import MistakeAt, Place

MAX_TEXT_BYTES: Final = 1 << 20
"""Most that is read from a file or stdin as a text; an event holds less, and says so itself."""

_PLACE: Final = re.compile(r"(?P<path>.*[^:]):(?P<start>[0-9]{1,9})(?:-(?P<end>[0-9]{1,9}))?", re.DOTALL)
_MISTAKE: Final = re.compile(
    r"(?P<path>(?:[A-Za-z]:[\\/])?[^:\n]+):(?P<lines>[0-9]{1,9}(?:-[0-9]{1,9})?):\s*(?P<text>.*)", re.DOTALL
)
_PLACE_HINT: Final = "Write PATH:LINE or PATH:LINE-LINE"
_RFC3339: Final = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def number_from(low: float) -> Callable[[click.Context, click.Parameter, str | None], float | None]:
    """A click callback that takes a number from ``low`` to 1; neither ``nan`` nor ``inf``."""

    def convert(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
        if value is None:
            return None
        number = _number(value)
        if number is None or not low <= number <= 1:
            raise click.BadParameter(f"“{value}” is not a number from {low:g} to 1.")
        return number

    return convert


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class Folder:
    """Turns paths as typed into paths of the workspace: relative to its root, with ``/``.

    A relative path is meant from ``start``, where the user stands; one that leads to nothing there and to a file from
    the root is meant from the root, because that is how every list shows it.
    """

    def __init__(self, root: Path, start: Path) -> None:
        self.root = root
        self.start = start

    def path(self, typed: str, option: str) -> str:
        """Raises :class:`BadInput` for an empty path or one that leaves the workspace."""
        if not typed.strip() or "\0" in typed:
            raise BadInput(f"{option}: “{typed}” names no file.", "Give a path inside the workspace.")
        native = Path(typed.replace("\\", "/")) if not self._exists(Path(typed)) and "\\" in typed else Path(typed)
        full = self._full(native)
        for root in (self.root, self.root.resolve()):
            if full.is_relative_to(root):
                return full.relative_to(root).as_posix()
        raise BadInput(f"{option}: {typed} lies outside the workspace {self.root}.", "Give a path inside it.")

    def place(self, typed: str, option: str, *, lines: bool = False) -> Place:
        """``PATH:LINE``, ``PATH:LINE-LINE`` or, unless ``lines`` are needed, ``PATH``. Raises :class:`BadInput`."""
        found = _PLACE.fullmatch(typed)
        if found is None or self._is_file(typed):
            if lines:
                raise BadInput(f"{option}: “{typed}” names no line.", f"{_PLACE_HINT}, e.g. src/app.py:12-15.")
            return Place(self.path(typed, option))
        start = int(found["start"])
        end = int(found["end"]) if found["end"] else start
        if not 1 <= start <= end:
            raise BadInput(f"{option}: “{typed}”: lines count from 1, the first before the last.", f"{_PLACE_HINT}.")
        return Place(self.path(found["path"], option), start, end)

    def mistake(self, typed: str) -> MistakeAt:
        """A mistake; ``PATH:LINE: text`` is anchored. Raises :class:`BadInput` for a PATH that looks like a file and
        is none.
        """
        found = _MISTAKE.fullmatch(typed)
        if found is None:
            return MistakeAt(typed)
        if not self._is_file(found["path"]):
            if _looks_like_a_file(found["path"]):
                raise BadInput(
                    f"--mistake: there is no file {found['path']} in the workspace.",
                    "Write PATH:LINE: text with a file of the workspace, or the text alone.",
                )
            return MistakeAt(typed)
        return MistakeAt(found["text"], self.place(f"{found['path']}:{found['lines']}", "--mistake"))

    def _full(self, path: Path) -> Path:
        """The absolute path, ``..`` taken out by name; where links lead is judged by who reads the file."""
        base = self.start if self._exists(self.start / path) or not self._exists(self.root / path) else self.root
        return Path(os.path.normpath(base / path))

    def _is_file(self, typed: str) -> bool:
        if "\0" in typed:
            return False
        try:
            return (self.start / typed).is_file() or (self.root / typed).is_file()
        except OSError:  # e.g. a text that is too long for a name
            return False

    @staticmethod
    def _exists(path: Path) -> bool:
        try:
            return path.exists()
        except OSError:
            return False


def _looks_like_a_file(path: str) -> bool:
    return " " not in path and ("/" in path or "\\" in path or re.search(r"\.[A-Za-z]\w{0,9}$", path) is not None)


def text_or_file(value: str, option: str, start: Path, *, stdin: bool = False) -> str:
    """The text itself, ``@FILE`` (``@@…`` is a text that begins with @) or, with ``stdin``, ``-``.

    Raises :class:`BadInput` for a file that cannot be read or is not UTF-8 text of at most ``MAX_TEXT_BYTES``.
    """
    if stdin and value == "-":
        return _decoded(read_stdin(), "stdin", option)
    if value.startswith("@@"):
        return value[1:]
    if not value.startswith("@"):
        return value
    return _decoded(read_file(start / Path(value[1:]).expanduser(), value[1:], option, sign="@"), value[1:], option)


def read_file(path: Path, typed: str, option: str, *, sign: str = "") -> bytes:
    """The bytes of a file the user named as ``typed``. Raises :class:`BadInput`."""
    literal = " A text that begins with @ is written with @@." if sign else ""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TEXT_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "it is not the name of a file"
        what = f"{option}: {typed or 'an empty name'} cannot be read: {reason}."
        raise BadInput(what, f"Name a text file.{literal}") from error
    return _bounded(data, typed, option)


def read_stdin() -> bytes:
    """All of stdin. Raises :class:`BadInput` where there is none or too much."""
    if sys.stdin is None:
        raise BadInput("“-” reads from stdin, which is closed.", "Pipe the text in, or name a file.")
    return _bounded(sys.stdin.buffer.read(MAX_TEXT_BYTES + 1), "stdin", "-")


def _bounded(data: bytes, typed: str, option: str) -> bytes:
    if len(data) > MAX_TEXT_BYTES:
        raise BadInput(f"{option}: {typed} is larger than {MAX_TEXT_BYTES} bytes.", "Give the part that matters.")
    return data


def _decoded(data: bytes, typed: str, option: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"{option}: {typed} is not UTF-8 text (byte {error.start})."
        raise BadInput(what, "Give a text file in UTF-8.") from error


def due_time(value: str) -> str:
    """An RFC 3339 time, in UTC ending in ``Z``; a date means its last second here. Raises :class:`BadInput`."""
    hint = "Write a date (2026-12-24) or a time with its zone (2026-12-24T18:00:00Z, 2026-12-24T18:00:00+01:00)."
    text = value.strip()
    try:
        if _DATE.fullmatch(text):
            moment = datetime.combine(date.fromisoformat(text), datetime.max.time().replace(microsecond=0)).astimezone()
        elif _RFC3339.fullmatch(text):
            moment = datetime.fromisoformat(text.upper().replace(" ", "T"))
        else:
            raise BadInput(f"--due: “{value}” is not a time.", hint)
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"--due: “{value}” is not a time: {error}.", hint) from error
    return utc.isoformat(timespec="seconds").replace("+00:00", "Z")


def confidences(values: Iterable[str]) -> dict[str, float]:
    """``TOPIC=X`` as topic → number from 0 to 1. Raises :class:`BadInput`."""
    found: dict[str, float] = {}
    for value in values:
        topic, equals, text = value.rpartition("=")
        number = _number(text)
        if not equals or not topic.strip() or number is None or not 0 <= number <= 1:
            hint = "Write e.g. --confidence 'error handling=0.7', a number from 0 to 1."
            raise BadInput(f"--confidence: “{value}” is not TOPIC=X.", hint)
        found[topic.strip()] = number
    return found
