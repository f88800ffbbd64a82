"""docs/lsp.md is what the code says, and names nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from colearner_ls.lsp import messages
from colearner_ls.lsp.commands.table import COMMANDS
from colearner_ls.lsp.features import state
from colearner_ls.lsp.options import Options
from colearner_ls.lsp.reference import CODES, METHODS, SETTINGS, lsp_markdown

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lsp.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == lsp_markdown(), "run `make docs`"


def test_every_command_and_method_stands_in_it() -> None:
    text = lsp_markdown()
    for spec in COMMANDS:
        assert f"### `{spec.name}`" in text
        assert hasattr(messages, spec.arguments)
        assert hasattr(messages, spec.result)
    registered = {state.STATE, state.HISTORY, state.EVIDENCE_PREVIEW, "colearner/stateChanged"}
    assert {method for method, *_ in METHODS} == registered


def test_the_settings_are_those_that_are_read() -> None:
    assert {name for name, *_ in SETTINGS} == set(Options.__dataclass_fields__)


def test_the_codes_are_those_that_are_made() -> None:
    views = Path(messages.__file__).parent / "views" / "diagnostics.py"
    made = set(re.findall(r'(?:return|code, message =) "([a-z-]+)"', views.read_text(encoding="utf-8")))
    assert {code for code, *_ in CODES} == made
