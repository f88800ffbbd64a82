"""A rig of two sides, with a user data folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.rig import Rig, make_rig


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment: no settings of this machine, a user data folder of its own."""
    for name in ("COLEARNER_BUS", "COLEARNER_BROKERS", "AAFW_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLEARNER_HOME", str(tmp_path / "home"))
    return {"COLEARNER_HOME": str(tmp_path / "home")}


@pytest.fixture
def rig(tmp_path: Path, home: dict[str, str]) -> Iterator[Rig]:
    """Both sides, set up; the path has blanks and an umlaut."""
    made = make_rig(tmp_path / "Übungen mit Leerzeichen", home)
    yield made
    made.close()
