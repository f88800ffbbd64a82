"""Changes to JSON values and to bytes, all drawn from one ``random.Random``."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from random import Random
from typing import Any, Final

Path = tuple[str | int, ...]

HOSTILE_TEXTS: Final[tuple[str, ...]] = (
    "",
    " ",
    "\x00",
    "\x1b[2J\x1b]0;title\x07",
    "../../../etc/passwd",
    "C:\\Windows\\win.ini",
    "/etc/passwd",
    "file:///etc/passwd",
    "file:///%00",
    "http://[::1",
    "untitled:Untitled-1",
    "\u202eevil\u202c",
    "\u2028\u2029\x85\x0b\x0c",
    "\ud83d\ude00" * 40,
    "[run](command:workbench.action.terminal.new)",
    "<img src=x onerror=alert(1)>",
    "${jndi:ldap://x}",
    "a" * 5000,
    "9" * 400,
    "NaN",
    "null",
)
HOSTILE_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31 - 1,
    2**31,
    2**32,
    2**53,
    -(2**53),
    2**63,
    10**30,
    0.5,
    -0.0,
    1e308,
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"__proto__": {}},
    {"jsonrpc": "2.0"},
)
DEPTH: Final = 4000
"""Levels of a deeply nested value: far beyond the interpreter's recursion limit (1,000)."""


def mutated(value: Any, random: Random, changes: int = 1) -> Any:
    """A copy of a JSON value with so many random changes somewhere inside."""
    value = copy.deepcopy(value)
    for _ in range(changes):
        value = _changed(value, random)
    return value


def _changed(value: Any, random: Random) -> Any:
    places = list(_places(value))
    path = random.choice(places) if places else ()
    if not path:
        return hostile(random)
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    random.choice(_CHANGES)(parent, path[-1], random)
    return value


def _places(value: Any, path: Path = ()) -> Any:
    """Every place in a value; the deeper ones are no rarer than the others."""
    if path or not isinstance(value, dict | list):
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        yield from _places(each, (*path, key))


def hostile(random: Random) -> Any:
    """A value that does not belong anywhere."""
    kind = random.random()
    if kind < 0.45:
        return copy.deepcopy(random.choice(HOSTILE_VALUES))
    if kind < 0.9:
        return random.choice(HOSTILE_TEXTS)
    if kind < 0.95:
        return ["x"] * random.choice((1000, 20_000))
    return "".join(
        chr(random.choice((random.randrange(0x20, 0x7F), random.randrange(0xA0, 0xD7FF)))) for _ in range(30)
    )


def _replace(parent: Any, key: Any, random: Random) -> None:
    parent[key] = hostile(random)


def _remove(parent: Any, key: Any, random: Random) -> None:
    del parent[key]


def _nudge(parent: Any, key: Any, random: Random) -> None:
    value = parent[key]
    if isinstance(value, bool) or value is None:
        parent[key] = not value
    elif isinstance(value, int | float):
        parent[key] = random.choice((value + 1, value - 1, -value, value * 1000, str(value), float(value)))
    elif isinstance(value, str):
        at = random.randrange(len(value) + 1)
        parent[key] = random.choice(
            (value[:at], value[:at] + random.choice(HOSTILE_TEXTS) + value[at:], value * 50, value.upper(), [value])
        )
    else:
        parent[key] = [value, value] if random.random() < 0.5 else {"value": value}


def _duplicate(parent: Any, key: Any, random: Random) -> None:
    if isinstance(parent, list):
        parent[key:key] = [copy.deepcopy(parent[key])] * random.choice((1, 2, 300))
    else:
        parent[str(key) + "x"] = copy.deepcopy(parent[key])


_CHANGES: Final[tuple[Callable[[Any, Any, Random], None], ...]] = (
    _replace,
    _replace,
    _remove,
    _nudge,
    _nudge,
    _duplicate,
)


def encoded(value: Any, random: Random) -> bytes:
    """The value as JSON: usually compact, now and then with what JSON's grammar does not forbid and people forget."""
    style = random.random()
    if style < 0.8:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if style < 0.9:
        return json.dumps(value, ensure_ascii=True, indent=random.choice((None, 1, 9))).encode()
    return b" \t\r\n" + json.dumps(value).encode() + b"\n\n"


def torn(data: bytes, random: Random) -> bytes:
    """Bytes with something cut out, flipped, doubled or put in: seldom JSON any more, now and then not even UTF-8."""
    at, to = sorted((random.randrange(len(data) + 1), random.randrange(len(data) + 1)))
    kind = random.randrange(7)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[to:]
    if kind == 2:
        return data[:at] + bytes(random.randrange(256) for _ in range(random.randrange(1, 30))) + data[at:]
    if kind == 3 and data:
        index = random.randrange(len(data))
        return data[:index] + bytes([data[index] ^ (1 << random.randrange(8))]) + data[index + 1 :]
    if kind == 4:
        return data + data
    if kind == 5:
        return b"[" * DEPTH + data
    return random.choice(
        (b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf" + data, b"NaN", b'"', b"{}", b"[]", b"1", b'{"a":NaN}')
    )
