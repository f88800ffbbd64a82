"""From a place that a person points at to text and anchors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.anchors import make_anchor
from colearner_ls.domain.paths import safe_path
from colearner_ls.domain.text import split_lines
from colearner_ls.workspace.requests import Place

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace


def relative_path(root: Path, path: str) -> str:
    """``path`` as the wire has it: relative to the workspace root, with ``/``.

    Absolute paths below the root are taken too. Raises :class:`BadInput` for a path outside of it.
    """
    given = Path(path)
    if given.is_absolute():
        try:
            path = given.resolve().relative_to(root).as_posix()
        except ValueError as error:
            raise BadInput(f"{path} lies outside the workspace {root}.", "Name a file inside it.") from error
    return safe_path(path)


def read_text(ws: Workspace, path: str, buffers: Mapping[str, str]) -> str:
    """The text of a file as the person sees it: the unsaved buffer where there is one, else the file.

    Raises :class:`BadInput` where there is no such file, it leaves the workspace, or it is not text.
    """
    from colearner_ls.evidence.decoding import NotText, read_text_file

    if path in buffers:
        return buffers[path]
    full = ws.root / path
    resolved = full.resolve()
    if not resolved.is_relative_to(ws.root):
        raise BadInput(f"{path} leads out of the workspace.", "Name a file inside it.")
    try:
        return read_text_file(resolved)
    except FileNotFoundError as error:
        raise BadInput(f"There is no file {path} in {ws.root}.", "Name it relative to the workspace.") from error
    except IsADirectoryError as error:
        raise BadInput(f"{path} is a folder.", "Name a file in it.") from error
    except NotText as error:
        raise BadInput(f"{path} is not a text file.", "Only text has lines to point at.") from error
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error


def anchor_payload(ws: Workspace, place: Place, buffers: Mapping[str, str]) -> dict[str, Any]:
    """The wire form of an anchor at ``place``. Raises :class:`BadInput` where the place does not exist."""
    path = relative_path(ws.root, place.path)
    text = read_text(ws, path, buffers)
    count = line_count(text)
    start = place.start_line or 1
    end = place.end_line or (start if place.start_line else count)
    if not 1 <= start <= end <= count:
        lines = f"line {start}" if start == end else f"lines {start}-{end}"
        raise BadInput(f"{path} has no {lines}.", f"It has {count} line{'s' if count != 1 else ''}.")
    return make_anchor(path, text, start, end).to_payload()


def line_count(text: str) -> int:
    """Number of lines a person sees; the empty piece after a final newline is none."""
    lines = split_lines(text)
    if len(lines) > 1 and lines[-1] == "":
        return len(lines) - 1
    return max(len(lines), 1)
