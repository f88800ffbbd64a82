"""A client in the server's own process: two pygls protocols joined by memory, tens of milliseconds a session.

Every message the server sends has to be looked at: :meth:`Client.close` fails on what a test neither consumed with
:meth:`Client.next` nor expected with :meth:`Client.on` or :meth:`Client.allow`, and on a request that the client's
capabilities do not allow.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Union

from cattrs import Converter
from lsprotocol import types
from lsprotocol.converters import get_converter
from pytest_lsp import LanguageClient
from pytest_lsp.protocol import LanguageClientProtocol

from colearner_ls.lsp.base.converter import make_converter
from colearner_ls.lsp.base.server import BaseServer
from colearner_ls.lsp.capabilities import Client as Able
from colearner_ls.lsp.capabilities import resolve

CLIENTS = Path(__file__).parent / "clients"
DEADLINE_S = 5.0

NEEDS = {
    types.WORKSPACE_INLAY_HINT_REFRESH: "inlay_hint_refresh",
    types.WORKSPACE_CODE_LENS_REFRESH: "code_lens_refresh",
    types.WORKSPACE_DIAGNOSTIC_REFRESH: "diagnostic_refresh",
    types.WORKSPACE_CONFIGURATION: "configuration",
    types.WORKSPACE_APPLY_EDIT: "apply_edit",
    types.WINDOW_SHOW_MESSAGE_REQUEST: "show_message_request",
    types.WINDOW_SHOW_DOCUMENT: "show_document",
    types.WINDOW_WORK_DONE_PROGRESS_CREATE: "work_done_progress",
    types.CLIENT_REGISTER_CAPABILITY: "configuration_dynamic",
}
"""Request of the server → the ability it needs; one that is not listed is never expected."""

Handler = Callable[[Any], Any]


def initialize_params(client: str, **more: Any) -> types.InitializeParams:
    """``InitializeParams`` of a recorded client, e.g. ``neovim-0.12``; camelCase ``more`` is added."""
    recorded = json.loads((CLIENTS / f"{client}.json").read_text())
    params = {"processId": None, "rootUri": None, **recorded, **more}
    return get_converter().structure(params, types.InitializeParams)


def _client_converter() -> Converter:
    """As the server's; lsprotocol takes a code action without edit and diagnostics for a command."""
    converter = make_converter()

    def command_or_action(value: Any, _: Any) -> types.Command | types.CodeAction:
        cls = types.Command if isinstance(value.get("command"), str) else types.CodeAction
        return converter.structure(value, cls)

    converter.register_structure_hook(Union[types.Command, types.CodeAction], command_or_action)  # noqa: UP007  # a key
    return converter


class _ClientProtocol(LanguageClientProtocol):
    """Keeps every message for the test instead of looking for a registered feature."""

    client: Client

    def handle(self, body: bytes) -> None:
        message = self.structure_message(json.loads(body))
        self.handle_message(message)

    def _handle_response(self, msg_id: Any, result: Any = None, error: Any = None) -> None:
        if (future := self._request_futures.get(msg_id)) is None or future.done():
            return  # the test gave up on it
        super()._handle_response(msg_id, result, error)

    def _handle_notification(self, method_name: str, params: Any) -> None:
        self.client.got(method_name, params)

    def _handle_request(self, msg_id: Any, method_name: str, params: Any) -> None:
        if not getattr(self.client.able, NEEDS.get(method_name, "unknown"), False):
            self.client.problems.append(f"a request that the client did not declare: {method_name}")
        handler = self.client.handlers.get(method_name)
        if handler is None:
            self.client.problems.append(f"an unexpected request: {method_name} {params}")
            error = types.ResponseError(code=-32601, message=f"Method Not Found: {method_name}")
            self._send_response(msg_id, error=error)
            return
        self.client.requests.append((method_name, params))
        self.client.keep(asyncio.ensure_future(self._answer(msg_id, handler, params)))

    async def _answer(self, msg_id: Any, handler: Handler, params: Any) -> None:
        try:
            result = handler(params)
            answer = await result if asyncio.iscoroutine(result) else result
        except ValueError as refusal:  # how a test's handler refuses
            self._send_response(msg_id, error=types.ResponseError(code=-32803, message=str(refusal)))
        else:
            self._send_response(msg_id, result=answer)


class _ToServer:
    def __init__(self, server: BaseServer) -> None:
        self._server = server
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        self._loop.call_soon(self._server.protocol.handle_body, data)

    def close(self) -> None: ...


class _ToClient:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        self._loop.call_soon(self._client.take, data)

    def close(self) -> None: ...


class Client:
    """One editor. ``requests`` holds what the server asked; ``messages`` the notifications not consumed yet."""

    def __init__(self, server: BaseServer) -> None:
        self.server = server
        self.messages: list[tuple[str, Any]] = []
        self.requests: list[tuple[str, Any]] = []
        self.problems: list[str] = []
        self.handlers: dict[str, Handler] = {}
        self.able = Able()
        self._allowed: set[str] = set()
        self._tasks: set[asyncio.Future[None]] = set()
        self._news = asyncio.Event()
        self._language_client = LanguageClient(protocol_cls=_ClientProtocol, converter_factory=_client_converter)
        self._protocol: _ClientProtocol = self._language_client.protocol
        self._protocol.client = self
        self._protocol.set_writer(_ToServer(server), include_headers=False)
        server.protocol.set_writer(_ToClient(self), include_headers=False)

    def take(self, body: bytes) -> None:
        """One body from the server."""
        try:
            self._protocol.handle(body)
        except Exception as problem:  # noqa: BLE001  # any failure here is the test's to report
            self.problems.append(f"{type(problem).__name__}: {problem} in {body[:300]!r}")
        self._news.set()

    def keep(self, task: asyncio.Future[None]) -> None:
        """Hold a task until it is done; the loop itself only holds it weakly."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def got(self, method: str, params: Any) -> None:
        """A notification arrived."""
        if method in self.handlers:
            self.handlers[method](params)
        elif method not in self._allowed:
            self.messages.append((method, params))

    # --- what a test says and asks

    def on(self, method: str, handler: Handler) -> None:
        """Answer a request, or take a notification, with ``handler(params)``."""
        self.handlers[method] = handler

    def allow(self, *methods: str) -> None:
        """These notifications may come at any time and are dropped."""
        self._allowed.update(methods)
        self.messages = [message for message in self.messages if message[0] not in self._allowed]

    async def initialize(self, params: types.InitializeParams) -> types.InitializeResult:
        """``initialize`` and ``initialized``."""
        self.able = resolve(params)
        self._language_client.capabilities = params.capabilities
        result = await self.request(types.INITIALIZE, params)
        self.notify(types.INITIALIZED, types.InitializedParams())
        return result

    async def request(self, method: str, params: Any = None, *, timeout: float = DEADLINE_S) -> Any:
        """The result of a request; raises ``JsonRpcException`` for an error. Cancels it after ``timeout`` seconds."""
        number = str(uuid.uuid4())
        try:
            async with asyncio.timeout(timeout):
                return await self._protocol.send_request_async(method, params, number)
        except TimeoutError:
            self.notify(types.CANCEL_REQUEST, types.CancelParams(number))
            raise

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self._protocol.notify(method, params)

    async def next(
        self, method: str, where: Callable[[Any], bool] = lambda _: True, *, timeout: float = DEADLINE_S
    ) -> Any:
        """The params of the next such notification, past ones included; earlier ones of the method that do not
        match are dropped, so that a test may wait for the state it is after."""
        async with asyncio.timeout(timeout):
            while True:
                for message in [message for message in self.messages if message[0] == method]:
                    self.messages.remove(message)
                    if where(message[1]):
                        return message[1]
                self._news.clear()
                await self._news.wait()

    async def until(self, condition: Callable[[], Any], *, timeout: float = DEADLINE_S) -> Any:
        """Wait until ``condition()`` is true, looking again whenever a message came and every 10 ms; its value."""
        async with asyncio.timeout(timeout):
            while not (value := condition()):
                self._news.clear()
                try:
                    await asyncio.wait_for(self._news.wait(), 0.01)
                except TimeoutError:
                    continue
            return value

    async def close(self) -> None:
        """``shutdown`` and ``exit``; fails on anything unexpected or not consumed."""
        await self.request(types.SHUTDOWN)
        self.notify(types.EXIT)
        await self.until(lambda: self.server.exit_code is not None)
        if self.server.exit_code != 0:
            raise AssertionError(f"exit code {self.server.exit_code}")
        if self.problems:
            raise AssertionError("\n".join(self.problems))
        if self.messages:
            raise AssertionError(f"messages that the test did not look at: {self.messages}")


@asynccontextmanager
async def session(
    server: BaseServer,
    lifespan: Callable[[BaseServer], AbstractAsyncContextManager[Any]],
    params: types.InitializeParams,
    prepare: Callable[[Client], None] = lambda _: None,
) -> AsyncIterator[Client]:
    """A whole session from ``initialize`` to ``exit`` around the body."""
    async with lifespan(server):
        client = Client(server)
        prepare(client)
        await client.initialize(params)
        yield client
        await client.close()
