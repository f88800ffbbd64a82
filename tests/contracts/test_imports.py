"""Readers of a journal pay for no validation: what they import loads neither pydantic nor asyncio nor rich."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHEAP = ["event", "errors", "timestamps", "ijson", "ids", "catalogue", "upcasters", "rows"]
HEAVY = ["pydantic", "pydantic_core", "asyncio", "rich", "aiokafka", "lsprotocol", "pygls", "rfc8785", "uuid_utils"]

USE = """
from colearner_ls.contracts import catalogue, ids, ijson, rows, timestamps
raw = b'{"ts":"2026-01-20T12:00:00Z","actor":"coach","session_id":"s","event_type":"coach_hint","payload":{"hint":"h"}}'
envelope = ijson.decode(raw)
rows.event_from_row(raw, id=ids.derived_id(envelope), hlc=timestamps.to_us(envelope["ts"]), derived=True)
ids.content_hash(envelope, True), ijson.compact(envelope), catalogue.topic_for("coach_hint", "coach")
"""


def loaded(code: str) -> set[str]:
    show = "\nimport sys\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code + show], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("name", CHEAP)
def test_importing_is_cheap(name: str) -> None:
    modules = loaded(f"import colearner_ls.contracts.{name}")
    assert f"colearner_ls.contracts.{name}" in modules
    assert not modules.intersection(HEAVY)


def test_reading_is_cheap() -> None:
    assert not loaded(USE).intersection(HEAVY)


def test_judging_is_not_and_this_would_be_seen() -> None:
    assert "pydantic" in loaded("import colearner_ls.contracts.judging")
