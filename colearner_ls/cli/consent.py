"""Sharing asks first: shows exactly what would leave, and takes an answer from a terminal or from ``--yes``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from colearner_ls.cli import output
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.preview import preview_lines
from colearner_ls.contracts.errors import RefusedByPolicy

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.requests import ShareEvidence, Submit


class NotAgreed(RefusedByPolicy):
    """The person did not agree to what would have left, or could not be asked."""


def agree(workspace: Workspace, said: Said, request: Submit | ShareEvidence) -> None:
    """Show what ``request`` would share and return once that is agreed to; raises :class:`NotAgreed` otherwise.

    Files may change while the person reads: what is agreed to is compared with what would leave then, and shown again
    where it is no longer the same.
    """
    preview = workspace.preview(request)
    while True:
        for line in preview_lines(preview, output.style(sys.stderr)):
            output.message(line, as_it_is=True)
        if said.yes:
            return
        if not (_is_terminal(sys.stdin) and _is_terminal(sys.stderr)):
            raise NotAgreed(
                "Nothing was shared: it takes your consent, and there is no terminal to ask on.",
                "If what is shown above may leave this machine, say it again with --yes.",
            )
        if not click.confirm("Share this?", default=False, err=True):
            raise NotAgreed("Nothing was shared: you did not agree to it.", "Nothing else changed either.")
        now = workspace.preview(request)
        if now == preview:
            return
        output.message("Meanwhile something changed. Please look again:")
        preview = now


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return isatty is not None and bool(isatty())
