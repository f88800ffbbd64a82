"""What the tests of the contract are made of: whole events, and hypothesis strategies for JSON and for events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from colearner_ls.contracts.catalogue import CATALOGUE
from colearner_ls.contracts.examples import EXAMPLES

modest = settings(deadline=None)
"""As many examples as the profile of the whole suite says (``HYPOTHESIS_PROFILE=deep`` for more)."""

TS = "2026-01-20T12:00:00Z"
ID = "019bdb5a-6800-7000-8000-00000000000a"
WRITER = "019bd9c5-5c00-7000-8000-0000000000ff"
HLC = 1_768_910_400_000_000


def peer_event(event_type: str, actor: str, payload: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """An envelope with the five required fields, as others write it, and ``more``."""
    return {
        "ts": TS,
        "actor": actor,
        "session_id": "onboarding-01",
        "event_type": event_type,
        "payload": dict(payload),
        **more,
    }


def raw(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def any_actor(event_type: str) -> str:
    return min(CATALOGUE[event_type].actors)


def arguments(event_type: str, **changes: Any) -> dict[str, Any]:
    """Arguments for ``build`` with the example payload."""
    return {
        "event_type": event_type,
        "actor": any_actor(event_type),
        "session_id": "onboarding-01",
        "payload": EXAMPLES[event_type],
        "id": ID,
        "hlc": HLC,
        "ts": "2026-01-20T12:00:00.000000Z",
        "author": "kim@1f2e3d4c",
        "writer": WRITER,
        "seq": 1,
        "student_id": "sam",
        **changes,
    }


# Characters that JSON writers, sort orders and terminals stumble over: controls, DEL, separators, the end of the basic
# plane, beyond it, combining.
_AWKWARD = '"\\/\x00\x08\x1f\x7f\x80é\u0301\u2028\ud7ff\ue000\ufeff\uffff\U00010000\U0001f600'

texts = st.text(max_size=12) | st.text(alphabet=_AWKWARD, max_size=6)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1e-4,
        1e-5,
        1e-6,
        1e-7,
        9999999999999998.0,
        1e16,
        1e20,
        1e21,
        1e22,
        0.1,
        5e-324,
        1.7976931348623157e308,
    ]
)
scalars = st.none() | st.booleans() | integers | floats | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(texts, values, max_size=4)

names = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=200)
hex_digits = "0123456789abcdefABCDEF"
uuids = st.uuids().map(str) | st.uuids().map(lambda name: str(name).upper())


@st.composite
def timestamps(draw: st.DrawFn) -> str:
    moment = draw(st.datetimes(min_value=_year(1970), max_value=_year(2255)))
    fraction = draw(st.sampled_from(["", ".5", ".123", ".123456", ".123456789"]))
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def _year(year: int) -> Any:
    from datetime import datetime

    return datetime(year, 1, 1)


@st.composite
def payloads(draw: st.DrawFn, event_type: str) -> dict[str, Any]:
    """A valid payload: the example with some optional fields left out or null, and unknown ones added."""
    model = _required(event_type)
    payload: dict[str, Any] = {}
    for name, value in EXAMPLES[event_type].items():
        fate = "keep" if name in model else draw(st.sampled_from(["keep", "drop", "null"]))
        if fate != "drop":
            payload[name] = value if fate == "keep" else None
    if event_type == "progress_update":
        payload["completed"] = draw(st.lists(texts, max_size=3))
    if draw(st.booleans()):
        payload["student_id"] = draw(st.none() | texts)
    if draw(st.booleans()):
        payload[draw(st.sampled_from(["x_unknown", "é", "\U0001f600"]))] = draw(values)
    return payload


def _required(event_type: str) -> frozenset[str]:
    from colearner_ls.contracts.catalogue import model_for

    return frozenset(name for name, field in model_for(event_type).model_fields.items() if field.is_required())


@st.composite
def envelopes(draw: st.DrawFn) -> dict[str, Any]:
    """A valid envelope of any kind: known types, unknown ones, newer versions, acks that say nothing."""
    event_type = draw(st.sampled_from([*CATALOGUE, "buddy.matched", "x"]))
    known = event_type in CATALOGUE
    version = draw(st.sampled_from([None, 1, 1, 1, 7]))
    judged = known and version != 7
    if event_type.endswith("_ack") and draw(st.booleans()):
        payload, judged = {**draw(objects), "status": "sent"}, False
    else:
        payload = draw(payloads(event_type)) if judged else draw(objects)
    actors = sorted(CATALOGUE[event_type].actors) if judged else ["coach", "student", "service"]
    envelope: dict[str, Any] = {
        "ts": draw(timestamps()),
        "actor": draw(st.sampled_from(actors)),
        "session_id": draw(names),
        "event_type": event_type,
        "payload": payload,
    }
    optional = {
        "id": uuids,
        "hlc": st.integers(0, 2**53 - 1),
        "student_id": texts,
        "author": texts,
        "writer": uuids,
        "seq": st.integers(1, 2**53 - 1),
        "causation_id": uuids | texts,
        "correlation_id": uuids | texts,
        "x_unknown": values,
    }
    for name, strategy in optional.items():
        if draw(st.booleans()):
            envelope[name] = draw(st.none() | strategy)
    if version is not None:
        envelope["version"] = version
    order = draw(st.permutations(list(envelope)))
    return {name: envelope[name] for name in order}


@st.composite
def written(draw: st.DrawFn, envelope: Mapping[str, Any]) -> bytes:
    """The same JSON value as bytes, the way some writer or other would put it."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    indent = draw(st.sampled_from([None, None, 1]))
    text = json.dumps(envelope, ensure_ascii=draw(st.booleans()), separators=separators, indent=indent)
    return (draw(st.sampled_from(["", " \n"])) + text + draw(st.sampled_from(["", "\n"]))).encode("utf-8")
