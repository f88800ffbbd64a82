"""The server of the house: pygls underneath, the workspace behind it, the features around it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lsprotocol import types
from pygls.exceptions import JsonRpcException

from colearner_ls import __version__
from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.lsp.base.documents import file_path
from colearner_ls.lsp.base.server import BaseServer
from colearner_ls.lsp.capabilities import Client, resolve
from colearner_ls.lsp.features import register_all
from colearner_ls.lsp.features.arrivals import Arrivals, on_absent
from colearner_ls.lsp.features.receipts import Receipts
from colearner_ls.lsp.features.saves import Saves
from colearner_ls.lsp.links import documentation
from colearner_ls.lsp.options import Options, parse
from colearner_ls.lsp.refreshing import Refresher
from colearner_ls.lsp.session import News, Session
from colearner_ls.lsp.tracking import Tracker
from colearner_ls.lsp.views.marks import Marks, marks_of

logger = logging.getLogger(__name__)

ASK_S: Final = 600.0
"""How long a question to the person may stay open, in seconds; then it counts as dismissed."""


class ColearnerServer(BaseServer):
    """One editor's server. Everything here runs on the event loop."""

    session: Session
    tracker: Tracker
    refresher: Refresher
    receipts: Receipts
    saves: Saves
    arrivals: Arrivals

    def __init__(self) -> None:
        super().__init__("colearner-ls", __version__)
        self.client = Client()
        self.given = Options()
        """What ``initializationOptions`` said."""
        self.options = Options()
        """The same with the settings in front."""
        self.folders: list[str] = []
        self.docs: str | None = None
        """The page that explains our diagnostics."""
        self.revision = 0
        """Grows with every change that a view could show, also over another workspace."""
        self._tasks: set[asyncio.Task[Any]] = set()
        self._problems: tuple[str, ...] = ()
        register_all(self)

    # --- life

    def start(self) -> None:
        """Make what needs the running loop."""
        self.session = Session(self._on_news, self._on_absent)
        self.refresher = Refresher(self)
        self.tracker = Tracker(lambda: self.documents, self.refresher.looked)
        self.receipts, self.saves, self.arrivals = Receipts(self), Saves(self), Arrivals(self)

    async def stop(self) -> None:
        """End everything that runs beside the connection."""
        for closing in (self.arrivals, self.saves, self.refresher, self.tracker):
            closing.close()
        for task in list(self._tasks):
            task.cancel()
        await self.session.close()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run ``work`` beside the handlers; what it raises is logged, and it is cancelled at the end."""
        task = asyncio.ensure_future(work)
        task.set_name(name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (problem := task.exception()) is None:
            return
        if isinstance(problem, ColearnerError):
            logger.warning("%s: %s %s", task.get_name(), problem.message, problem.hint)
        else:
            logger.error("%s failed", task.get_name(), exc_info=problem)

    # --- the editor

    def before_initialize(self, params: types.InitializeParams) -> None:
        """Resolve what the client can do and what it says of the session; nothing is opened yet."""
        self.client = resolve(params)
        parsed = parse(params.initialization_options, "initializationOptions")
        self.given = self.options = parsed.options
        self._problems = parsed.problems
        self.folders = [folder.uri for folder in params.workspace_folders or []]
        root = params.root_uri or (Path(params.root_path).as_uri() if params.root_path else None)
        if not self.folders and root is not None:
            self.folders = [root]

    def extend_capabilities(self, capabilities: types.ServerCapabilities) -> None:
        """Diagnostics are pulled only by clients that can be told to pull again; all others get them pushed."""
        if not self.pulls:
            capabilities.diagnostic_provider = None

    @property
    def pulls(self) -> bool:
        """Whether this client asks for diagnostics itself. Never both: the same would be shown twice."""
        return self.client.diagnostic_pull and self.client.diagnostic_refresh

    @property
    def folder(self) -> Path | None:
        """The folder that is served: the first one. Others are not, in this version."""
        return file_path(self.folders[0]) if self.folders else None

    async def reopen(self) -> None:
        """Open the workspace of the first folder with the options in force."""
        if len(self.folders) > 1:
            self.log(f"Only the first of {len(self.folders)} folders is served: {self.folder}", types.MessageType.Info)
        for problem in self._problems:
            self.log(problem, types.MessageType.Warning)
        self._problems = ()
        if self.docs is None and self.client.diagnostic_code_description:
            self.docs = await self.session.compute(documentation)
        await self.session.open(self.folder, self.options)
        if self.session.snapshot is None:
            self._show_state(None, {})

    def log(self, message: str, kind: types.MessageType) -> None:
        """Write a line into the editor's output channel for this server."""
        self.window_log_message(types.LogMessageParams(type=kind, message=message))

    def say(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        """Show a message that needs no answer, unless the person does not want to be disturbed."""
        if not self.options.quiet:
            self.window_show_message(types.ShowMessageParams(type=kind, message=message))

    async def ask(self, message: str, choices: list[str]) -> str | None:
        """The choice of the person; ``None`` where it was dismissed or this client cannot ask.

        A client that says it can ask and then refuses is not asked again: :attr:`client` is corrected.
        """
        if not self.client.show_message_request:
            return None
        params = types.ShowMessageRequestParams(
            type=types.MessageType.Info,
            message=message,
            actions=[types.MessageActionItem(title=each) for each in choices],
        )
        try:
            async with asyncio.timeout(ASK_S):
                answer = await self.window_show_message_request_async(params)
        except TimeoutError:
            return None
        except JsonRpcException as refusal:
            logger.warning("the client cannot ask after all: %s", refusal.message)
            self.client = replace(self.client, show_message_request=False)
            return None
        return answer.title if answer is not None and answer.title in choices else None

    # --- the session

    async def _on_news(self, news: News) -> None:
        marks = await self.session.compute(_marks, news)
        self._show_state(news, marks)

    def _show_state(self, news: News | None, marks: Marks) -> None:
        self.revision += 1
        self.tracker.set_session(self.session.root, news.now if news else None, marks)
        self.refresher.session_changed(everything=news is None or news.before is None or _marks_differ(news))
        if news is not None:
            self.arrivals.on_news(news)

    def _on_absent(self, problem: ColearnerError) -> None:
        on_absent(self, problem)


def _marks(news: News) -> Marks:
    return marks_of(news.now.session, news.now.me, news.now.role)


def _marks_differ(news: News) -> bool:
    """Whether the views of documents can differ; the state of sync stands in none of them."""
    return news.before is None or news.before.session is not news.now.session


@asynccontextmanager
async def lifespan(server: BaseServer) -> AsyncIterator[None]:
    """What runs beside the connection: the session, once the client said ``initialized``."""
    assert isinstance(server, ColearnerServer)
    server.start()
    try:
        yield
    finally:
        await server.stop()
