"""pygls' protocol with its known faults mended.

The numbers are those of the list in this package's docstring: (2) futures that are never let go, (3) requests that are
never answered, (4) commands that a cancel does not reach, (5) a ``shutdown`` that fails while commands run, (6) late
replies to requests that were given up, and nested objects that hold a key ``jsonrpc``.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from lsprotocol import types
from pygls.exceptions import (
    FeatureNotificationError,
    JsonRpcException,
    JsonRpcInvalidParams,
    JsonRpcMethodNotFound,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.protocol import (
    JsonRPCNotification,
    JsonRPCRequestMessage,
    JsonRPCResponseMessage,
    LanguageServerProtocol,
    lsp_method,
)

from colearner_ls.lsp.base.columns import encoding_of
from colearner_ls.lsp.base.documents import DocumentStore, is_uri
from colearner_ls.lsp.base.errors import InvalidRequest, invalid_params, response_error
from colearner_ls.lsp.base.frames import encode

if TYPE_CHECKING:
    from cattrs import Converter

    from colearner_ls.lsp.base.server import BaseServer

logger = logging.getLogger(__name__)

ALWAYS_ALLOWED: Final = frozenset({types.INITIALIZE, types.EXIT, types.CANCEL_REQUEST, types.SET_TRACE})

MsgId = str | int


class Protocol(LanguageServerProtocol):
    """The server's side of one connection. All methods are called on the event loop's thread."""

    _server: BaseServer

    def __init__(self, server: BaseServer, converter: Converter) -> None:
        super().__init__(server, converter)
        self.params_of: dict[str, Callable[[Any], Any]] = {}
        """Custom method → what makes its typed params out of the received JSON."""
        self._initialized = False
        self._asked: set[MsgId] = set()
        """Ids of our own requests under way. pygls keeps their futures and those of the client's requests in one table, where
        a stray reply would otherwise meet the future of a handler."""

    @property
    def is_shutting_down(self) -> bool:
        """Whether ``shutdown`` was received."""
        return self._shutdown

    # --- what comes in

    def handle_body(self, body: bytes) -> None:
        """Take one message, as bytes. Never raises: what cannot be understood is answered where it can be."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError) as problem:
            logger.warning("a message that is not JSON was received (%d bytes): %s", len(body), problem)
            self._send_response_error(None, JsonRpcParseError(message=f"Parse Error: {problem}"))
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            self._refuse(message, InvalidRequest(message='Invalid Request: expected an object with "jsonrpc": "2.0"'))
            return
        if not _is_id(message.get("id", 0)):
            # Nothing can be answered under it, and one that cannot be hashed must not get near the tables of futures.
            self._refuse(
                {**message, "id": None}, InvalidRequest(message="Invalid Request: an id is a text or a whole number")
            )
            return
        refusal = self._untimely(message)
        if refusal is not None:
            self._refuse(message, refusal)
            return
        if self._shutdown and "method" not in message:
            return  # a reply that crossed `shutdown`, which gave up what it answers; pygls would warn about it
        structured = self._structured(message)
        if structured is not None:
            self.handle_message(structured)

    def _untimely(self, message: Mapping[str, Any]) -> JsonRpcException | None:
        """Why this message may not come now, if so (LSP 3.17, *initialize* and *shutdown*)."""
        method = message.get("method")
        if not isinstance(method, str):
            return None
        if self._shutdown and method != types.EXIT:
            return InvalidRequest(message=f"Invalid Request: the server is shutting down, {method} came too late")
        if not self._initialized and method not in ALWAYS_ALLOWED:
            return JsonRpcServerNotInitialized(message=f"{method} came before initialize")
        if self._initialized and method == types.INITIALIZE:
            return InvalidRequest(message="Invalid Request: initialize was already answered")
        return None

    def _refuse(self, message: object, problem: JsonRpcException) -> None:
        is_request = isinstance(message, dict) and "id" in message and "method" in message
        if is_request or not isinstance(message, dict):
            self._send_response_error(message.get("id") if isinstance(message, dict) else None, problem)
        else:
            logger.warning("a message was left out: %s", problem.message)

    def _structured(self, message: dict[str, Any]) -> Any | None:
        """The typed message; ``None`` when that failed and was dealt with."""
        try:
            return self.structure_message(message)
        except JsonRpcException as problem:
            if "method" in message:
                self._refuse(message, problem)
                return None
            # A reply of the client's: whoever waits for it must not wait for ever.
            number = message.get("id", "")
            future = self._request_futures.pop(number, None) if number in self._asked else None
            if future is not None and not future.done():
                future.set_exception(problem)
            return None

    def structure_message(self, data: dict[str, Any]) -> Any:
        """Make one typed message; only the outermost object is looked at. Raises ``JsonRpcInvalidParams``."""
        try:
            return self._structure(data)
        except JsonRpcException:
            raise
        except Exception as problem:
            # cattrs raises whatever a constructor raised: all of it means that the client's message is wrong.
            what = f"the params of {data['method']!r}" if "method" in data else "a reply of the client's"
            logger.warning("%s could not be read: %s", what, type(problem).__name__)
            raise invalid_params(problem) from problem

    def _structure(self, data: dict[str, Any]) -> Any:
        method = data.get("method")
        if isinstance(method, str):
            return self._structure_call(method, data)
        if "id" not in data:
            raise InvalidRequest(message="Invalid Request: neither a method nor an id")
        if data.get("error") is not None:
            return self._converter.structure(data, types.ResponseErrorMessage)
        result_type = self._result_types.pop(data["id"], None)
        if result_type is not None:
            return self._converter.structure(data, result_type)
        return JsonRPCResponseMessage(id=data["id"], jsonrpc=self.VERSION, result=data.get("result"))

    def _structure_call(self, method: str, data: dict[str, Any]) -> Any:
        is_request = "id" in data
        known = self.get_message_type(method)
        if known is not None:
            return self._converter.structure(data, known)
        params = data.get("params")
        if (make := self.params_of.get(method)) is not None:
            params = make({} if params is None else params)
        if is_request:
            return JsonRPCRequestMessage(id=data["id"], method=method, jsonrpc=self.VERSION, params=params)
        return JsonRPCNotification(method=method, jsonrpc=self.VERSION, params=params)

    def _handle_response(self, msg_id: MsgId, result: Any = None, error: types.ResponseError | None = None) -> None:
        future = self._request_futures.get(msg_id)
        if msg_id not in self._asked or future is None or future.done():  # never asked, or given up in the meantime (6)
            logger.debug("a reply came for a request that nobody waits for: %s", msg_id)
            return
        super()._handle_response(msg_id, result, error)

    # --- handlers

    def _execute_handler(
        self,
        msg_id: MsgId,
        handler: Callable[..., Any],
        callback: Callable[[Any], None],
        args: tuple[Any, ...] | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> None:
        """Run a handler; its future is forgotten once it is done (2)."""

        def done(future: Any) -> None:
            self._request_futures.pop(msg_id, None)
            callback(future)

        run = partial(self._guarded, handler) if asyncio.iscoroutinefunction(handler) else handler
        try:
            super()._execute_handler(msg_id, run, done, args, kwargs)
        except SystemExit as ending:
            self._ends_the_process(ending)

    async def _guarded(self, handler: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A ``SystemExit`` inside a task would tear the event loop down around everybody else."""
        try:
            return await handler(*args, **kwargs)
        except SystemExit as ending:
            self._ends_the_process(ending)

    def _run_generator(self, future: Any, *, gen: Generator[Any, Any, Any], result_future: Future[Any]) -> None:
        """As in pygls, but an inner handler that was cancelled ends the outer one instead of leaving it open."""
        if future is not None and future.cancelled():
            gen.close()
            result_future.cancel()
            return
        super()._run_generator(future, gen=gen, result_future=result_future)

    def _send_handler_result(self, future: Any, *, msg_id: MsgId) -> None:
        """Answer a request. Differs from pygls in that an unexpected error does not carry our traceback."""
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._send_response_error(msg_id, JsonRpcRequestCancelled(f'Request with id "{msg_id}" is canceled'))
            return
        problem = future.exception()
        if problem is None:
            self._send_response(msg_id, result=future.result())
        elif not self._ends_the_process(problem):
            self._send_response(msg_id, error=response_error(problem))

    def _check_handler_result(self, future: Any) -> None:
        """See to the outcome of a notification's handler."""
        if future.cancelled() or (problem := future.exception()) is None or self._ends_the_process(problem):
            return
        answer = response_error(problem)
        self._server._report_server_error(
            JsonRpcException(message=answer.message, code=answer.code), FeatureNotificationError
        )

    def _ends_the_process(self, problem: BaseException) -> bool:
        if not isinstance(problem, SystemExit):
            return False
        self._server.request_stop(problem.code if isinstance(problem.code, int) else 1)
        return True

    def _handle_request(self, msg_id: MsgId, method_name: str, params: Any) -> None:
        try:
            handler = self._get_handler(method_name)
        except JsonRpcMethodNotFound as problem:
            self._send_response_error(msg_id, problem)
            return
        self._ctx_msg_id.set(msg_id)
        self._execute_handler(
            msg_id, handler, lambda future: self._send_handler_result(future, msg_id=msg_id), (params,)
        )

    def _handle_notification(self, method_name: str, params: Any) -> None:
        # Its parent logs the params of a notification that failed, and with them what a student typed.
        if method_name == types.CANCEL_REQUEST:
            if _is_id(params.id) and params.id not in self._asked:  # the client's own requests only
                self._handle_cancel_notification(params.id)
            return
        try:
            handler = self._get_handler(method_name)
        except JsonRpcMethodNotFound:
            logger.debug("a notification without a handler was left out: %s", method_name)
            return
        self._execute_handler(str(uuid.uuid4()), handler, self._check_handler_result, (params,))

    # --- what goes out

    def _send_response_error(self, msg_id: MsgId | None, problem: JsonRpcException) -> None:
        if msg_id is None:
            # lsprotocol leaves a null id out; JSON-RPC wants it there (§5, *Response object*).
            error = {"code": problem.code, "message": problem.message}
            self._send_data({"jsonrpc": self.VERSION, "id": None, "error": error})
            return
        self._send_response(msg_id, error=problem.to_response_error())

    def _send_response(
        self, msg_id: MsgId, result: Any | None = None, error: types.ResponseError | None = None
    ) -> None:
        if error is not None:
            self._send_data(types.ResponseErrorMessage(id=msg_id, error=error))
            return
        answer = JsonRPCResponseMessage(id=msg_id, jsonrpc=self.VERSION, result=result)
        if not self._send_data(answer):
            # Not serialisable: a fault of ours, but the client must still get its answer.
            self._send_data(types.ResponseErrorMessage(id=msg_id, error=response_error(TypeError("result"))))

    def _send_data(self, data: Any) -> bool:
        """Write one message; whether it could be turned into bytes. Contents are never logged."""
        if self.writer is None:
            return True
        try:
            body = json.dumps(data, default=self._serialize_message, separators=(",", ":")).encode()
        except (TypeError, ValueError, AttributeError, RecursionError):
            logger.exception("a message of type %s cannot be sent", type(data).__name__)
            return False
        if self._include_headers:
            body = encode(body)
        self.writer.write(body)
        return True

    def _serialize_message(self, data: Any) -> Any:
        return self._converter.unstructure(data)

    def send_request(
        self,
        method: str,
        params: Any | None = None,
        callback: Callable[[Any], None] | None = None,
        msg_id: MsgId | None = None,
    ) -> Future[Any]:
        """Ask the client. A future that is cancelled is forgotten, and the client is told (``$/cancelRequest``)."""
        request_id = msg_id or str(uuid.uuid4())
        self._asked.add(request_id)
        future = super().send_request(method, params, callback, request_id)

        def forget(ended: Future[Any]) -> None:
            self._asked.discard(request_id)
            if not ended.cancelled():
                return
            self._request_futures.pop(request_id, None)
            self._result_types.pop(request_id, None)
            if not self._shutdown:
                self.notify(types.CANCEL_REQUEST, types.CancelParams(id=request_id))

        future.add_done_callback(forget)
        return future

    # --- methods of LSP

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        """Negotiate; then put our own document store in the place of pygls' workspace."""
        if params.root_uri is not None and not is_uri(params.root_uri):
            raise JsonRpcInvalidParams(message=f"Invalid Params: rootUri: {params.root_uri[:80]!r} is no URI")
        self._server.before_initialize(params)
        result = yield from super().lsp_initialize(params)
        folders = list(params.workspace_folders or [])
        self._workspace = DocumentStore(
            self.workspace.root_uri, folders, encoding_of(result.capabilities.position_encoding)
        )
        self._initialized = True
        self._server.extend_capabilities(result.capabilities)
        return result

    @lsp_method(types.SHUTDOWN)
    def lsp_shutdown(self, *args: Any) -> Generator[Any, Any, None]:
        """Cancel what is in flight and take no more (5)."""
        if (user_handler := self.fm.features.get(types.SHUTDOWN)) is not None:
            yield user_handler, args, None
        current = self.msg_id
        self._shutdown = True
        for msg_id, future in list(self._request_futures.items()):
            if msg_id != current and not future.done():
                future.cancel()

    @lsp_method(types.EXIT)
    def lsp_exit(self, *args: Any) -> Generator[Any, Any, None]:
        """End the process: 0 after ``shutdown``, else 1 (LSP 3.17, *exit*)."""
        if (user_handler := self.fm.features.get(types.EXIT)) is not None:
            yield user_handler, args, None
        self._server.request_stop(0 if self._shutdown else 1)

    @lsp_method(types.WORKSPACE_EXECUTE_COMMAND)
    async def lsp_workspace__execute_command(  # type: ignore[override]  # pygls runs both kinds; being one is the fix
        self, params: types.ExecuteCommandParams
    ) -> Any:
        """Run a command inside this coroutine, so that a cancel of the request cancels the command (4)."""
        handler = self.fm.commands.get(params.command)
        if handler is None:
            known = ", ".join(sorted(self.fm.commands)) or "none"
            raise JsonRpcInvalidParams(message=f"There is no command {params.command!r} (there are: {known})")
        result = handler(_only_argument(params))
        return await result if asyncio.iscoroutine(result) else result


def _is_id(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _only_argument(params: types.ExecuteCommandParams) -> dict[str, Any]:
    """The one optional object that our commands take; ``{}`` where it is left out or null."""
    arguments = list(params.arguments or [])
    if len(arguments) > 1:
        raise JsonRpcInvalidParams(message=f"{params.command} takes one object, not {len(arguments)} arguments")
    value = arguments[0] if arguments else None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise JsonRpcInvalidParams(message=f"{params.command} takes an object, not {type(value).__name__}")
    return value
