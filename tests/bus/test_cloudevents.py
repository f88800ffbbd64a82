"""The headers on Kafka: CloudEvents 1.0, binary mode."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

from colearner_ls.bus.cloudevents import headers
from colearner_ls.contracts.event import Event

EVENT = Event(
    id="0198c2a4-0000-7000-8000-000000000001",
    hlc=1,
    ts="2026-01-20T10:00:00.000001Z",
    actor="coach",
    session_id="onboarding-01",
    event_type="exercise_assigned",
    payload={},
    version=2,
    student_id="zoë",
    author="ada@0a1b2c3d",
)


def test_headers_follow_the_binding() -> None:
    assert dict(headers(EVENT)) == {
        "ce_specversion": b"1.0",
        "ce_id": b"0198c2a4-0000-7000-8000-000000000001",
        "ce_source": b"/colearner/coach/ada@0a1b2c3d",
        "ce_type": b"colearner.exercise_assigned.v2",
        "ce_time": b"2026-01-20T10:00:00.000001Z",
        "ce_subject": "zoë".encode(),
        "content-type": b"application/json",
    }


def test_attributes_without_a_value_are_left_out() -> None:
    found = dict(headers(replace(EVENT, student_id=None, author=None)))
    assert "ce_subject" not in found
    assert found["ce_source"] == b"/colearner/coach"
    assert all(found.values())


def test_a_trace_goes_along_when_there_is_one() -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert dict(headers(EVENT, traceparent=trace))["traceparent"] == trace.encode()
    assert "traceparent" not in dict(headers(EVENT))


def test_the_source_is_a_uri_reference_whoever_the_author_is() -> None:
    for author in ("Zoë O'Neil/../x", "a b\tc", "?#%", "/"):
        source = dict(headers(replace(EVENT, author=author)))["ce_source"].decode()
        assert source.isascii()
        parts = urlsplit(source)
        assert (parts.query, parts.fragment) == ("", "")
        assert source.startswith("/colearner/coach/")
        assert source.count("/") == 3
