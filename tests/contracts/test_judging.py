"""Judging one record, and building one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.contracts.catalogue import CATALOGUE
from colearner_ls.contracts.errors import BadInput, NotAllowed, TooLarge
from colearner_ls.contracts.event import MAX_EVENT_BYTES
from colearner_ls.contracts.ids import content_hash, derived_id
from colearner_ls.contracts.ijson import decode
from colearner_ls.contracts.judging import Accepted, Rejected, build, judge
from tests.contracts.samples import (
    HLC,
    ID,
    TS,
    WRITER,
    arguments,
    envelopes,
    modest,
    payloads,
    peer_event,
    raw,
    values,
    written,
)

HINT = peer_event("coach_hint", "coach", {"hint": "h"})


def rejected(value: bytes | dict[str, Any]) -> Rejected:
    found = judge(value if isinstance(value, bytes) else raw(value))
    assert isinstance(found, Rejected), found
    return found


def accepted(value: bytes | dict[str, Any]) -> Accepted:
    found = judge(value if isinstance(value, bytes) else raw(value))
    assert isinstance(found, Accepted), found
    return found


def test_a_whole_envelope() -> None:
    event = {
        **HINT,
        "id": ID.upper(),
        "hlc": 17,
        "version": 1,
        "student_id": "sam",
        "author": "kim",
        "writer": WRITER.upper(),
        "seq": 3,
        "causation_id": ID.upper(),
        "correlation_id": "ex-1",
        "sig": {"kid": "k", "alg": "EdDSA", "value": "v"},
        "x": [1],
    }
    found = accepted(event)
    assert found.applied
    assert found.note is None
    assert found.raw == raw(event)
    assert found.content == content_hash(event, False)
    got = found.event
    assert (got.id, got.derived, got.hlc, got.ts, got.version) == (ID, False, 17, TS, 1)
    assert (got.actor, got.session_id, got.event_type, got.payload) == (
        "coach",
        "onboarding-01",
        "coach_hint",
        {"hint": "h"},
    )
    assert (got.student_id, got.author, got.writer, got.seq) == ("sam", "kim", WRITER, 3)
    assert (got.causation_id, got.correlation_id) == (ID, "ex-1")
    assert got.position == (17, ID)


def test_the_least_envelope() -> None:
    got = accepted(HINT).event
    assert (got.id, got.derived, got.hlc, got.version) == (derived_id(HINT), True, HLC, 1)
    assert (got.student_id, got.author, got.writer, got.seq, got.causation_id, got.correlation_id) == (None,) * 6
    assert accepted(HINT).content == content_hash(HINT, True)


def test_null_is_the_same_as_nothing() -> None:
    optional = [
        "id",
        "hlc",
        "version",
        "student_id",
        "author",
        "writer",
        "seq",
        "causation_id",
        "correlation_id",
        "sig",
    ]
    assert accepted(HINT | dict.fromkeys(optional)).event == accepted(HINT).event


MALFORMED: list[tuple[str, Any]] = [
    ("ts", 1768910400),
    ("ts", None),
    ("ts", "2026-01-20T12:00:00+00:00"),
    ("ts", "2026-01-20"),
    ("ts", "1969-12-31T23:59:59Z"),
    ("ts", "2300-01-01T00:00:00Z"),
    ("actor", "teacher"),
    ("actor", "Coach"),
    ("actor", None),
    ("actor", ["coach"]),
    ("session_id", ""),
    ("session_id", 7),
    ("session_id", None),
    ("session_id", "a" * 201),
    ("session_id", "a\nb"),
    ("session_id", "a\x00"),
    ("session_id", "a\x7f"),
    ("session_id", "\x85a"),
    ("session_id", "a\n"),
    ("event_type", ""),
    ("event_type", 1),
    ("event_type", None),
    ("event_type", "x" * 201),
    ("event_type", "x\x1b[2J"),
    ("payload", None),
    ("payload", []),
    ("payload", "{}"),
    ("id", ""),
    ("id", "1"),
    ("id", 7),
    ("id", "019bdb5a680070008000000000000000a"),
    ("id", f"{ID}\n"),
    ("id", f"urn:uuid:{ID}"),
    ("hlc", -1),
    ("hlc", 2**53),
    ("hlc", "17"),
    ("hlc", True),
    ("hlc", 1.5),
    ("version", 0),
    ("version", -1),
    ("version", "1"),
    ("version", True),
    ("version", 1.5),
    ("student_id", 7),
    ("author", {"name": "kim"}),
    ("writer", "laptop"),
    ("seq", 0),
    ("seq", "1"),
    ("seq", True),
    ("causation_id", 7),
    ("correlation_id", [ID]),
    ("sig", "v"),
    ("sig", {}),
    ("sig", {"kid": 1, "alg": "EdDSA", "value": "v"}),
]


@pytest.mark.parametrize(("field", "value"), MALFORMED)
def test_a_malformed_envelope(field: str, value: Any) -> None:
    found = rejected({**HINT, field: value})
    assert found.reason == ("not_ijson" if value == 2**53 else "malformed")
    if value != 2**53:
        assert field in found.detail


@pytest.mark.parametrize("field", HINT)
def test_a_required_field_is_missing(field: str) -> None:
    found = rejected({name: value for name, value in HINT.items() if name != field})
    assert (found.reason, found.detail) == ("malformed", f"{field}: is missing")


def test_a_clock_may_stand_where_a_time_cannot_stand_in() -> None:
    assert accepted({**HINT, "ts": "2300-01-01T00:00:00Z", "hlc": 5}).event.hlc == 5
    assert accepted({**HINT, "ts": "1969-01-01T00:00:00Z", "hlc": 0}).event.hlc == 0


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"[]", "an array"),
        (b'"x"', "a string"),
        (b"1", "a number"),
        (b"1.5", "a number"),
        (b"null", "null"),
        (b"true", "true"),
    ],
)
def test_what_is_not_an_object(value: bytes, kind: str) -> None:
    found = rejected(value)
    assert found.reason == "not_an_object"
    assert kind in found.detail
    assert (found.session_id, found.event_id) == (None, None)


GARBAGE: list[tuple[bytes, str, str | None, str | None]] = [
    (b"", "not_json", None, None),
    (b"\x00\xff", "not_ijson", None, None),
    (b"hello", "not_json", None, None),
    (b'{"session_id":"s"', "not_json", None, None),
    (b'{"session_id":"s","a":NaN}', "not_ijson", "s", None),
    (b'{"session_id":"s","session_id":"t"}', "not_ijson", "t", None),
    (b'{"session_id":"s","id":"' + ID.upper().encode() + b'","a":9007199254740993}', "not_ijson", "s", ID),
    (b'{"session_id":"s","a":"\xff"}', "not_ijson", "s", None),
    (b'{"session_id":"\\ud800"}', "not_ijson", None, None),
    (b'{"session_id":"a\\u0000"}', "malformed", None, None),
    (b'{"session_id":"s","a":' + b"[" * 70 + b"]" * 70 + b"}", "not_ijson", "s", None),
    (b'{"session_id":"s","a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not_ijson", None, None),
    (b'{"session_id":"s","id":"x"}', "malformed", "s", None),
    (b'{"session_id":["s"],"id":"' + ID.encode() + b'"}', "malformed", None, ID),
]


@pytest.mark.parametrize(("value", "reason", "session", "event"), GARBAGE)
def test_garbage_is_named_where_it_can_be(value: bytes, reason: str, session: str | None, event: str | None) -> None:
    found = rejected(value)
    assert (found.reason, found.session_id, found.event_id) == (reason, session, event)
    assert found.detail


def padded(size: int) -> bytes:
    empty = len(raw({**HINT, "payload": {"hint": ""}}))
    return raw({**HINT, "payload": {"hint": "x" * (size - empty)}})


def test_the_size_limit_is_on_the_bytes() -> None:
    assert len(padded(MAX_EVENT_BYTES)) == MAX_EVENT_BYTES
    assert accepted(padded(MAX_EVENT_BYTES)).applied
    found = rejected(padded(MAX_EVENT_BYTES + 1))
    assert (found.reason, found.session_id) == ("too_large", "onboarding-01")
    assert "262,145" in found.detail
    assert "262,144" in found.detail
    assert accepted(b" " * 10 + raw(HINT)).applied
    assert rejected(b" " * MAX_EVENT_BYTES + raw(HINT)).reason == "too_large"


def test_a_huge_record_is_not_even_parsed() -> None:
    assert rejected(padded(5 * 1024 * 1024)).session_id is None


@pytest.mark.parametrize("event_type", CATALOGUE)
@pytest.mark.parametrize("actor", ["coach", "student", "service"])
def test_who_says_what(event_type: str, actor: str) -> None:
    built = json.loads(build(**arguments(event_type)))
    found = judge(raw({**built, "actor": actor}))
    if actor in CATALOGUE[event_type].actors:
        assert isinstance(found, Accepted)
    else:
        assert isinstance(found, Rejected)
        assert (found.reason, found.session_id, found.event_id) == ("not_allowed", "onboarding-01", ID)
        assert event_type in found.detail


def test_an_event_without_an_id_is_named_by_its_derived_id_when_it_is_not_allowed() -> None:
    event = {**HINT, "actor": "student"}
    assert rejected(event).event_id == derived_id(event)


def test_the_actor_is_judged_before_the_payload() -> None:
    assert rejected({**HINT, "actor": "student", "payload": {}}).reason == "not_allowed"


@pytest.mark.parametrize("event_type", CATALOGUE)
@pytest.mark.parametrize("actor", ["coach", "student", "service"])
def test_a_newer_version_is_kept_whatever_it_says(event_type: str, actor: str) -> None:
    found = accepted(peer_event(event_type, actor, {"everything": "is new"}, version=CATALOGUE[event_type].version + 1))
    assert (found.applied, found.note, found.event.version) == (False, "newer_version", 2)
    assert found.event.payload == {"everything": "is new"}


def test_details_are_short_and_cannot_move_a_cursor() -> None:
    found = rejected(
        peer_event("progress_update", "student", {"confidence": {f"\x1b[2J\u202e{n}é" * 50: "x" for n in range(20)}})
    )
    assert len(found.detail) < 3_000
    assert found.detail.isprintable()
    assert "\\x1b[2J\\u202e" in found.detail
    assert "é" in found.detail
    many = rejected({"a": 1})
    assert many.detail.endswith("and 2 more")


def test_one_fault_is_one_line_that_names_the_place() -> None:
    found = rejected(peer_event("learning_plan", "coach", {"plan": [{"id": "1"}, {"topic": "t"}]}))
    assert found.detail == "payload.plan.1.id: is missing"


@given(st.binary(max_size=200))
@modest
def test_any_bytes_are_judged(value: bytes) -> None:
    judge(value)


@given(values)
@modest
def test_any_json_is_judged(value: Any) -> None:
    judge(json.dumps(value).encode())


@given(st.data())
@modest
def test_broken_events_are_judged(data: st.DataObject) -> None:
    text = bytearray(data.draw(written(data.draw(envelopes()))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text) - 1))
        text[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    found = judge(bytes(text))
    assert isinstance(found, Accepted | Rejected)
    if isinstance(found, Rejected):
        assert found.detail
        (found.session_id or "").encode()


@given(st.data())
@modest
def test_one_field_of_a_wrong_kind_never_gets_through_changed(data: st.DataObject) -> None:
    envelope = data.draw(envelopes())
    envelope[data.draw(st.sampled_from(sorted(envelope)))] = data.draw(values)
    text = raw(envelope)
    found = judge(text)
    if isinstance(found, Accepted):
        assert found.raw == text
        assert found.event.payload == decode(text)["payload"]


@given(st.data())
@modest
def test_what_is_built_is_accepted_with_equal_fields(data: st.DataObject) -> None:
    event_type = data.draw(st.sampled_from(sorted(CATALOGUE)))
    payload = data.draw(payloads(event_type))
    payload.pop("student_id", None)
    given_fields = arguments(
        event_type,
        payload=payload,
        id=str(data.draw(st.uuids())),
        hlc=data.draw(st.integers(0, 2**53 - 1)),
        seq=data.draw(st.integers(1, 2**53 - 1)),
        student_id=data.draw(st.none() | st.sampled_from(["sam", "Sam é \U0001f600"])),
        causation_id=data.draw(st.none() | st.uuids().map(str)),
        correlation_id=data.draw(st.none() | st.uuids().map(str)),
    )
    text = build(**given_fields)
    found = accepted(text)
    assert found.applied
    event = found.event
    for name in set(given_fields) - {"payload", "student_id"}:
        assert getattr(event, name) == given_fields[name], name
    assert event.student_id == (given_fields["student_id"])
    expected = {name: value for name, value in payload.items() if value is not None}
    if event.student_id:
        expected["student_id"] = event.student_id
    assert event.payload == expected
    assert event.version == CATALOGUE[event_type].version
    assert not event.derived
    assert decode(text)["payload"].get("student_id") == event.student_id


def test_what_is_built_is_compact_and_leaves_nothing_out() -> None:
    text = build(**arguments("lifecycle", payload={"stage": "plan", "note": None}))
    assert text == (
        b'{"ts":"2026-01-20T12:00:00.000000Z","actor":"coach","session_id":"onboarding-01","event_type":"lifecycle",'
        b'"payload":{"stage":"plan","student_id":"sam"},"id":"019bdb5a-6800-7000-8000-00000000000a",'
        b'"hlc":1768910400000000,"version":1,"student_id":"sam","author":"kim@1f2e3d4c",'
        b'"writer":"019bd9c5-5c00-7000-8000-0000000000ff","seq":1}'
    )


def test_what_was_given_stays_as_it_was() -> None:
    payload = {"active_step": "s", "note": None}
    build(**arguments("progress_update", payload=payload))
    assert payload == {"active_step": "s", "note": None}


def test_a_progress_update_always_has_a_completed_list_for_peers() -> None:
    assert json.loads(build(**arguments("progress_update", payload={"active_step": "s"})))["payload"]["completed"] == []
    kept = json.loads(build(**arguments("progress_update", payload={"completed": ["a"], "confidence": {"t": 1}})))
    assert kept["payload"]["completed"] == ["a"]
    with pytest.raises(BadInput, match="at least one of"):
        build(**arguments("progress_update", payload={}))


def test_ids_are_written_in_lower_case() -> None:
    event = json.loads(build(**arguments("lifecycle", id=ID.upper(), writer=WRITER.upper())))
    assert (event["id"], event["writer"]) == (ID, WRITER)


@pytest.mark.parametrize(
    ("event_type", "changes", "words"),
    [
        ("assessment_feedback", {"payload": {"grade": "perfect"}}, "payload.grade"),
        ("exercise_assigned", {"payload": {"topic": "t"}}, "payload.exercise: is missing"),
        ("exercise_assigned", {"payload": {"topic": "t", "exercise": "a \udc80 b"}}, "surrogate"),
        ("exercise_assigned", {"payload": {"topic": "t", "exercise": "e", 1: 2}}, "not a string"),
        ("exercise_submission", {"payload": {"exercise_id": "e", "confidence": float("nan")}}, "nan"),
        ("session_closed", {"payload": {"summary": {"at": object()}}}, "object"),
        ("lifecycle", {"session_id": ""}, "session_id"),
        ("lifecycle", {"session_id": "a\nb"}, "session_id"),
        ("lifecycle", {"author": ""}, "author"),
        ("lifecycle", {"author": "x" * 201}, "author"),
        ("lifecycle", {"student_id": "sam\x1b"}, "student_id"),
        ("lifecycle", {"id": "1"}, "id"),
        ("lifecycle", {"writer": "w"}, "writer"),
        ("lifecycle", {"seq": 0}, "seq"),
        ("lifecycle", {"hlc": -1}, "hlc"),
        ("lifecycle", {"ts": "today"}, "ts"),
        ("lifecycle", {"payload": {"stage": "init", "student_id": "kim"}}, "'kim'"),
        ("exercise_assigned_ack", {"payload": {"status": "sent"}}, "no effect"),
        ("exercise_submission_ack", {"payload": {"status": "sent"}}, "no effect"),
    ],
)
def test_what_cannot_be_built_says_why_and_what_to_do(event_type: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        build(**arguments(event_type, **changes))
    assert words in caught.value.message
    assert caught.value.hint


def test_nobody_builds_what_is_not_theirs_to_say() -> None:
    with pytest.raises(NotAllowed, match="student"):
        build(**arguments("assessment_feedback", actor="student"))
    with pytest.raises(NotAllowed, match="service"):
        build(**arguments("lifecycle", actor="service"))
    with pytest.raises(BadInput, match=r"buddy\.matched"):
        build(**{**arguments("lifecycle"), "event_type": "buddy.matched"})


def test_what_is_too_large_is_refused_with_size_and_limit() -> None:
    with pytest.raises(TooLarge) as caught:
        build(**arguments("coach_hint", payload={"hint": "é" * MAX_EVENT_BYTES}))
    assert "262,144" in caught.value.message
    assert "524," in caught.value.message
    assert caught.value.hint
