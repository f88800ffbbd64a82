"""I-JSON in, canonical and compact JSON out."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from colearner_ls.contracts.errors import NotIJson, NotJson
from colearner_ls.contracts.ijson import MAX_DEPTH, canonical, compact, decode
from colearner_ls.contracts.trusted_json import decode_trusted
from tests.contracts.samples import modest, values


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


VIOLATIONS = {
    "NaN": (b'{"a":NaN}', "NaN"),
    "Infinity": (b'{"a":Infinity}', "Infinity"),
    "minus Infinity": (b"[-Infinity]", "-Infinity"),
    "a number beyond a double": (b"[1e400]", "double"),
    "a negative number beyond a double": (b"[-1e400]", "double"),
    "2^53": (b"[9007199254740992]", "2^53"),
    "-2^53": (b"[-9007199254740992]", "2^53"),
    "an endless integer": (b"[" + b"9" * 100_000 + b"]", "2^53"),
    "duplicate names": (b'{"a":1,"b":2,"a":1}', "'a'"),
    "duplicate names, one escaped": (b'{"a":1,"\\u0061":1}', "'a'"),
    "duplicate names deep inside": (b'{"x":[{"y":{"k":1,"k":2}}]}', "'k'"),
    "a lone high surrogate": (b'["\\ud800"]', "surrogate"),
    "a lone low surrogate": (b'["\\uDC00"]', "surrogate"),
    "surrogates the wrong way round": (b'["\\udc00\\ud800"]', "surrogate"),
    "a lone surrogate in a name": (b'{"\\ud83d":1}', "surrogate"),
    "a lone surrogate deep inside": (b'{"a":[{"b":"x\\ud83dx"}]}', "surrogate"),
    "a surrogate as UTF-8 bytes": (b'["\xed\xa0\x80"]', "UTF-8"),
    "Latin-1": ("['é']".encode("latin-1"), "UTF-8"),
    "an overlong form": (b'["\xc0\xaf"]', "UTF-8"),
    "too many arrays": (nested(MAX_DEPTH + 1), "deep"),
    "far too many arrays": (nested(1_000_000), "deep"),
    "too many objects": (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "deep"),
    "open arrays": (b"[" * 100_000, "deep"),
}

NOT_JSON = {
    "nothing": b"",
    "blanks": b" \n",
    "a word": b"hello",
    "Python's None": b"None",
    "half an object": b'{"a":',
    "a trailing comma": b"[1,]",
    "two values": b"1 2",
    "single quotes": b"{'a':1}",
    "a comment": b"[1] // one",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16-le"),
    "a raw control character": b'["\n"]',
    "an unfinished escape": b'["\\u12"]',
    "a leading zero": b"[01]",
    "a leading plus": b"[+1]",
    "a bare point": b"[.5]",
    "hexadecimal": b"[0x10]",
    "digits of another script": "[١]".encode(),
    "a name that is a number": b"{1:2}",
    "quotes without end": b'["' + b'\\"' * 100_000,
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_what_is_not_i_json_is_refused_with_the_reason(name: str) -> None:
    raw, reason = VIOLATIONS[name]
    with pytest.raises(NotIJson) as caught:
        decode(raw)
    assert not isinstance(caught.value, NotJson)
    assert reason in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_json_is_refused(name: str) -> None:
    with pytest.raises(NotJson):
        decode(NOT_JSON[name])


def test_python_alone_would_take_most_of_it() -> None:
    taken = 0
    for raw, _ in VIOLATIONS.values():
        try:
            json.loads(raw)
        except (ValueError, RecursionError):
            continue
        taken += 1
    assert taken >= 12, "else these cases prove nothing about our own checks"


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b"[9007199254740991,-9007199254740991]", [2**53 - 1, -(2**53) + 1]),
        (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
        (b'["\\\\ud800"]', ["\\ud800"]),
        (b'["\\u0000\\uffff"]', ["\x00\uffff"]),
        (b' \t\r\n{"a":null}\n', {"a": None}),
        (b'{"a":{"a":{"a":1}}}', {"a": {"a": {"a": 1}}}),
        (b"[1e308,1e20,0.1,5e-324]", [1e308, 1e20, 0.1, 5e-324]),
        (b'["' + b"[{" * 1000 + b'"]', ["[{" * 1000]),
        (b'["\\"' + b"[" * 1000 + b'"]', ['"' + "[" * 1000]),
        (b"[" + b"[]," * 1000 + b"[]]", [[]] * 1001),
    ],
)
def test_what_is_i_json_is_read(raw: bytes, value: Any) -> None:
    assert decode(raw) == value


def test_the_deepest_that_is_allowed_is_read() -> None:
    value = decode(nested(MAX_DEPTH))
    for _ in range(MAX_DEPTH - 1):
        (value,) = value
    assert value == []


@pytest.mark.parametrize("text", ["1.0", "10e-1", "1e0", "1.000"])
def test_a_number_without_a_fraction_is_an_integer_however_written(text: str) -> None:
    (number,) = decode(f"[{text}]".encode())
    assert (number, type(number)) == (1, int)


def test_numbers_that_only_doubles_hold_stay_doubles() -> None:
    kept = decode(b"[1e16,-1e300,0.5]")
    assert [type(number) for number in kept] == [float] * 3
    (zero,) = decode(b"[-0.0]")
    assert (type(zero), math.copysign(1, zero)) == (int, 1)


# RFC 8785, appendix B: IEEE 754 bits and what they must become.
RFC_NUMBERS = {
    "0000000000000000": "0",
    "8000000000000000": "0",
    "0000000000000001": "5e-324",
    "8000000000000001": "-5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "ffefffffffffffff": "-1.7976931348623157e+308",
    "4340000000000000": "9007199254740992",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555553": "333333333.3333332",
    "41b3de4355555554": "333333333.33333325",
    "41b3de4355555555": "333333333.3333333",
    "41b3de4355555556": "333333333.3333334",
    "41b3de4355555557": "333333333.33333343",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}


@pytest.mark.parametrize("bits", RFC_NUMBERS)
def test_numbers_of_rfc_8785(bits: str) -> None:
    import struct

    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    assert canonical(number).decode() == RFC_NUMBERS[bits]


def test_the_example_of_rfc_8785() -> None:
    """Section 3.2.2 and 3.2.3: numbers, strings, literals."""
    raw = rb"""{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(decode(raw)).decode() == expected


def test_names_are_sorted_by_utf_16_units() -> None:
    """RFC 8785, section 3.2.3."""
    value = {"€": 5, "\r": 1, "\ufb33": 7, "1": 2, "\U0001f600": 6, "\u0080": 3, "ö": 4}
    assert list(json.loads(canonical(value)).values()) == [1, 2, 3, 4, 5, 6, 7]


@given(values)
@modest
@example({"\ue000": 1, "\U0001f600": 2})
@example([1.0, -0.0, 1e16, 1e-5, 1e21, 123456.0])
@example({"a": "1.0,", "b": "1e+16", "c": "99999999999999999999"})
@example(1.0)
@example("\x7f\u2028")
def test_canonical_equals_the_library(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values, st.randoms(use_true_random=False))
@modest
def test_canonical_means_the_same_and_knows_no_order(value: Any, random: Any) -> None:
    text = canonical(value)
    assert json.loads(text, parse_int=as_javascript_does) == value
    assert canonical(shuffled(value, random)) == text
    assert not text.startswith((b" ", b"\n"))


def as_javascript_does(text: str) -> int | float:
    return int(text) if abs(int(text)) < 2**53 else float(text)


def shuffled(value: Any, random: Any) -> Any:
    if isinstance(value, list):
        return [shuffled(item, random) for item in value]
    if isinstance(value, dict):
        items = list(value.items())
        random.shuffle(items)
        return {name: shuffled(item, random) for name, item in items}
    return value


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, -(2**53), 2**60, [10**30], ["\ud800"], {"\udfff": 1}, {1, 2}, b"x"]
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(NotIJson):
        canonical(value)


@given(values)
@modest
def test_compact_is_read_back_as_the_same_value(value: Any) -> None:
    text = compact(value)
    if any(number >= 2**53 for number in integral_doubles(value)):
        return  # Python writes 1e+22, which is read back as a double: covered by the next assertion only
    assert decode(text) == value
    assert decode_trusted(text) == value
    assert canonical(decode(text)) == canonical(value)


def integral_doubles(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in integral_doubles(item)]
    if isinstance(value, list):
        return [number for item in value for number in integral_doubles(item)]
    return [abs(value)] if isinstance(value, float) and value.is_integer() else []


@given(values)
@modest
def test_the_trusting_reader_reads_what_the_strict_one_reads(value: Any) -> None:
    text = json.dumps(value).encode()
    strict, trusting = decode(text), decode_trusted(text)
    assert repr(strict) == repr(trusting)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        2**53,
        -(2**53),
        "\udc80",
        {"\ud800": 1},
        {1: 2},
        {None: 1},
        [object()],
        {"a": {1, 2}},
        b"bytes",
    ],
)
def test_compact_refuses_what_nobody_could_read_back(value: Any) -> None:
    with pytest.raises(NotIJson):
        compact({"outer": [value]})


def test_compact_refuses_what_is_too_deep() -> None:
    value: Any = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert decode(compact(value)) == value
    with pytest.raises(NotIJson, match="deep"):
        compact([value])


def test_compact_keeps_the_order_and_the_characters() -> None:
    assert compact({"b": "é\n", "a": (1, None, True)}) == '{"b":"é\\n","a":[1,null,true]}'.encode()


def test_a_value_that_holds_itself_is_refused() -> None:
    held: list[Any] = []
    held.append(held)
    with pytest.raises(NotIJson, match="levels deep"):
        compact({"held": held})


def test_whole_texts_are_not_taken_for_numbers_nor_brackets_for_depth() -> None:
    for value in ({"a": "9" * 40}, {"a": "[" * 400}, {"a": [True, None, 2**53 - 1, -0.5]}):
        assert decode(compact(value)) == value
