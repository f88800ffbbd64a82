"""Events that were once on the wire, as bytes. They must be accepted for ever, with the same id and the same hash.

A new version of a payload adds files; none of these is changed or removed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from colearner_ls.contracts.catalogue import CATALOGUE, model_for
from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.contracts.rows import event_from_row

FOLDER = Path(__file__).parent / "golden"
EXPECTED: dict[str, dict[str, Any]] = json.loads((FOLDER / "expected.json").read_text(encoding="utf-8"))


def test_there_are_two_for_every_type_and_version() -> None:
    wanted = {
        f"{row.name}.v{version}.{form}.json"
        for row in CATALOGUE.values()
        for version in range(1, row.version + 1)
        for form in ("full", "least")
    }
    assert {path.name for path in FOLDER.iterdir()} == wanted | {"expected.json"}
    assert set(EXPECTED) == wanted


@pytest.mark.parametrize("name", EXPECTED)
def test_a_golden_event_is_accepted_as_it_always_was(name: str) -> None:
    text = (FOLDER / name).read_bytes()
    found = judge(text)
    assert isinstance(found, Accepted), found
    assert found.applied
    event = found.event
    assert {"id": event.id, "hlc": event.hlc, "content": found.content.hex()} == EXPECTED[name]
    assert event.derived is name.endswith(".least.json")
    assert event_from_row(text, id=event.id, hlc=event.hlc, derived=event.derived) == event


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_the_full_form_of_the_newest_version_has_every_field(event_type: str) -> None:
    row = CATALOGUE[event_type]
    payload = json.loads((FOLDER / f"{event_type}.v{row.version}.full.json").read_bytes())["payload"]
    assert set(payload) == set(model_for(event_type).model_fields)
