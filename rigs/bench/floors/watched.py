"""``python -m rigs.bench.floors.watched FILE MODULE``: runs ``MODULE.main()`` and notes how long each step held the loop.

Written to FILE when the process ends: a JSON list of [when, how long], both in seconds, ``when`` on the clock of
``time.perf_counter`` (one clock for all processes on Linux and macOS). Only steps over a millisecond are noted.
"""

from __future__ import annotations

import asyncio.events
import atexit
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import NoReturn

SHORTEST_S = 0.001


def main() -> None:
    """Watch, then run."""
    file, module = Path(sys.argv[1]), sys.argv[2]
    sys.argv = [module]
    held: list[tuple[float, float]] = []
    run = asyncio.events.Handle._run

    def timed(handle: asyncio.events.Handle) -> None:
        began = time.perf_counter()
        run(handle)
        taken = time.perf_counter() - began
        if taken >= SHORTEST_S:
            held.append((began, taken))

    asyncio.events.Handle._run = timed  # type: ignore[method-assign, assignment]  # the point of it
    at_once = os._exit

    def tell() -> None:
        file.write_text(json.dumps(held), encoding="utf-8")

    def leave(status: int) -> NoReturn:
        tell()
        at_once(status)

    atexit.register(tell)
    os._exit = leave
    importlib.import_module(module).main()


if __name__ == "__main__":
    main()
