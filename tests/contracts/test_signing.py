"""Signatures over envelopes: the right key and the very content, however it is spelled; nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colearner_ls.contracts.catalogue import CATALOGUE
from colearner_ls.contracts.errors import BadInput, TooLarge
from colearner_ls.contracts.event import MAX_EVENT_BYTES
from colearner_ls.contracts.examples import example_envelope
from colearner_ls.contracts.ijson import compact, decode
from colearner_ls.contracts.judging import Accepted, judge, make
from colearner_ls.contracts.signing import (
    _SMALL_ORDER,
    PublicKey,
    SigningKey,
    parse_public_key,
    public_key_of,
    signature_of,
    signed,
    verify,
)

KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))

# RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature.
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


def envelope(**fields: Any) -> dict[str, Any]:
    """An envelope with every field."""
    return {**example_envelope("coach_hint", "coach"), **fields}


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_rfc_8032(secret: str, public: str, message: str, signature: str) -> None:
    key = SigningKey(bytes.fromhex(secret))
    assert base64.urlsafe_b64decode(key.public.text + "=") == bytes.fromhex(public)
    assert key.sign(bytes.fromhex(message)) == bytes.fromhex(signature)
    assert key.seed == bytes.fromhex(secret)


def test_a_kid_is_the_thumbprint_of_rfc_8037() -> None:
    """Appendix A.3 of RFC 8037."""
    key = parse_public_key("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_what_is_signed_is_verified_and_brings_its_key() -> None:
    value = signed(envelope(), KEY)
    assert verify(value, KEY.public)
    assert not verify(value, OTHER.public)
    found = signature_of(value)
    assert found is not None
    assert found.public_key == KEY.public
    assert found.kid == KEY.public.kid
    assert signed(value, KEY) == value, "the same again, in place of what was there"
    assert isinstance(judge(compact(value)), Accepted)


@pytest.mark.parametrize("field", [name for name in envelope() if name != "payload"] + ["more", "payload.hint"])
def test_a_change_in_any_field_is_seen(field: str) -> None:
    value = json.loads(compact(signed(envelope(), KEY)))
    where = value["payload"] if field.startswith("payload.") else value
    name = field.removeprefix("payload.")
    where[name] = where[name] + 1 if isinstance(where.get(name), int) else "x" + str(where.get(name, ""))
    assert not verify(value, KEY.public)


@pytest.mark.parametrize("field", [name for name in envelope() if name != "sig"])
def test_a_field_taken_away_is_seen(field: str) -> None:
    value = signed(envelope(), KEY)
    del value[field]
    assert not verify(value, KEY.public)


@given(st.randoms(use_true_random=False), st.sampled_from(sorted(CATALOGUE)))
@settings(max_examples=40, deadline=None)
def test_the_spelling_does_not_count(random: Any, event_type: str) -> None:
    """Other white space, other order of names, escapes, 1.0 for 1: the same content, the same signature."""
    actor = min(CATALOGUE[event_type].actors)
    value = signed({**example_envelope(event_type, actor), "more": [1, 0.5, {"ü": "\u20ac", "a": None}]}, KEY)

    def shuffled(item: Any) -> Any:
        if isinstance(item, dict):
            names = list(item)
            random.shuffle(names)
            return {name: shuffled(item[name]) for name in names}
        if isinstance(item, list):
            return [shuffled(each) for each in item]
        return float(item) if isinstance(item, int) and not isinstance(item, bool) and item < 1000 else item

    text = json.dumps(shuffled(value), ensure_ascii=random.random() < 0.5, indent=random.choice([None, 2]))
    assert verify(decode(text.encode()), KEY.public)


@pytest.mark.parametrize(
    "sig",
    [
        None,
        "x",
        {},
        {"kid": 1, "alg": "EdDSA", "value": 2},
        {"kid": "k", "alg": "EdDSA", "value": "é"},
        {"kid": "k", "alg": "EdDSA", "value": ""},
        ["kid"],
    ],
)
def test_no_signature_at_all_is_no_signature(sig: Any) -> None:
    value = {**envelope(), "sig": sig}
    assert signature_of(value) is None
    assert not verify(value, KEY.public)


@pytest.mark.parametrize("change", ["alg", "none", "padding", "bits", "short", "standard", "kid"])
def test_a_signature_has_one_spelling(change: str) -> None:
    """Otherwise anyone could make as many copies of an event as they like, all of them valid."""
    value = signed(envelope(), SigningKey(bytes([3]) * 32))
    sig, key = value["sig"], SigningKey(bytes([3]) * 32).public
    text = sig["value"]
    changed = {
        "alg": {"alg": "ed25519"},
        "none": {"alg": "none"},
        "padding": {"value": text + "=="},
        "bits": {"value": text[:-1] + chr(ord(text[-1]) + 1)},
        "short": {"value": text[:-2]},
        "standard": {"value": text.replace("-", "+").replace("_", "/")},
        "kid": {"kid": OTHER.public.kid},
    }[change]
    assert verify(value, key)
    value["sig"] = {**sig, **changed}
    assert value["sig"] != sig, "the example shows it"
    assert not verify(value, key)


def test_a_signature_is_not_malleable() -> None:
    """S + L is another text for the same point (RFC 8032, section 5.1.7): refused."""
    order = 2**252 + 27742317777372353535851937790883648493
    value = signed(envelope(), KEY)
    raw = base64.urlsafe_b64decode(value["sig"]["value"] + "==")
    more = int.from_bytes(raw[32:], "little") + order
    other = raw[:32] + more.to_bytes(32, "little")
    value["sig"]["value"] = base64.urlsafe_b64encode(other).decode().rstrip("=")
    assert signature_of(value) is not None
    assert not verify(value, KEY.public)


def test_a_shown_key_of_another_name_counts_nothing() -> None:
    value = signed(envelope(), KEY)
    value["sig"]["public_key"] = OTHER.public.text
    found = signature_of(value)
    assert found is not None
    assert found.public_key is None
    assert verify(value, KEY.public), "the key is known from elsewhere"
    assert not verify(value, PublicKey(KEY.public.kid, OTHER.public.text)), "a wrong pair, had anyone made one"


@pytest.mark.parametrize("text", ["", "x", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURp", "1" * 44, "é" * 43, "-" * 42])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as raised:
        parse_public_key(text)
    assert raised.value.hint


def test_keys_of_small_order_are_refused() -> None:
    """The list is what the curve has: every encoding of a point whose eightfold is the neutral one."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    assert {int.from_bytes(raw, "little") for raw in _SMALL_ORDER} == _small_ordinates(p, d)
    for raw in _SMALL_ORDER:
        for sign in (0, 0x80):
            with pytest.raises(BadInput):
                public_key_of(raw[:-1] + bytes([raw[-1] | sign]))


def _small_ordinates(p: int, d: int) -> set[int]:
    """Every y below 2^255 of a point of order 1, 2, 4 or 8: 0 and ±1, and those with x² = -y² (they double to y = 0).

    -x² + y² = 1 + d x² y² then becomes d y⁴ + 2 y² - 1 = 0.
    """
    ys = {0, 1, p - 1}
    for root in _roots((4 + 4 * d) % p, p):
        square = (-2 + root) * pow(2 * d, -1, p) % p
        ys.update(y for y in _roots(square, p) if (d * y**4 + 2 * y * y - 1) % p == 0)
    return {each for y in ys for each in (y, y + p) if each < 2**255}


def _roots(square: int, p: int) -> set[int]:
    """Square roots modulo p = 5 mod 8."""
    root = pow(square, (p + 3) // 8, p)
    if root * root % p != square:
        root = root * pow(2, (p - 1) // 4, p) % p
    return {root, p - root} if root * root % p == square else set()


def _make(payload: dict[str, Any]) -> Accepted:
    return make(
        event_type="coach_hint",
        actor="coach",
        session_id="s",
        payload=payload,
        id="019bdb5a-6800-7000-8000-00000000000a",
        hlc=1,
        ts="2026-01-20T12:00:00.000000Z",
        author="kim",
        writer="019bd9c5-5c00-7000-8000-0000000000ff",
        seq=1,
        key=KEY,
    )


def test_the_limit_is_for_the_signed_bytes() -> None:
    room = MAX_EVENT_BYTES - len(_make({"hint": ""}).raw)
    assert len(_make({"hint": "x" * room}).raw) == MAX_EVENT_BYTES
    with pytest.raises(TooLarge) as raised:
        _make({"hint": "x" * (room + 1)})
    assert f"{MAX_EVENT_BYTES + 1:,}" in raised.value.message


def test_what_was_made_is_verified_as_it_is_read_back() -> None:
    for number in (1.0, 0.1, -0.0, 1e22, 2**53 - 1):
        accepted = _make({"hint": "\u20ac\U0001f600", "anchor": {"path": "a.py", "weight": number}})
        assert verify(decode(accepted.raw), KEY.public), number


def test_a_private_key_does_not_show_itself() -> None:
    shown = f"{KEY!r} {KEY!s} {KEY.public!r}"
    assert base64.urlsafe_b64encode(KEY.seed).decode().rstrip("=") not in shown
    assert KEY.seed.hex() not in shown
    with pytest.raises(BadInput):
        SigningKey(b"short")


def test_no_key_looks_like_an_option() -> None:
    """``colearner keys add -163…`` would be read as the option -1: one key in 32 had such a text or such a name."""
    made = [SigningKey.generate().public for _ in range(300)]
    assert not [each for each in made if each.text.startswith("-") or each.kid.startswith("-")]
