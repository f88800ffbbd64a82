"""The global options: the same ones before and after the verb, the last one said wins."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import click

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.frozen import mutable

DEFAULT_WAIT_S: Final = 2.0
"""How long a verb waits for delivery or for news unless told otherwise (cli.md)."""

MAX_WAIT_S: Final = 86_400.0


@mutable
class Said:
    """What the global options said; ``None``: nothing."""

    workspace: str | None = None
    role: str | None = None
    session: str | None = None
    author: str | None = None
    bus: str | None = None
    json: bool = False
    wait_s: float | None = None
    offline: bool = False
    yes: bool = False

    @property
    def wait(self) -> float:
        """Seconds to wait for delivery or for news; 0 with ``--no-wait`` or ``--offline``."""
        if self.offline:
            return 0.0
        return DEFAULT_WAIT_S if self.wait_s is None else self.wait_s

    @property
    def start(self) -> Path:
        """The folder the user stands in or named. Raises :class:`BadInput` where it is none."""
        if self.workspace is None:
            try:
                return Path.cwd()
            except FileNotFoundError as error:
                raise BadInput(
                    "The folder you are in is gone.", "Go to another one, or give --workspace DIR."
                ) from error
        folder = Path(self.workspace).expanduser()
        if not folder.is_dir():
            raise BadInput(f"--workspace: there is no folder {self.workspace}.", "Give the folder you work in.")
        return folder


_TOLD: Final = ("session", "author", "bus")
"""Fields that end up in JSON or in a database; the folder may be called whatever the filesystem allows."""


def _note(field: str) -> Any:
    def callback(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
        if field in _TOLD and value is not None and not _is_unicode(value):
            raise click.BadParameter("it holds bytes that are no UTF-8.")
        if value is not None and value is not False:
            setattr(ctx.ensure_object(Said), field, value)

    return callback


def _is_unicode(text: str) -> bool:
    """False where the shell passed bytes that Python could only keep as halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _wait(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
    if value is None:
        return
    try:
        seconds = float(value)
    except ValueError:
        raise click.BadParameter(f"“{value}” is not a number of seconds.") from None
    if not math.isfinite(seconds) or not 0 <= seconds <= MAX_WAIT_S:
        raise click.BadParameter(f"{value} is out of range: 0 to {MAX_WAIT_S:.0f} seconds.")
    ctx.ensure_object(Said).wait_s = seconds


def _no_wait(ctx: click.Context, _param: click.Parameter, value: Any) -> None:
    if value:
        ctx.ensure_object(Said).wait_s = 0.0


def _option(*names: str, help: str, field: str = "", callback: Any = None, **more: Any) -> click.Option:
    return click.Option(list(names), expose_value=False, callback=callback or _note(field), help=help, **more)


GLOBAL_OPTIONS: Final[tuple[click.Option, ...]] = (
    _option(
        "--workspace",
        "-C",
        field="workspace",
        metavar="DIR",
        type=click.Path(),
        help="The folder being worked in (default: this one, or the nearest one above that is set up).",
    ),
    _option("--role", field="role", type=click.Choice(["coach", "student"]), help="Who you are here."),
    _option("--session", field="session", metavar="ID", help="The session, instead of the folder's own."),
    _option("--as", "as_author", field="author", metavar="NAME", help="Who is speaking (author id)."),
    _option("--bus", field="bus", metavar="URL", help="The event bus: sqlite:///path/bus.db or kafka://host:9092."),
    _option("--json", "as_json", field="json", is_flag=True, help="One JSON document on stdout, messages on stderr."),
    _option(
        "--wait",
        callback=_wait,
        metavar="S",
        help=f"Seconds to wait for delivery or for news (default: {DEFAULT_WAIT_S:.0f}).",
    ),
    _option("--no-wait", is_flag=True, callback=_no_wait, help="Do not wait for delivery or for news."),
    _option("--offline", field="offline", is_flag=True, help="Read and write the journal only."),
    _option("--yes", "-y", field="yes", is_flag=True, help="Agree to what is shown before something is shared."),
)
"""Shared objects: click does not change parameters while parsing."""
