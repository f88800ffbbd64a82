"""New ids, derived ids, content hashes."""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

import pytest
from hypothesis import given

from colearner_ls.contracts.ids import NAMESPACE, content_hash, derived_id, is_uuid, new_id, normal_id
from colearner_ls.contracts.ijson import decode
from tests.contracts.samples import envelopes, modest, peer_event, raw

# Worked out once, with the standard library (see the next test). They may never change: other journals hold them.
GOLDEN = [
    (
        peer_event("exercise_assigned", "coach", {"topic": "dependency graph", "exercise": "…"}),
        "8225ce7b-ed44-51f7-a0db-c937726576e7",
    ),
    (
        peer_event("progress_update", "student", {"confidence": {"repo overview": 0.8}, "completed": ["step-1"]}),
        "21e27b25-d6d8-5ece-b97d-6a2250b8a836",
    ),
    (
        peer_event("lifecycle", "coach", {"stage": "note", "note": 'tab\tquote" é \U0001f600'}),
        "61a689c1-a7bf-5b3a-af29-758c3ce28e22",
    ),
]


@pytest.mark.parametrize(("envelope", "event_id"), GOLDEN)
def test_golden_derived_ids(envelope: dict[str, Any], event_id: str) -> None:
    assert derived_id(envelope) == event_id


@pytest.mark.parametrize(("envelope", "event_id"), GOLDEN)
def test_a_derived_id_is_the_uuid5_of_the_standard_library(envelope: dict[str, Any], event_id: str) -> None:
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:colearner:event:v1")
    assert namespace.bytes == NAMESPACE
    # All of these envelopes are simple enough for Python's own JSON to be canonical.
    text = json.dumps(envelope, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert str(uuid.uuid5(namespace, text)) == event_id


@given(envelopes())
@modest
def test_only_the_five_fields_make_a_derived_id(envelope: dict[str, Any]) -> None:
    five = {name: envelope[name] for name in ("payload", "event_type", "session_id", "actor", "ts")}
    assert derived_id(envelope) == derived_id(five) == derived_id({**envelope, "author": "somebody else", "sig": {}})
    assert derived_id(envelope) != derived_id({**envelope, "session_id": envelope["session_id"] + "x"})
    assert content_hash(envelope, True) == content_hash({**five, "x": 1}, True)
    assert content_hash(envelope, True) != content_hash({**envelope, "ts": "1960-01-01T00:00:00Z"}, True)


@given(envelopes())
@modest
def test_the_content_hash_is_of_everything_but_the_signature(envelope: dict[str, Any]) -> None:
    signed = {**envelope, "sig": {"kid": "k", "alg": "EdDSA", "value": "v"}}
    assert content_hash(signed, False) == content_hash(envelope, False)
    assert content_hash({**envelope, "x_unknown": "other"}, False) != content_hash(envelope, False)
    assert len(content_hash(envelope, False)) == 32


def test_the_content_hash_is_the_sha_256_of_the_canonical_json() -> None:
    text = '{"a":[1,1.5],"b":"é","c":null}'
    assert (
        content_hash(decode(b'{ "c":null, "b":"\\u00e9", "a":[1.0,15e-1] }'), False)
        == hashlib.sha256(text.encode()).digest()
    )


@pytest.mark.parametrize("field", ["ts", "actor", "session_id", "event_type", "payload"])
def test_without_one_of_the_five_there_is_no_derived_id(field: str) -> None:
    envelope = peer_event("lifecycle", "coach", {"stage": "init"})
    del envelope[field]
    with pytest.raises(KeyError):
        derived_id(envelope)


def test_how_a_writer_spells_it_does_not_matter() -> None:
    envelope = peer_event("lifecycle", "coach", {"stage": "note", "note": "é", "n": 1})
    spelled = json.dumps(dict(reversed(envelope.items())), indent=2).replace('"n": 1', '"n": 1.0e0').encode()
    assert spelled != raw(envelope)
    assert derived_id(decode(spelled)) == derived_id(envelope)


def test_new_ids_are_uuid_7_and_rise() -> None:
    ids = [new_id() for _ in range(200)]
    assert len(set(ids)) == 200
    assert ids == sorted(ids)
    assert all(uuid.UUID(name).version == 7 and name == str(uuid.UUID(name)) for name in ids)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("019bdb5a-6800-7000-8000-00000000000a", True),
        ("019BDB5A-6800-7000-8000-00000000000A", True),
        ("00000000-0000-0000-0000-000000000000", True),
        ("019bdb5a680070008000000000000000", False),
        ("{019bdb5a-6800-7000-8000-00000000000a}", False),
        ("urn:uuid:019bdb5a-6800-7000-8000-00000000000a", False),
        ("019bdb5a-6800-7000-8000-00000000000a\n", False),
        ("019bdb5a-6800-7000-8000-00000000000g", False),
        ("Ex-1", False),
        ("019BDB5A-6800-7000-8000-00000000000G", False),
        ("", False),
    ],
)
def test_what_is_a_uuid(text: str, is_one: bool) -> None:
    assert is_uuid(text) is is_one
    assert normal_id(text) == (text.lower() if is_one else text)
