"""A thousand cases of each kind of fuzzing; ten thousand are ``python -m rigs.fuzz --cases 10000``."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from rigs.fuzz.lsp_stream import Fuzzer
from rigs.fuzz.mutation import mutated
from rigs.fuzz.stage import envelope, make_stage
from rigs.fuzz.wire import fuzz_wire

SEED = int(os.environ.get("COLEARNER_FUZZ_SEED", "20261121"))
"""The same cases each time, so that a failure is the change's; other seeds are for ``python -m rigs.fuzz``."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["student", "coach"])
def test_the_lsp_stream(role: str, tmp_path: Path) -> None:
    report = Fuzzer(make_stage(tmp_path, role), SEED, tmp_path / "server.log").run(500)
    assert report.faults == []
    assert report.total == 500
    assert report.answers["result"]
    assert report.answers["-32602"]


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
@pytest.mark.timeout(300)
def test_the_wire_over_kafka(kafka_url: str, tmp_path: Path) -> None:
    report = fuzz_wire(tmp_path, SEED, 1000, kafka_url)
    assert report.faults == []
    assert report.cases == 1000 == sum(report.outcomes.values())
    assert report.outcomes["event"] > 100
    assert {"not_json", "not_ijson", "malformed", "too_large", "id_conflict"} <= set(report.reasons)


def test_a_mutation_changes_a_copy() -> None:
    sound = envelope("exercise_assigned", 1)
    before = repr(sound)
    changed = [mutated(sound, random.Random(number)) for number in range(50)]
    assert repr(sound) == before
    assert sum(each != sound for each in changed) > 40
