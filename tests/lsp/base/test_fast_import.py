"""Importing lsprotocol fast changes when attrs writes its methods, and nothing about what they are.

Each way is tried in a process of its own: in this one the types were imported long ago.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attr._make as attrs_make
import attrs
import pytest

from colearner_ls.lsp.base.fast_import import import_lsprotocol, methods_on_first_use, no_collection

ROOT = Path(__file__).resolve().parents[3]


def _probe(way: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.lsp.base.class_probe", way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_the_classes_are_the_same_whichever_way_they_were_imported() -> None:
    plain, fast = _probe("plain"), _probe("fast")
    assert plain["waiting"] == 0
    assert fast["waiting"] == len(fast["classes"]) > 500, "nothing was saved: attrs' class builder is another one"
    assert list(fast["classes"]) == list(plain["classes"])
    for name, said in plain["classes"].items():
        assert fast["classes"][name] == said, name


def _place() -> type:
    @attrs.define
    class Place:
        line: int = attrs.field(validator=attrs.validators.instance_of(int))
        name: str = "none"
        marks: list[int] = attrs.field(factory=list)

    return Place


def test_a_method_is_written_when_it_is_first_called() -> None:
    with methods_on_first_use() as can:
        assert can
        place: Any = _place()
    stand_ins = dict(vars(place))
    one = place(3)
    assert (one.line, one.name, one.marks) == (3, "none", [])
    assert vars(place)["__init__"] is not stand_ins["__init__"]
    assert vars(place)["__eq__"] is stand_ins["__eq__"]
    assert one == place(3, "none")
    assert one != place(4)
    assert (one == 3) is False
    assert repr(one).endswith("Place(line=3, name='none', marks=[])")
    assert not any(vars(place)[name] is stand_ins[name] for name in ("__init__", "__eq__", "__repr__"))


def test_a_method_that_raises_is_written_all_the_same() -> None:
    with methods_on_first_use():
        place: Any = _place()
    with pytest.raises(TypeError, match="must be <class 'int'>"):
        place("three")
    with pytest.raises(TypeError, match="unexpected keyword argument 'column'"):
        place(3, column=1)
    assert place(3).line == 3


def test_subclasses_and_bound_calls_reach_the_method() -> None:
    with methods_on_first_use():
        place: Any = _place()

        class Named(place):  # type: ignore[misc]
            def __init__(self) -> None:
                super().__init__(7, "seven")

    assert repr(Named()).endswith("(line=7, name='seven', marks=[])")
    init = place.__init__
    init(one := place.__new__(place), 1)
    init(two := place.__new__(place), 1)
    assert one == two


def test_two_threads_may_come_first_together() -> None:
    with methods_on_first_use():
        places: list[Any] = [_place() for _ in range(30)]
    start = threading.Barrier(4)

    def make() -> list[Any]:
        start.wait(30)
        return [place(number) for number, place in enumerate(places)]

    with ThreadPoolExecutor(4) as pool:
        made = [future.result(60) for future in [pool.submit(make) for _ in range(4)]]
    assert made[0] == made[1] == made[2] == made[3]


def test_classes_made_afterwards_are_attrs_own() -> None:
    before = dict(vars(attrs_make._ClassBuilder))
    with pytest.raises(ZeroDivisionError), methods_on_first_use():
        raise ZeroDivisionError
    assert dict(vars(attrs_make._ClassBuilder)) == before
    place: Any = _place()
    assert vars(place)["__init__"].__code__.co_filename.startswith("<attrs generated")


def test_another_class_builder_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(attrs_make._ClassBuilder, "add_eq")
    before = dict(vars(attrs_make._ClassBuilder))
    with methods_on_first_use() as can:
        assert not can
        assert dict(vars(attrs_make._ClassBuilder)) == before


def test_what_is_imported_already_stays() -> None:
    before = sys.modules["lsprotocol.types"]
    import_lsprotocol()
    assert sys.modules["lsprotocol.types"] is before


def test_collection_is_as_it_was_afterwards() -> None:
    assert gc.isenabled()
    try:
        with no_collection():
            assert not gc.isenabled()
        assert gc.isenabled()
    finally:
        gc.unfreeze()
