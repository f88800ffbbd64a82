"""``python -m tests.lsp.base.class_probe plain|fast``: prints, as JSON, all that lsprotocol's classes say and do."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import re
import sys
from typing import Any

import attrs

METHODS = ("__init__", "__eq__", "__ne__", "__repr__")


def told(cls: type) -> dict[str, Any]:
    """What a class says of itself, and what its methods do. Ends with its methods used."""
    named = sorted(vars(cls))
    one, other = _made(cls), _made(cls)
    used = {
        "repr": repr(one),
        "equal": one == other,
        "unequal": one != other,
        "like another kind": one == 1,
        "copied": copy.copy(one) == one,
        "pickled": repr(pickle.loads(pickle.dumps(one))),
        "hash": repr(vars(cls).get("__hash__")),
        "refuses arguments": _refusal(lambda: cls(no_such_field=1)),
        "refuses attributes": _refusal(lambda: setattr(one, "no_such_field", 1)),
    }
    methods = {name: vars(cls)[name] for name in METHODS if name in vars(cls)}
    written = {
        name: [method.__module__, method.__qualname__, method.__doc__, str(inspect.signature(method))]
        for name, method in methods.items()
    }
    said = {
        "names": named,
        "bases": repr(cls.__mro__[1:]),
        "slots": vars(cls)["__slots__"],
        "match": vars(cls)["__match_args__"],
        "fields": repr(attrs.fields(cls)),
        "methods": written,
        "code": {name: method.__code__.co_code.hex() for name, method in methods.items()},
        "used": used,
    }
    addresses = re.compile(r" at 0x[0-9a-f]+")
    return dict(json.loads(addresses.sub("", json.dumps(said))))


def _made(cls: type) -> Any:
    needed = [field for field in attrs.fields(cls) if field.init and field.default is attrs.NOTHING]
    return cls(**{field.alias: _fitting(field) for field in needed})


def _fitting(field: Any) -> Any:
    for value in (0, "text", True, 0.5):
        if field.validator is None or _refusal(lambda value=value: field.validator(None, field, value)) is None:
            return value
    raise AssertionError(f"nothing fits {field}")


def _refusal(action: Any) -> str | None:
    try:
        action()
    except (TypeError, AttributeError, ValueError) as problem:
        return str(problem)
    return None


def main() -> None:
    """Import, one way or the other, and tell."""
    if sys.argv[1] == "fast":
        from colearner_ls.lsp.base.fast_import import import_lsprotocol

        import_lsprotocol()
    from lsprotocol import types

    classes = {name: cls for name, cls in types.ALL_TYPES_MAP.items() if isinstance(cls, type) and attrs.has(cls)}
    waiting = sum("call" in vars(cls)["__init__"].__code__.co_name for cls in classes.values())
    print(json.dumps({"waiting": waiting, "classes": {name: told(cls) for name, cls in classes.items()}}))


if __name__ == "__main__":
    main()
