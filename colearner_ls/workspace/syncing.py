"""Running sync for a workspace: for as long as a server lives, or once for a command."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.contracts.frozen import frozen
from colearner_ls.journal.errors import JournalError
from colearner_ls.journal.tail import wait_for
from colearner_ls.sync.holder import BEAT_S, SyncHolder, holder_pid
from colearner_ls.workspace.sync_status import link_state

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine

    from colearner_ls.sync.link import Link
    from colearner_ls.workspace.door import Workspace

T = TypeVar("T")

RETRY_S: Final = 0.05

FILES_DELAY_S: Final = 0.2

ADOPT_S: Final = 30.0
"""Longest look, in s, whether the bus that is set here is the one that the session is bound to."""

OTHER_BUS_S: Final = 30.0
"""How long the next look waits, in s, unless the journal changes."""

_log = logging.getLogger(__name__)


@frozen
class SyncOutcome:
    """How one try to sync ended.

    ``delivered``: nothing of ours waits any more. ``fetched``: news was read up to the present end. ``held_by``: another
    process does it here. ``error``: why not, in words; ``hint``: what can be done about it, where that is known.
    """

    delivered: bool
    fetched: bool
    held_by: int | None = None
    error: str | None = None
    hint: str = ""


async def run_sync(ws: Workspace) -> None:
    """Hold sync for this workspace whenever nobody else does, until cancelled (then the bus is closed within 1.5 s)."""
    import asyncio

    from colearner_ls.sync.journal_calls import JournalCalls
    from colearner_ls.sync.link import Link

    loop = asyncio.get_running_loop()
    holder = SyncHolder(ws.settings.folder)
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(holder.release)
        calls = cleanup.enter_context(JournalCalls(ws.journal))
        link = Link(calls, ws.settings.bus, client_id=_client_id(ws))

        changed, news = asyncio.Event(), asyncio.Event()

        def rung() -> None:
            link.ring()
            changed.set()
            news.set()

        def from_thread() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may close between two bells
                loop.call_soon_threadsafe(rung)

        tail = ws.watch(from_thread)
        cleanup.callback(tail.close)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_keep_files(ws, changed), name="colearner-files")
            while True:
                if await asyncio.to_thread(_try_acquire, holder):
                    await _while_held(holder, _serve(ws, link, news))
                if await _elsewhere(ws):
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(OTHER_BUS_S):
                            await news.wait()
                await asyncio.sleep(BEAT_S)


async def _serve(ws: Workspace, link: Link, news: asyncio.Event) -> None:
    """Run the link for as long as the session is bound to its bus.

    Who has another bus in its settings only looks whether that is the same one under a new address. It must not keep the
    lock from a process that serves the right bus.
    """
    import asyncio

    if await _elsewhere(ws):
        await link.adopt(deadline=asyncio.get_running_loop().time() + ADOPT_S)
        if await _elsewhere(ws):
            return
    running = asyncio.create_task(link.run(), name="colearner-link-run")
    try:
        while not await _elsewhere(ws):
            await news.wait()
            news.clear()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _elsewhere(ws: Workspace) -> bool:
    import asyncio

    return await asyncio.to_thread(lambda: ws.other_bus) is not None


async def _keep_files(ws: Workspace, changed: asyncio.Event) -> None:
    """Rewrite the files beside the journal after changes, a little later, so that many changes are one rewrite."""
    import asyncio

    changed.set()
    while True:
        await changed.wait()
        await asyncio.sleep(FILES_DELAY_S)
        changed.clear()
        await asyncio.to_thread(ws.project)


def _try_acquire(holder: SyncHolder) -> bool:
    try:
        return holder.try_acquire()
    except OSError:
        return False  # a read-only folder: reading the journal still works, and doctor says why nothing moves


async def _while_held(holder: SyncHolder, work: Coroutine[Any, Any, T]) -> T | None:
    """Run ``work`` to its end and return what it returns; ``None`` where the lock was lost before.

    It is lost when the lock file is deleted or replaced: another took over, because this process did not run for long.
    """
    import asyncio

    task = asyncio.create_task(work, name="colearner-link")
    try:
        while not task.done():
            await asyncio.wait({task}, timeout=BEAT_S)
            if not holder.beat():
                break
        if task.done():
            return task.result()
        _log.warning("sync was taken over by process %s", holder_pid(holder.folder))
        return None
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        holder.release()


def sync_once(ws: Workspace, *, wait: float, fetch: bool) -> SyncOutcome:
    """Send what waits and, with ``fetch``, read the news, for at most ``wait`` s.

    Where another process holds sync here, wait for it to deliver instead. Never raises for a bus that is away: the outcome
    says so, and everything stays in the journal.
    """
    deadline = time.monotonic() + wait
    holder = SyncHolder(ws.settings.folder)
    try:
        while not holder.try_acquire():
            outcome = _waited_for_holder(ws, holder, deadline, fetch=fetch)
            if outcome is not None:
                return outcome
            if time.monotonic() >= deadline:
                return SyncOutcome(False, False, error="another process was just taking over sync here")
            time.sleep(RETRY_S)  # between two holders, or one that could not write its name: not at full speed
        return _sync_now(ws, holder, deadline, fetch=fetch)
    except JournalError as error:
        return SyncOutcome(False, False, error=error.message)
    except OSError as error:
        return SyncOutcome(False, False, error=f"{ws.settings.folder} cannot be written: {error.strerror}")
    finally:
        holder.release()
        if fetch:
            ws.project()


def _waited_for_holder(ws: Workspace, holder: SyncHolder, deadline: float, *, fetch: bool) -> SyncOutcome | None:
    """What the holder did for us, or ``None`` when it went away or hangs and the lock is to be tried again."""
    hangs = False

    def outcome() -> SyncOutcome:
        waiting = ws.journal.outbox.counts(ws.settings.bus.key).unsent
        link = link_state(ws.journal, ws.settings.bus.key)
        fetched = link.caught_up and link.connected and holder.lively()  # one that hangs fetches nothing any more
        done = not waiting and (fetched or not fetch)
        pid = holder_pid(ws.settings.folder)
        return SyncOutcome(not waiting, fetched, held_by=pid, error=None if done else link.last_error)

    def is_over() -> bool:
        nonlocal hangs
        now = outcome()
        hangs = holder.hung()
        return hangs or now.held_by is None or (now.delivered and (now.fetched or not fetch))

    wait_for(ws.journal, is_over, max(deadline - time.monotonic(), 0.0))
    last = outcome()
    return last if last.held_by is not None and not hangs else None


def _sync_now(ws: Workspace, holder: SyncHolder, deadline: float, *, fetch: bool) -> SyncOutcome:
    import asyncio

    from colearner_ls.sync.journal_calls import JournalCalls
    from colearner_ls.sync.link import Link

    async def work() -> int | None:
        with JournalCalls(ws.journal) as calls:
            link = Link(calls, ws.settings.bus, client_id=_client_id(ws))
            until = asyncio.get_running_loop().time() + max(deadline - time.monotonic(), 0.0)
            if ws.other_bus is not None:
                await link.adopt(deadline=until)
            if ws.other_bus is not None:
                return -1
            return await _while_held(holder, link.once(deadline=until, fetch=fetch))

    try:
        read = asyncio.run(work())
        if (elsewhere := ws.other_bus) is not None:
            return SyncOutcome(False, False, error=elsewhere.message)
        if read is None:
            return SyncOutcome(
                False, False, error="another process took sync over, as this one did not run for a while"
            )
    except ColearnerError as error:
        delivered = not ws.journal.outbox.counts(ws.settings.bus.key).unsent
        return SyncOutcome(delivered, False, error=error.message, hint=error.hint)
    return SyncOutcome(not ws.journal.outbox.counts(ws.settings.bus.key).unsent, fetch)


def _client_id(ws: Workspace) -> str:
    return f"colearner-{ws.role}-{ws.journal.writer[:8]}"
