"""The suite notices when a promise is broken: each sabotage makes tests of it fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


MODEL = "tests/sync/test_state_machine.py"
ONE_HOLDER = "tests/sync/test_one_holder.py"


def run_suite(tests: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plugin = ["-p", "tests.sync.sabotage"] if "COLEARNER_SABOTAGE" in environment else []
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *plugin, tests],
        cwd=ROOT,
        env={**os.environ, "COLEARNER_TEST_EXAMPLES": "40", "COLEARNER_TEST_SHRINK": "no", **environment},
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sabotage", "tests", "seen"),
    [
        ("deduplication", MODEL, "stands twice|differs from the model|nobody said"),
        ("cursor", MODEL, "differs from the model"),
        ("lock", f"{ONE_HOLDER}::test_of_several_processes_one_is_connected_and_sends", "were connected at once"),
        ("lock", f"{ONE_HOLDER}::test_when_the_connected_one_ends_another_connects", "beside the first"),
        ("lock", f"{ONE_HOLDER}::test_a_command_does_not_connect_beside_an_editor", "beside the editor|held_by"),
    ],
)
def test_a_broken_promise_is_seen(sabotage: str, tests: str, seen: str) -> None:
    done = run_suite(tests, COLEARNER_SABOTAGE=sabotage)
    assert done.returncode == 1, done.stdout[-3000:]
    assert any(words in done.stdout for words in seen.split("|")), done.stdout[-3000:]
