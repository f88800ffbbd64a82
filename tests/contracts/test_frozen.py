"""`@frozen` makes what ``@dataclass(frozen=True, slots=True)`` makes, only sooner."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from colearner_ls.contracts.frozen import frozen, mutable


@frozen
class Place:
    """A place."""

    path: str
    line: int | None = None
    notes: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    kind: str = field(default="file")

    @property
    def name(self) -> str:
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Model:
    """What `Place` must be like."""

    path: str
    line: int | None = None
    notes: tuple[str, ...] = ()
    more: dict[str, Any] = field(default_factory=dict)
    kind: str = field(default="file")


@mutable
class Count:
    """Changes."""

    number: int
    seen: set[int] = field(default_factory=set)


@frozen
class Nothing:
    """No fields."""


@frozen
class Range:
    """Checked."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if self.start > self.end:
            raise ValueError("turned around")


CALLS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    (("a",), {}),
    (("a", 1, ("x",), {"k": 1}, "folder"), {}),
    (("a",), {"kind": "x", "line": 3}),
    ((), {"path": "a"}),
    ((), {}),
    (("a", 1, (), {}, "k", "too many"), {}),
    (("a",), {"path": "b"}),
    (("a",), {"unknown": 1}),
)


def outcome(make: Callable[..., Any], values: tuple[Any, ...], named: dict[str, Any]) -> Any:
    try:
        return dataclasses.asdict(make(*values, **named))
    except TypeError:
        return TypeError


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_it_takes_what_a_dataclass_takes(values: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert outcome(Place, values, named) == outcome(Model, values, named)


def test_the_first_object_is_like_the_second() -> None:
    @frozen
    class Fresh:
        a: int
        b: list[int] = field(default_factory=list)

    first, second = Fresh(1), Fresh(a=1)
    assert first == second
    assert first.b is not second.b
    assert list(inspect.signature(Fresh).parameters) == ["a", "b"]


def test_threads_may_make_the_first_object_at_once() -> None:
    @frozen
    class Fresh:
        a: int

    start, made = threading.Barrier(8), []

    def make() -> None:
        start.wait()
        made.append(Fresh(1))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [Fresh(1)] * 8


def test_it_shows_its_fields_and_compares_by_them() -> None:
    assert repr(Place("a", 1)) == repr(Model("a", 1)).replace("Model", "Place")
    assert Place("a") == Place("a")
    assert Place("a") != Place("b")
    assert Place("a") != Model("a")  # type: ignore[comparison-overlap]
    assert Place("a").__eq__("a") is NotImplemented
    assert hash(Range(1, 2)) == hash(Range(1, 2))
    assert len({Range(1, 2), Range(1, 2), Range(1, 3)}) == 2
    assert Nothing() == Nothing()
    assert repr(Nothing()) == "Nothing()"
    with pytest.raises(TypeError):
        hash(Count(1))


def test_it_does_not_change() -> None:
    place = Place("a")
    with pytest.raises(dataclasses.FrozenInstanceError, match="path"):
        place.path = "b"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match="path"):
        del place.path  # type: ignore[misc]
    with pytest.raises(AttributeError):
        place.other = 1
    assert not hasattr(place, "__dict__")


def test_one_that_changes_changes() -> None:
    count = Count(1)
    count.number += 1
    count.seen.add(2)
    assert count == Count(2, {2})
    with pytest.raises(AttributeError):
        count.other = 1  # type: ignore[attr-defined]


def test_what_is_made_for_dataclasses_takes_it() -> None:
    place = Place("a", 1, more={"k": [1]})
    assert dataclasses.replace(place, line=2) == Place("a", 2, more={"k": [1]})
    assert [each.name for each in dataclasses.fields(place)] == [each.name for each in dataclasses.fields(Model)]
    assert [(each.default, each.type) for each in dataclasses.fields(Place)] == [
        (each.default, each.type) for each in dataclasses.fields(Model)
    ]
    assert dataclasses.asdict(place) == {"path": "a", "line": 1, "notes": (), "more": {"k": [1]}, "kind": "file"}
    assert pickle.loads(pickle.dumps(place)) == place
    assert copy.copy(place) == place
    deep = copy.deepcopy(place)
    assert deep == place
    assert deep.more is not place.more
    match place:
        case Place(path, line):
            assert (path, line) == ("a", 1)
    assert place.name == "a:1"
    assert dataclasses.is_dataclass(place)
    assert dataclasses.is_dataclass(Place)


def test_what_is_wrong_is_said_when_the_object_is_made() -> None:
    assert Range(1, 2) == Range(start=1, end=2)
    with pytest.raises(ValueError, match="turned around"):
        Range(2, 1)


def test_what_is_not_supported_is_refused() -> None:
    with pytest.raises(TypeError, match="plain fields"):

        @frozen
        class _WithClassVar:
            a: ClassVar[int] = 1

    with pytest.raises(TypeError, match="made of another"):

        @frozen
        class _Longer(Place):
            b: int = 0

    with pytest.raises(TypeError, match="without a default after a"):

        @frozen
        class _Order:
            a: int = 1
            b: int  # type: ignore[misc]

    with pytest.raises(TypeError, match="default_factory"):

        @frozen
        class _Shared:
            a: list[int] = []  # noqa: RUF012 - that is the point

    with pytest.raises(TypeError, match="knows default"):

        @frozen
        class _Hidden:
            a: int = field(default=1, repr=False)

    with pytest.raises(TypeError, match="texts"):
        frozen(type("Evaluated", (), {"__annotations__": {"a": int}}))


def test_making_the_class_compiles_nothing() -> None:
    """The reason for all this. Counted, not timed: a busy machine cannot make it fail."""
    code = """
from __future__ import annotations
import builtins, sys
import dataclasses
from colearner_ls.contracts.frozen import frozen
compiled = []
real = builtins.exec
builtins.exec = lambda *given: (compiled.append(given[0]), real(*given))[1]
@frozen
class A:
    a: int
    b: str = ""
assert compiled == [], compiled
A(1), A(2)
assert len(compiled) == 1, compiled
@dataclasses.dataclass(frozen=True, slots=True)
class B:
    a: int
    b: str = ""
assert len(compiled) > 2, compiled
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
