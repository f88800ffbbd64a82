"""Importing lsprotocol in less time.

``lsprotocol.types`` builds 554 attrs classes, about 300 of the 390 ms between the start of the process and the reply
to ``initialize`` (measured, Python 3.11). Leaving out the generated ``__repr__``s and the garbage collector's passes
over half-built classes saves about a quarter. The price: those objects print as ``<… object at 0x…>``, so only the
server's own process does this, and never a test that imports the types first.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs


def import_lsprotocol() -> None:
    """Import ``lsprotocol.types`` unless something has imported it already."""
    if "lsprotocol.types" in sys.modules:
        return
    define = attrs.define

    def define_without_repr(*args: Any, **kwargs: Any) -> Any:
        kwargs.setdefault("repr", False)
        return define(*args, **kwargs)

    try:
        setattr(attrs, "define", define_without_repr)  # noqa: B010  # mypy: a plain assignment has another type
        __import__("lsprotocol.types")
    finally:
        setattr(attrs, "define", define)  # noqa: B010


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
