"""Capabilities of the recorded clients, resolved."""

from __future__ import annotations

import dataclasses

import pytest

from colearner_ls.lsp.capabilities import Client, resolve
from tests.lsp.in_process import initialize_params

NEOVIM_11 = {
    "inlay_hint", "inlay_hint_refresh", "code_lens", "diagnostic_push", "diagnostic_related", "diagnostic_data",
    "diagnostic_pull", "hover_markdown", "code_action_literals", "code_action_data", "show_message_request",
    "show_document", "work_done_progress", "configuration", "apply_edit", "workspace_folders", "did_save",
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "able"),
    [
        ("minimal", set()),
        ("neovim-0.11", NEOVIM_11),
        ("neovim-0.12", NEOVIM_11 | {"code_lens_refresh", "diagnostic_refresh"}),
        (
            "vscode",
            NEOVIM_11
            | {"code_lens_refresh", "diagnostic_refresh", "diagnostic_code_description", "configuration_dynamic"},
        ),
    ],
)
def test_recorded_clients(name: str, able: set[str]) -> None:
    client = resolve(initialize_params(name))
    flags = {field.name for field in dataclasses.fields(Client) if getattr(client, field.name) is True}
    assert flags == able


def test_nothing_declared_is_nothing_able() -> None:
    client = resolve(initialize_params("minimal"))
    assert dataclasses.replace(client, name="", version="") == Client()
