"""Whose word counts does not depend on what arrived first, how often, or together with what."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from colearner_ls.contracts.ids import content_hash
from colearner_ls.contracts.signing import signature_of, verify
from tests.journal.trust_samples import Memory, added, envelope, hint, key, resigned, revoked, unsigned, wire

KEYS = (key(1), key(2), key(3))
BY_KID = {each.public.kid: each for each in KEYS}

_signer = st.sampled_from([None, *KEYS])
_number = st.integers(0, 5)
_place = st.integers(0, 12)


@st.composite
def _sayings(draw: st.DrawFn) -> list[bytes]:
    """A few ids, places and keys, so that everything meets everything."""
    found = []
    for _ in range(draw(st.integers(1, 9))):
        number, at, signer = draw(_number), draw(_place), draw(_signer)
        kind = draw(st.sampled_from(["hint", "hint", "added", "added", "revoked", "student", "service", "peer"]))
        if kind == "hint":
            raw = hint(number, signer, at=at, payload={"hint": draw(st.sampled_from("ab"))})
        elif kind == "added":
            raw = added(
                number, draw(st.sampled_from(KEYS)), signer, at=at, role=draw(st.sampled_from([None, "service"]))
            )
        elif kind == "revoked":
            raw = revoked(number, draw(st.sampled_from(KEYS)), signer, at=at)
        elif kind == "peer":
            raw = wire(envelope(number, at=at, id=None, payload={"hint": "c"}), signer)
        else:
            raw = wire(envelope(number, actor=kind, at=at), signer)
        found.append(raw)
        how = draw(st.sampled_from(["", "", "strip", "again", "tamper"]))
        if how == "strip":
            found.append(resigned(raw, None))
        elif how == "again":
            found.append(resigned(raw, draw(st.sampled_from(KEYS))))
        elif how == "tamper":
            found.append(wire({**json.loads(raw), "correlation_id": "x"}))
    return found


def _batches(draw: Any, values: list[bytes]) -> list[list[bytes]]:
    order = draw(st.permutations(values + draw(st.lists(st.sampled_from(values), max_size=3))))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=4)) | {len(order)})
    return [order[a:b] for a, b in zip([0, *cuts], cuts, strict=False) if order[a:b]]


@settings(max_examples=60, deadline=None)
@given(st.data(), _sayings(), st.sets(st.sampled_from(KEYS[:2]), min_size=1))
def test_the_outcome_follows_from_the_set_alone(data: st.DataObject, sayings: list[bytes], pinned: set[Any]) -> None:
    """The first journal has its pins from the beginning; the others get theirs at any moment, and others before."""
    straight = Memory()
    straight.agree(*sorted(pinned, key=KEYS.index))
    straight.deliver(sayings)
    assert straight.events() == expected(sayings, pinned)
    for _ in range(2):
        other = Memory()
        batches = _batches(data.draw, sayings)
        when = data.draw(st.integers(0, len(batches)))
        early = data.draw(st.sampled_from([(), KEYS[:1], KEYS[1:]]))
        if early:
            other.agree(*early)
        for place, batch in enumerate(batches):
            if place == when:
                other.agree(*sorted(pinned, key=KEYS.index))
            other.deliver(batch)
        other.agree(*sorted(pinned, key=KEYS.index))
        assert other.outcome() == straight.outcome()


@settings(max_examples=25, deadline=None)
@given(st.data(), _sayings(), st.sets(st.sampled_from(KEYS[:2]), min_size=1))
def test_without_pins_nothing_was_ever_judged(data: st.DataObject, sayings: list[bytes], pinned: set[Any]) -> None:
    """Pins that are taken back leave no trace, wherever they stood in between."""
    never, taken_back = Memory(), Memory()
    never.deliver(sayings)
    taken_back.agree(*pinned)
    for batch in _batches(data.draw, sayings):
        taken_back.deliver(batch)
    taken_back.agree()
    assert taken_back.outcome() == never.outcome()


def expected(sayings: list[bytes], pinned: set[Any]) -> set[bytes]:
    """What should stand, worked out another way: by asking the rule of each saying, from the earliest place on."""
    values = [json.loads(raw) for raw in sayings]
    accepted = [value for value in values if _counts(value, values, pinned)]
    best: dict[Any, Any] = {}
    for value in accepted:
        peer = "id" not in value
        unvouched = value["actor"] == "student"
        name = content_hash(value, True) if peer else value["id"]
        rank = (unvouched, content_hash(value, peer), wire(value) if peer else b"")
        if name not in best or rank < best[name][0]:
            best[name] = (rank, value)
    return {unsigned(wire(value)) for _, value in best.values()}


def _counts(value: Any, values: list[Any], pinned: set[Any]) -> bool:
    if value["actor"] == "student":
        return True
    signature = signature_of(value)
    if signature is None or signature.kid not in BY_KID:
        return False
    role = _role(signature.kid, (value["hlc"], _id(value)), values, pinned)
    fits = role == "coach" or (role == "service" and value["actor"] == "service")
    return fits and verify(value, BY_KID[signature.kid].public)


def _role(kid: str, place: tuple[int, str], values: list[Any], pinned: set[Any]) -> str | None:
    role = "coach" if kid in {each.public.kid for each in pinned} else None
    earlier = [value for value in values if (value["hlc"], _id(value)) < place]
    for value in sorted(earlier, key=lambda each: (each["hlc"], _id(each), content_hash(each, "id" not in each))):
        if value["event_type"] not in ("key_added", "key_revoked") or value["payload"]["kid"] != kid:
            continue
        if _counts(value, values, pinned):
            role = value["payload"].get("role") or "coach" if value["event_type"] == "key_added" else None
    return role


def _id(value: Any) -> str:
    from colearner_ls.contracts.ids import derived_id

    return str(value.get("id") or derived_id(value))
