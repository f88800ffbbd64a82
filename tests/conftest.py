"""Fixtures and profiles for the whole suite."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.kafka_fixture", "tests.measured_fixture"]

# "deep" is for whoever changes a pure room and has minutes to spare: HYPOTHESIS_PROFILE=deep make test-fast
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("deep", parent=settings.get_profile("suite"), max_examples=3000)
# On CI the same cases every time: a run there judges a change, and searching for new cases is for the machines of people.
settings.register_profile("ci", parent=settings.get_profile("suite"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "suite"))
