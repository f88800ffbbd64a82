"""The suite notices when a promise is broken: each sabotage makes the state machine fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run_suite(**environment: str) -> subprocess.CompletedProcess[str]:
    plugin = ["-p", "tests.sync.sabotage"] if "COLEARNER_SABOTAGE" in environment else []
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            *plugin,
            "tests/sync/test_state_machine.py",
        ],
        cwd=ROOT,
        env={**os.environ, "COLEARNER_TEST_EXAMPLES": "40", "COLEARNER_TEST_SHRINK": "no", **environment},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sabotage", "seen"),
    [("deduplication", "stands twice|differs from the model|nobody said"), ("cursor", "differs from the model")],
)
def test_a_broken_promise_is_seen(sabotage: str, seen: str) -> None:
    done = run_suite(COLEARNER_SABOTAGE=sabotage)
    assert done.returncode == 1, done.stdout[-3000:]
    assert any(words in done.stdout for words in seen.split("|")), done.stdout[-3000:]
