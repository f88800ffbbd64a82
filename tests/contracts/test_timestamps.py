"""RFC 3339 text and µs since the epoch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.timestamps import to_ts, to_us
from tests.contracts.samples import modest


@pytest.mark.parametrize(
    ("ts", "us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-20T12:00:00Z", 1_768_910_400_000_000),
        ("2026-01-20T12:00:00.5Z", 1_768_910_400_500_000),
        ("2026-01-20T12:00:00.000001Z", 1_768_910_400_000_001),
        ("2026-01-20T12:00:00.123456789Z", 1_768_910_400_123_456),
        ("2026-01-20T12:00:00.9999999Z", 1_768_910_400_999_999),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
        ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
        ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
    ],
)
def test_times_that_are_read(ts: str, us: int) -> None:
    assert to_us(ts) == us


@pytest.mark.parametrize(
    "ts",
    [
        "",
        "now",
        "2026-01-20",
        "2026-01-20T12:00Z",
        "2026-01-20 12:00:00Z",
        "2026-01-20T12:00:00",
        "2026-01-20T12:00:00+00:00",
        "2026-01-20T12:00:00-00:00",
        "2026-01-20t12:00:00Z",
        "2026-01-20T12:00:00z",
        "2026-01-20T12:00:00.Z",
        "2026-01-20T12:00:00Z\n",
        " 2026-01-20T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2025-02-29T12:00:00Z",
        "2026-13-01T12:00:00Z",
        "2026-01-20T24:00:00Z",
        "2026-01-20T12:60:00Z",
        "2026-01-20T12:00:61Z",
        "2026-01-20T12:00:60Z",
        "0000-01-01T00:00:00Z",
        "٢٠٢٦-01-20T12:00:00Z",
        "x" * 100_000,
    ],
)
def test_what_is_no_time_is_refused_with_an_example(ts: str) -> None:
    with pytest.raises(BadInput) as caught:
        to_us(ts)
    assert "2026-01-20T12:00:00Z" in caught.value.hint
    assert len(caught.value.message) < 200


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
@modest
def test_every_microsecond_comes_back(us: int) -> None:
    ts = to_ts(us)
    assert to_us(ts) == us
    assert len(ts) == len("2026-01-20T12:00:00.000000Z")
    assert datetime.fromisoformat(ts) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)


@pytest.mark.parametrize("us", [-62_135_596_800_000_001, 253_402_300_800_000_000, 10**30])
def test_times_without_a_year_are_refused(us: int) -> None:
    with pytest.raises(BadInput):
        to_ts(us)
