"""News from the bus: fetched first, or followed as it comes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from colearner_ls.cli import output
from colearner_ls.cli.options import Said
from colearner_ls.cli.render.words import ago

if TYPE_CHECKING:
    from colearner_ls.journal.records import Stored
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.results import SyncStatus

Show = Callable[[Sequence["Stored"]], None]


def now_us() -> int:
    """The clock, in µs since the Unix epoch."""
    return time.time_ns() // 1000


def fetch(workspace: Workspace, said: Said) -> None:
    """Read what is new on the bus for as long as was said; a bus that is away is told on stderr and no failure."""
    if said.wait <= 0:
        return
    from colearner_ls.cli.commands import hide_logs
    from colearner_ls.workspace.syncing import sync_once

    hide_logs()
    outcome = sync_once(workspace, wait=said.wait, fetch=True)
    if not outcome.fetched:
        reason = outcome.error or f"not everything was read within {said.wait:g} s"
        output.message(f"This may not be the newest: {reason}")


def tell_age(sync: SyncStatus) -> None:
    """Say on stderr how old the news is."""
    heard = f"from {ago((now_us() - sync.seen_us) / 1e6)}" if sync.seen_us is not None else "none fetched yet"
    output.message(f"News: {heard} (--fetch for newer).")


def follow(workspace: Workspace, said: Said, *, after_row: int, show: Show) -> None:
    """Show every event after ``after_row`` as it comes, until interrupted. Runs sync here unless somebody else does."""
    import asyncio

    asyncio.run(_follow(workspace, after_row, show, offline=said.offline))


def _rows(workspace: Workspace, after_row: int) -> list[Stored]:
    return list(workspace.journal.events(workspace.session_id, after_row=after_row))


async def _follow(workspace: Workspace, after_row: int, show: Show, *, offline: bool) -> None:
    import asyncio

    from colearner_ls.workspace.syncing import run_sync

    loop = asyncio.get_running_loop()
    changed = asyncio.Event()

    def rung() -> None:
        loop.call_soon_threadsafe(changed.set)

    tail = workspace.watch(rung)
    tasks = [] if offline else [asyncio.create_task(run_sync(workspace), name="colearner-sync")]
    generation = workspace.journal.generation
    try:
        while True:
            changed.clear()
            if workspace.journal.generation != generation:  # salvaged: its rows count anew, and were shown before
                generation, after_row = workspace.journal.generation, workspace.journal.last_row()
            rows = await asyncio.to_thread(_rows, workspace, after_row)
            if rows:
                after_row = max(stored.row for stored in rows)
                show(rows)
            ringing = asyncio.create_task(changed.wait())
            await asyncio.wait({ringing, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            ringing.cancel()
            for task in tasks:
                if task.done():
                    task.result()  # raises what ended it
    finally:
        tail.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
