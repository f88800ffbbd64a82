"""Importing lsprotocol in less time.

``lsprotocol.types`` makes 554 attrs classes; for each of them attrs writes ``__init__``, ``__eq__`` and ``__repr__`` as
text and compiles it: most of the time between the start of the process and the reply to ``initialize``. A session uses a
tenth of these classes. So here attrs writes the methods of a class when the first of them is called: the same methods,
by the same functions of attrs, later. :func:`methods_on_first_use` says what that leans on. docs/performance.md has what
it saves and what else was tried.
"""

from __future__ import annotations

import gc
import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

WRITERS: Final = {"__init__": "add_init", "__eq__": "add_eq", "__repr__": "add_repr"}
"""Method → the method of attrs' class builder that writes it."""

_turn = threading.RLock()


def import_lsprotocol() -> None:
    """Import ``lsprotocol.types`` unless something has imported it already."""
    if "lsprotocol.types" not in sys.modules:
        with methods_on_first_use():
            importlib.import_module("lsprotocol.types")


@contextmanager
def methods_on_first_use() -> Iterator[bool]:
    """attrs classes that are made inside get :data:`WRITERS`' methods when one of them is first called.

    Until then such a method is a stand-in whose signature is ``(self, *args, **kwargs)``; nothing else can be told from
    it, and the class is no other (fields, slots, hashing, matching). Changes only what this thread makes while inside
    and is not for use beside other threads that define classes: at the start of a process there are none.

    It leans on attrs' own class builder, ``attr._make._ClassBuilder``, being as it is since attrs 25.3: ``add_init``,
    ``add_eq`` and ``add_repr`` note what is to be compiled, and ``_eval_snippets`` compiles it into ``_cls_dict``. Yields
    whether that is so; where it is not, nothing is changed, and the import takes longer.
    """
    make = importlib.import_module("attr._make")
    builder: Any = vars(make).get("_ClassBuilder")
    not_equal = vars(make).get("__ne__")
    names = (*WRITERS.values(), "_eval_snippets")
    if not_equal is None or not all(callable(getattr(builder, name, None)) for name in names):
        yield False
        return
    kept = {name: vars(builder)[name] for name in names}
    for method, name in WRITERS.items():
        setattr(builder, name, _noted(method, kept, {"__ne__": not_equal} if method == "__eq__" else {}))
    builder._eval_snippets = _unless_nothing_is_noted(kept["_eval_snippets"])
    try:
        yield True
    finally:
        for name, original in kept.items():
            setattr(builder, name, original)


def _unless_nothing_is_noted(evaluate: Callable[[Any], None]) -> Callable[[Any], None]:
    def evaluate_what_is_noted(self: Any) -> None:
        if self._script_snippets:
            evaluate(self)

    return evaluate_what_is_noted


def _noted(method: str, originals: Mapping[str, Any], beside: Mapping[str, Any]) -> Callable[..., Any]:
    """What takes a writer's place: it puts a stand-in where the method will be, and remembers how to write it.

    ``beside``: what that writer adds to the class besides, without writing it anew.
    """
    write, evaluate = originals[WRITERS[method]], originals["_eval_snippets"]

    def note(self: Any, *args: Any) -> Any:
        def written() -> Any:
            with _turn:
                write(self, *args)
                evaluate(self)
                self._script_snippets.clear()
                return self._cls_dict[method]

        self._cls_dict.update(beside)
        self._cls_dict[method] = _stand_in(method, written)
        return self

    return note


def _stand_in(method: str, written: Callable[[], Any]) -> Any:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        real = written()
        for cls in type(self).__mro__:
            if vars(cls).get(method) is call:
                setattr(cls, method, real)
        return real(self, *args, **kwargs)

    call.__name__ = method
    return call


@contextmanager
def no_collection() -> Iterator[None]:
    """No garbage collection inside; what was made there is never looked at again, since it lives as long as the process."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
