"""The workspace behind the server: opened after ``initialize``, kept up with, closed within bounds.

All calls of the workspace run on one worker thread; what comes back is immutable. The event loop holds the newest
snapshot, so that a view never waits for the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import os
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from colearner_ls.contracts.errors import ColearnerError, NoSession
from colearner_ls.contracts.frozen import frozen
from colearner_ls.lsp.options import LABEL, Options
from colearner_ls.lsp.worker import Worker

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.requests import InitSession, JoinSession, UseCase
    from colearner_ls.workspace.results import Snapshot, Written

logger = logging.getLogger(__name__)

T = TypeVar("T")

COALESCE_S: Final = 0.03
"""Commits that come within this many seconds after one was looked at are looked at together; where a look takes less
than half as long, after twice that time already. So looking takes a third of a processor at most, and the first of
several commits waits for nothing."""

SYNC_STOP_S: Final = 1.3
"""Bound on ending sync, in seconds; below the 1.5 s that the whole end may take (``base.serving``)."""

SYNC_RETRY_S: Final = 5.0
"""Wait before sync is started again after it failed for a reason of its own, in seconds."""


@frozen
class News:
    """A change of the snapshot. ``before`` is ``None`` for the first one after opening."""

    before: Snapshot | None
    now: Snapshot


class Session:
    """The one workspace of a server, or its absence (``why_not`` says why)."""

    def __init__(self, on_news: Callable[[News], Awaitable[None]], on_absent: Callable[[ColearnerError], None]) -> None:
        self.snapshot: Snapshot | None = None
        self.root: Path | None = None
        self.why_not: ColearnerError = NoSession("No folder is open.", "Open a folder in the editor.")
        self._on_news = on_news
        self._on_absent = on_absent
        self._worker = Worker("colearner-workspace")
        self._workspace: Workspace | None = None
        self._changed = asyncio.Event()
        self._followers: list[asyncio.Task[None]] = []
        self._tail: Any = None
        self._folder: Path | None = None
        self._options = Options()
        self._turn = asyncio.Lock()
        self.opened = asyncio.Event()
        """Set once the first attempt to open is over, whatever came of it."""

    # --- opening and closing

    async def open(self, folder: Path | None, options: Options) -> None:
        """Open the workspace that ``folder`` lies in, in the place of the one that is open. Never raises for what is
        wrong there: ``why_not`` says it, and ``on_absent`` is told."""
        async with self._turn:
            await self._close()
            self._folder, self._options = folder, options
            if folder is not None:
                try:
                    self._workspace = await self._worker.call(_open, folder, options)
                except ColearnerError as problem:
                    self._absent(problem)
                except OSError as problem:
                    self._absent(
                        ColearnerError(f"{folder} cannot be used: {problem.strerror}.", "Check its permissions.")
                    )
                except Exception:
                    logger.exception("the workspace could not be opened")
                    self._absent(
                        ColearnerError(f"{folder} could not be opened, by a fault of ours.", "The log says more.")
                    )
                else:
                    await self._follow()
            self.opened.set()

    def _absent(self, problem: ColearnerError) -> None:
        self.why_not = problem
        self._on_absent(problem)

    async def set_up(self, request: InitSession | JoinSession) -> Written:
        """``init`` or ``join``; opens what was set up. Raises what the use case raises."""
        folder = self._folder
        if folder is None:
            raise NoSession("No folder is open.", "Open the folder to be set up in the editor.")
        async with self._turn:
            workspace, written = await self._worker.call(_set_up, folder, self._options, request)
            await self._close()
            self._workspace = workspace
            await self._follow()
            return written

    async def close(self) -> None:
        """Stop sync, then let go of the journal."""
        async with self._turn:
            await self._close()
        self._worker.close()

    async def _close(self) -> None:
        followers, self._followers = self._followers, []
        for task in followers:
            task.cancel()
        if followers:
            await asyncio.wait(followers, timeout=SYNC_STOP_S)
        tail, workspace = self._tail, self._workspace
        self._tail = self._workspace = self.snapshot = self.root = None
        if tail is not None or workspace is not None:
            closing = asyncio.ensure_future(self._worker.call(_close, tail, workspace))
            await asyncio.wait({closing}, timeout=SYNC_STOP_S)

    async def _follow(self) -> None:
        """Begin to keep up with the open workspace: first what is there, then what comes."""
        workspace = self._workspace
        assert workspace is not None
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: the process is ending
                loop.call_soon_threadsafe(self._changed.set)

        self.root = workspace.root
        self._tail = await self._worker.call(workspace.watch, changed)
        await self._look()
        self._followers = [
            asyncio.create_task(self._watch(), name="colearner-news"),
            asyncio.create_task(self._sync(workspace), name="colearner-sync"),
        ]

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._changed.wait()
            self._changed.clear()
            began = loop.time()
            try:
                await self._look()
            except ColearnerError as problem:
                logger.warning("the journal cannot be read at the moment: %s", problem)
            except Exception:
                # A fault in a view of one state must not make the server deaf to the next.
                logger.exception("a change of the session could not be shown")
            await asyncio.sleep(min(COALESCE_S, 2 * (loop.time() - began)))

    async def _look(self) -> None:
        workspace = self._workspace
        if workspace is None:
            return
        now = await self._worker.call(workspace.snapshot)
        before, self.snapshot = self.snapshot, now
        if before is None or _shows_more(before, now):
            await self._on_news(News(before, now))

    async def _sync(self, workspace: Workspace) -> None:
        """Run sync for as long as the workspace is open; a fault of ours there must not end it for good."""
        syncing = await self._worker.call(importlib.import_module, "colearner_ls.workspace.syncing")
        while True:
            try:
                await syncing.run_sync(workspace)
            except (ColearnerError, OSError) as problem:
                logger.warning("sync stopped: %s", problem)
            except Exception:
                logger.exception("sync failed")
            await asyncio.sleep(SYNC_RETRY_S)

    # --- use

    def required(self) -> Workspace:
        """The open workspace. Raises the reason why there is none."""
        if self._workspace is None:
            raise self.why_not
        return self._workspace

    async def call(self, function: Callable[..., T], *args: Any) -> T:
        """``function(workspace, *args)`` on the worker thread. Raises the reason why there is no workspace, and what the
        function raises."""
        return await self._worker.call(function, self.required(), *args)

    async def compute(self, function: Callable[..., T], *args: Any) -> T:
        """``function(*args)`` on the worker thread, with or without a workspace."""
        return await self._worker.call(function, *args)

    async def do(self, request: UseCase, *, wait_s: float = 0.0) -> Written | None:
        """Carry out a use case; then wait at most ``wait_s`` seconds for the event to be delivered."""
        written = await self.call(_do, request)
        return await self.delivered(written, wait_s) if written is not None else None

    async def delivered(self, written: Written, wait_s: float) -> Written:
        """Look at what an event changed, then wait at most ``wait_s`` seconds until it is on the bus."""
        await self._look()
        deadline = asyncio.get_running_loop().time() + wait_s
        while written.delivery == "kept" and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(COALESCE_S)
            written = replace(written, delivery=await self.call(_delivery, written.event_id))
        return written

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """``function(workspace, *args)`` on a thread of its own, for what may take seconds (a sync asked for)."""
        workspace, worker = self.required(), Worker(f"colearner-{threading.active_count()}")
        try:
            return await worker.call(function, workspace, *args)
        finally:
            worker.close()


def _open(folder: Path, options: Options) -> Workspace:
    from colearner_ls.workspace.door import Workspace
    from colearner_ls.workspace.settings import resolve

    return Workspace.open(resolve(folder, _overrides(options), os.environ))


def _set_up(folder: Path, options: Options, request: InitSession | JoinSession) -> tuple[Workspace, Written]:
    from colearner_ls.workspace.setting_up import set_up
    from colearner_ls.workspace.settings import resolve

    return set_up(resolve(folder, _overrides(options), os.environ), request, os.environ)


def _overrides(options: Options) -> Any:
    from colearner_ls.workspace.settings import Overrides

    return Overrides(options.role, options.session, options.student, options.author, options.bus, LABEL)


def _close(tail: Any, workspace: Workspace | None) -> None:
    if tail is not None:
        tail.close()
    if workspace is not None:
        workspace.close()


def _do(workspace: Workspace, request: UseCase) -> Written | None:
    return workspace.do(request)


def _delivery(workspace: Workspace, event_id: str) -> Any:
    return workspace.delivery(event_id)


def _shows_more(before: Snapshot, now: Snapshot) -> bool:
    """Whether anything differs that a view could show; the time of the last contact alone does not count."""
    if before.session is not now.session or before.notices != now.notices or before.sharing != now.sharing:
        return True
    if before.trust != now.trust:
        return True
    return replace(before.sync, seen_us=None) != replace(now.sync, seen_us=None)
