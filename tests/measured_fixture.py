"""What the rows of the fault matrix measured, written down for docs/reliability.md (``rigs/reliability.py``)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterator

import pytest

from rigs.reliability import ARTIFACTS, row_of

_REPORT = pytest.StashKey[pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let the fixture below know how the test went."""
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Iterator[Callable[[str], None]]:
    """``measured("12 kills, 0 lost, takeover 0.8 s at most")``: what a row's test saw; the last call counts.

    It goes to ``test-artifacts/faults/<row>.<test>.json``, and only where the test passed: a failed one measured nothing.
    """
    test = request.node.name
    row = row_of(test)
    assert row is not None, f"{test} is not named by a row of the fault matrix (test_f07_…)"
    said: list[str] = []
    yield said.append
    report = request.node.stash.get(_REPORT, None)
    if report is not None and report.passed and said:
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        outcome = {"row": row, "test": test.partition("[")[0], "outcome": said[-1]}
        file = ARTIFACTS / f"{row}.{re.sub('[^A-Za-z0-9_.-]', '_', test)}.json"
        file.write_text(json.dumps(outcome) + "\n", encoding="utf-8")
