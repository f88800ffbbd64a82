"""How an exception becomes a JSON-RPC error: words a person can act on, and no traceback or path of ours in it."""

from __future__ import annotations

import logging
from typing import Any, Final

from cattrs import transform_error
from lsprotocol.types import LSPErrorCodes, ResponseError
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

logger = logging.getLogger(__name__)

REQUEST_FAILED: Final = LSPErrorCodes.RequestFailed.value
"""-32803: the request was understood and did not succeed, for a reason that is no fault of the server (LSP 3.17)."""

INTERNAL_MESSAGE: Final = "colearner-ls hit a fault of its own; the log has the details"


class RequestFailed(JsonRpcException):
    """An expected failure; ``data`` holds ``code``, ``hint`` and what else the client needs to go on."""

    CODE = REQUEST_FAILED
    MESSAGE = "Request failed"


class InvalidRequest(JsonRpcException):
    """The message is not a JSON-RPC request, or comes at a time when it may not."""

    CODE = -32600
    MESSAGE = "Invalid Request"


def invalid_params(problem: Exception) -> JsonRpcInvalidParams:
    """-32602 saying which field is wrong and how."""
    return JsonRpcInvalidParams(message="Invalid Params: " + "; ".join(_reasons(problem)[:5]))


def _reasons(problem: Exception) -> list[str]:
    errors = getattr(problem, "errors", None)
    if callable(errors):  # pydantic.ValidationError, which must not be imported for this
        return [_pydantic_reason(error) for error in errors(include_url=False, include_input=False)]
    if isinstance(problem, ExceptionGroup):
        return [str(line) for line in transform_error(problem)] or [str(problem)]
    return [str(problem) or type(problem).__name__]


def _pydantic_reason(error: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in error.get("loc", ())) or "arguments"
    return f"{place}: {error.get('msg', 'not valid')}"


def response_error(problem: BaseException) -> ResponseError:
    """The error to answer with.

    A ``JsonRpcException`` says it itself. An exception that has ``message`` and ``hint`` (the errors of all our
    rooms) is an expected failure. Anything else is a fault of ours: logged here, with its traceback.
    """
    if isinstance(problem, JsonRpcException):
        return problem.to_response_error()
    message, hint = getattr(problem, "message", None), getattr(problem, "hint", None)
    if isinstance(message, str) and isinstance(hint, str):
        data: dict[str, Any] = {"code": _code_of(problem), "hint": hint}
        return ResponseError(code=REQUEST_FAILED, message=_two_sentences(message, hint), data=data)
    logger.error("a handler failed", exc_info=problem)
    return ResponseError(code=-32603, message=INTERNAL_MESSAGE, data={"kind": type(problem).__name__})


def _two_sentences(message: str, hint: str) -> str:
    """What is wrong and what to do, on one line; most messages end with a stop of their own."""
    if not hint:
        return message
    return f"{message} {hint}" if message.endswith((".", "!", "?", "…")) else f"{message}. {hint}"


def _code_of(problem: BaseException) -> str:
    """``BadInput`` → ``bad_input``: the stable name that a client may switch on."""
    name = type(problem).__name__
    return "".join(("_" if index and char.isupper() else "") + char.lower() for index, char in enumerate(name))
