"""A journal in a folder with a space and non-ASCII characters in its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from colearner_ls.journal.journal import Journal
from tests.journal.samples import BUS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "a wörk space ☃" / ".colearner"


@pytest.fixture
def journal(folder: Path) -> Iterator[Journal]:
    with Journal.open(folder) as opened:
        opened.follow("s1", BUS)
        yield opened
