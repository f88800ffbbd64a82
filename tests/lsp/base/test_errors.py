"""What an expected failure says in an editor."""

from __future__ import annotations

import pytest

from colearner_ls.contracts.errors import BadInput
from colearner_ls.lsp.base.errors import response_error


@pytest.mark.parametrize(
    ("message", "hint", "shown"),
    [
        ("summary is missing.", "Say what does not work.", "summary is missing. Say what does not work."),
        ("'foo' is no bus", "Write kafka://host:9092.", "'foo' is no bus. Write kafka://host:9092."),
        ("Nothing waits.", "", "Nothing waits."),
    ],
)
def test_message_and_hint_are_two_sentences(message: str, hint: str, shown: str) -> None:
    answer = response_error(BadInput(message, hint))
    assert answer.message == shown
    assert answer.data == {"code": "bad_input", "hint": hint}
