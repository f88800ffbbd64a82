"""One file per feature: take a view, call one pure function or one use case, answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colearner_ls.lsp.server import ColearnerServer


def register_all(server: ColearnerServer) -> None:
    """Register every feature and command that is built."""
    from colearner_ls.lsp.commands.table import register_commands
    from colearner_ls.lsp.features import (
        code_actions,
        code_lenses,
        configuration,
        diagnostics,
        hover,
        inlay_hints,
        state,
        text_sync,
    )

    for feature in (code_actions, code_lenses, configuration, diagnostics, hover, inlay_hints, state, text_sync):
        feature.register(server)
    register_commands(server)
