"""I-JSON (RFC 7493) in, canonical JSON (RFC 8785) and compact JSON out.

Python's ``json`` lets NaN, endless integers, lone surrogates and duplicate names pass; two programs could then disagree
about one event. Here they are refused. Noncharacters such as U+FFFE, which RFC 7493 bans too, are let through: they
survive every encoding unchanged, and a source file that contains one must still be quotable.

JSON has one kind of number, and the canonical form of ``1.0`` is ``1``. So a number without a fraction is read as an
``int`` however it was written: texts with the same canonical form are read as the same values.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final

from colearner_ls.contracts.errors import NotIJson, NotJson
from colearner_ls.contracts.trusted_json import MAX_SAFE_INTEGER as MAX_SAFE_INTEGER  # this is where others look for it

MAX_DEPTH: Final = 64
"""Arrays and objects inside one another, the outermost included. A limit of ours: far above any payload of the
catalogue, far below where recursive parsers and encoders give up."""

_HINT: Final = "Send UTF-8 JSON as in RFC 7493 (I-JSON)."
_STRUCTURE: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_MAX_INTEGER_TEXT: Final = len(str(MAX_SAFE_INTEGER)) + 1

# Numbers that json.dumps and RFC 8785 may write differently: 1.0, 1e-05, 1e+16, integers from 9·10^15 on. Hits inside
# strings too, which only costs time. The plain searches before it are ten times faster and nearly always enough.
_DOUBTFUL_NUMBER: Final = re.compile(rb"(?:^|[:,\[])-?(?:[0-9]+(?:\.0(?![0-9])|(?:\.[0-9]+)?e)|9[0-9]{15}|[0-9]{17})")
_POINT_ZERO: Final = re.compile(rb"\.0(?![0-9])")
_NINE: Final = re.compile(rb"9[0-9]{15}")
_ANY_DIGIT: Final = bytes.maketrans(b"123456789", b"000000000")
# Python sorts names by code point, RFC 8785 by UTF-16 unit: the same unless a character beyond U+FFFF is involved.
_ASTRAL: Final = re.compile(rb"[\xf0-\xf4]")


def decode(raw: bytes) -> Any:
    """Parse ``raw`` as I-JSON.

    Raises `NotJson` where it is not JSON at all, else `NotIJson` with the reason: bad UTF-8, NaN or Infinity, an
    integer beyond 2^53 - 1, a number beyond a double, a lone surrogate, a duplicate name, or deeper than `MAX_DEPTH`.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotIJson(f"It is not UTF-8: byte {error.start} cannot be read.", _HINT) from None
    _check_depth(raw)
    try:
        value = _STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"It is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.", _HINT) from None
    if _SURROGATE_ESCAPE.search(text):
        _check_surrogates(value)
    return value


def canonical(value: Any) -> bytes:
    """Return the RFC 8785 form of a JSON value (as `decode` gives it: every name is a ``str``).

    Raises `NotIJson` for a value that has no such form.
    """
    try:
        fast = _SORTED.encode(value).encode("utf-8")
    except (ValueError, TypeError, RecursionError):
        return _canonical_by_library(value)  # it names the reason, or knows better
    if _may_differ(fast):
        return _canonical_by_library(value)
    return fast


def compact(value: Any) -> bytes:
    """Return ``value`` as compact UTF-8 JSON, names in the given order: what we write.

    Takes dicts with ``str`` names, lists, tuples, ``str``, ``int``, ``float``, ``bool`` and ``None``; raises `NotIJson`
    for anything that `decode` would not read back as the same value.
    """
    if not _is_plain(value):
        _check_plain(value, 1)
    try:
        text = _COMPACT.encode(value)
        if text.count("[") + text.count("{") > MAX_DEPTH:
            _check_plain(value, 1)
        return text.encode("utf-8")
    except (ValueError, TypeError, RecursionError):  # UnicodeEncodeError is a ValueError
        _check_plain(value, 1)  # names the reason
        raise


def _may_differ(text: bytes) -> bool:
    """Whether sorted JSON by Python may not be canonical. Yes where in doubt."""
    if not text.isascii() and _ASTRAL.search(text):
        return True
    digits = text.translate(_ANY_DIGIT)
    hit = (
        b"0e-0" in digits or b"0e+0" in digits or b"0" * 17 in digits or _POINT_ZERO.search(text) or _NINE.search(text)
    )
    return bool(hit) and _DOUBTFUL_NUMBER.search(text) is not None


def _canonical_by_library(value: Any) -> bytes:
    import rfc8785  # costs several ms to import, and most runs never need it

    try:
        return rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:  # the library's own error is a ValueError
        raise NotIJson(f"It has no canonical JSON form: {error}.", _HINT) from None


def _check_depth(raw: bytes) -> None:
    """Refuse deep nesting before the recursive parser meets it. Linear time, whatever the bytes."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _STRUCTURE.finditer(raw):
        token = match[0]
        if token in (b"[", b"{"):
            depth += 1
            if depth > MAX_DEPTH:
                raise NotIJson(f"It is nested more than {MAX_DEPTH} levels deep.", _HINT)
        elif token in (b"]", b"}"):
            depth -= 1


def _check_surrogates(value: Any) -> None:
    try:
        _COMPACT.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise NotIJson("A string holds half of a surrogate pair.", _HINT) from None


_MANY: Final = 100_000


def _is_plain(value: Any) -> bool:
    """Whether there are only the usual types with usual values inside. No where in doubt; texts are not looked at: they
    are encoded anyway. Four times as fast as `_check_plain`, which knows the reason."""
    left, seen = [value], 0
    while left:
        each = left.pop()
        seen += 1
        if seen > _MANY:  # or without an end: a list that holds itself
            return False
        kind = type(each)
        if kind is dict:
            for name in each:
                if type(name) is not str:
                    return False
            left += each.values()
        elif kind is list or kind is tuple:
            left += each
        elif kind is int:
            if not -MAX_SAFE_INTEGER <= each <= MAX_SAFE_INTEGER:
                return False
        elif kind is float:
            if each - each != 0:  # neither infinite nor no number at all
                return False
        elif kind is not str and kind is not bool and each is not None:
            return False
    return True


def _check_plain(value: Any, depth: int) -> None:
    if isinstance(value, dict | list | tuple):
        if depth > MAX_DEPTH:
            raise NotIJson(f"It is nested more than {MAX_DEPTH} levels deep.", _HINT)
        if isinstance(value, dict):
            for name in value:
                _check_name(name)
        for item in value.values() if isinstance(value, dict) else value:
            _check_plain(item, depth + 1)
    elif isinstance(value, str):
        _check_text(value)
    elif isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise NotIJson(f"{value} is not a JSON number.", _HINT)
    elif isinstance(value, int):  # bool too, which always passes
        if abs(value) > MAX_SAFE_INTEGER:
            raise NotIJson("An integer is beyond 2^53 - 1, so not every reader keeps it exactly.", _HINT)
    elif value is not None:
        raise NotIJson(f"A {type(value).__name__} is not a JSON value.", _HINT)


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise NotIJson(f"The name {name!r} of a member is not a string.", _HINT)
    _check_text(name)


def _check_text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise NotIJson("A string holds half of a surrogate pair (bytes that are not UTF-8).", _HINT) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = Counter(name for name, _ in pairs)
        raise NotIJson(f"The name {names.most_common(1)[0][0][:60]!r} stands twice in one object.", _HINT)
    return members


def _integer(text: str) -> int:
    # The length first: converting a very long text takes quadratic time.
    if len(text) > _MAX_INTEGER_TEXT or abs(number := int(text)) > MAX_SAFE_INTEGER:
        raise NotIJson("An integer is beyond 2^53 - 1, so not every reader keeps it exactly.", _HINT)
    return number


def _number(text: str) -> int | float:
    number = float(text)
    if number.is_integer() and abs(number) <= MAX_SAFE_INTEGER:
        return int(number)
    if number in (float("inf"), float("-inf")):
        raise NotIJson("A number is beyond what a double can hold.", _HINT)
    return number


def _constant(text: str) -> Any:
    raise NotIJson(f"{text} is not a JSON number.", _HINT)


_STRICT: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)
_SORTED: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
