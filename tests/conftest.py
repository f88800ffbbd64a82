"""Fixtures and profiles for the whole suite."""

from __future__ import annotations

import hashlib
import os

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.kafka_fixture", "tests.measured_fixture"]

# "deep" is for whoever changes a pure room and has minutes to spare: HYPOTHESIS_PROFILE=deep make test-fast
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", parent=settings.get_profile("suite"), max_examples=3000)
# On CI the same cases every time: a run there judges a change, and searching for new cases is for the machines of people.
settings.register_profile("ci", parent=settings.get_profile("suite"), derandomize=True)

LONGEST_ID = 80
"""Characters of a parameter in a test's name. The name goes into the environment of every child process, which has room
for 128 KiB in one variable on Linux."""


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """A long text or long bytes are named by their length and hash."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST_ID:
        return None
    data = val.encode("utf-8", "surrogatepass") if isinstance(val, str) else val
    return f"{argname}-{len(val)}-{hashlib.sha256(data).hexdigest()[:8]}"


settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "suite"))
