"""Faults 2 to 6 of pygls, the nested ``jsonrpc`` key, and what a malformed message is answered with."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from lsprotocol import types
from pydantic import BaseModel, ConfigDict
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from colearner_ls.lsp.base.errors import RequestFailed
from colearner_ls.lsp.base.server import BaseServer
from tests.lsp.base.raw import RawPeer, settle

Make = Callable[[], LanguageServer]
DOCUMENT = {"uri": "file:///a.py", "languageId": "python", "version": 1, "text": "one\n"}


def add_command(server: LanguageServer, name: str, handler: Any) -> None:
    if isinstance(server, BaseServer):
        server.add_command(name, handler)
    else:
        server.command(name)(handler)


async def test_futures_of_notifications_are_let_go(make_server: Make) -> None:
    """(2) 200 changes with an async handler leave nothing behind."""
    server = make_server()

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    async def changed(params: types.DidChangeTextDocumentParams) -> None:
        await asyncio.sleep(0)

    peer = RawPeer(server)
    await peer.initialize()
    peer.notify(types.TEXT_DOCUMENT_DID_OPEN, {"textDocument": DOCUMENT})
    for version in range(2, 202):
        change = {"textDocument": {"uri": "file:///a.py", "version": version}, "contentChanges": [{"text": "x"}]}
        peer.notify(types.TEXT_DOCUMENT_DID_CHANGE, change)
    await settle()
    assert server.protocol._request_futures == {}


async def test_futures_of_commands_are_let_go(make_server: Make) -> None:
    """(2) The same for async commands."""
    server = make_server()

    async def work(argument: Any) -> str:
        await asyncio.sleep(0)
        return "done"

    add_command(server, "work", work)
    peer = RawPeer(server)
    await peer.initialize()
    for number in range(20):
        reply = await peer.request("workspace/executeCommand", {"command": "work", "arguments": [{}]}, number=number)
        assert reply["result"] == "done"
    assert server.protocol._request_futures == {}


async def test_params_that_cannot_be_read_are_answered(make_server: Make) -> None:
    """(3) A request whose params are wrong gets -32602, naming the field."""
    server = make_server()

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> None: ...

    peer = RawPeer(server)
    await peer.initialize()
    reply = await peer.request("textDocument/hover", {"position": {"line": 0, "character": 0}}, timeout=0.5)
    assert reply["error"]["code"] == -32602
    assert "textDocument" in reply["error"]["message"] or "text_document" in reply["error"]["message"]


async def test_a_cancel_reaches_an_async_command(make_server: Make) -> None:
    """(4) ``$/cancelRequest`` ends the command's coroutine, not only its reply."""
    server = make_server()
    started, ended = asyncio.Event(), asyncio.Event()

    async def work(argument: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    add_command(server, "work", work)
    peer = RawPeer(server)
    await peer.initialize()
    peer.send({"id": 7, "method": "workspace/executeCommand", "params": {"command": "work", "arguments": [{}]}})
    await started.wait()
    peer.notify("$/cancelRequest", {"id": 7})
    reply = await peer.reply(7)
    assert reply["error"]["code"] == -32800
    await asyncio.wait_for(ended.wait(), 0.5)


async def test_shutdown_while_commands_run(make_server: Make) -> None:
    """(5) ``shutdown`` is answered with null and cancels what is in flight."""
    server = make_server()
    started = asyncio.Event()

    async def work(argument: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    add_command(server, "work", work)
    peer = RawPeer(server)
    await peer.initialize()
    for number in (11, 12, 13):
        params = {"command": "work", "arguments": [{}]}
        peer.send({"id": number, "method": "workspace/executeCommand", "params": params})
    await started.wait()
    reply = await peer.request("shutdown", number=20)
    assert reply.get("error") is None
    assert reply["result"] is None
    for number in (11, 12, 13):
        assert (await peer.reply(number))["error"]["code"] == -32800


async def test_a_late_reply_to_a_cancelled_request_is_dropped(make_server: Make) -> None:
    """(6) No error, no message to the person."""
    server = make_server()
    peer = RawPeer(server)
    await peer.initialize()
    asking = asyncio.ensure_future(
        server.workspace_configuration_async(types.ConfigurationParams(items=[types.ConfigurationItem(section="x")]))
    )
    request = await peer.until(lambda m: m.get("method") == "workspace/configuration")
    asking.cancel()
    await settle()
    peer.send({"id": request["id"], "result": [{}]})
    await settle()
    assert [m for m in peer.received if m.get("method") == "window/showMessage"] == []
    assert server.protocol._request_futures == {}


async def test_a_nested_object_with_a_key_jsonrpc(make_server: Make) -> None:
    """Only the outermost object of a message is a message."""
    server = make_server()
    seen: list[Any] = []

    async def work(argument: Any) -> None:
        seen.append(argument)

    add_command(server, "work", work)
    peer = RawPeer(server)
    await peer.initialize()
    argument = {"inner": {"jsonrpc": "2.0", "id": 4, "method": "x"}, "type_name": "kept"}
    await peer.request("workspace/executeCommand", {"command": "work", "arguments": [argument]}, timeout=0.5)
    assert seen == [argument]


async def test_a_reply_that_cannot_be_serialised_is_still_a_reply(make_server: Make) -> None:
    """A fault of ours in a result answers -32603 instead of nothing."""
    server = make_server()

    @server.feature("x/broken")
    async def broken(params: Any) -> Any:
        return {"value": {1, 2}}

    peer = RawPeer(server)
    await peer.initialize()
    reply = await peer.request("x/broken", {}, timeout=0.5)
    assert reply["error"]["code"] == -32603


async def test_an_unexpected_error_carries_no_traceback(make_server: Make) -> None:
    """Paths of our source do not travel to the client."""
    server = make_server()

    @server.feature("x/fails")
    async def fails(params: Any) -> None:
        raise KeyError("/secret/path")

    peer = RawPeer(server)
    await peer.initialize()
    reply = await peer.request("x/fails", {})
    assert reply["error"]["code"] == -32603
    assert "traceback" not in str(reply)
    assert ".py" not in str(reply)
    assert "secret" not in str(reply)


async def test_before_initialize_and_after_shutdown(make_server: Make) -> None:
    """Requests at the wrong time are refused, as LSP wants it, not left unanswered."""
    server = make_server()

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    async def hover(params: types.HoverParams) -> None: ...

    peer = RawPeer(server)
    params = {"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}}
    assert (await peer.request("textDocument/hover", params, timeout=0.5))["error"]["code"] == -32002
    await peer.initialize()
    again = {"processId": None, "rootUri": None, "capabilities": {}}
    assert (await peer.request("initialize", again, number=2, timeout=0.5))["error"]["code"] == -32600
    await peer.request("shutdown", number=3)
    assert (await peer.request("textDocument/hover", params, number=4, timeout=0.5))["error"]["code"] == -32600


async def test_an_inner_handler_that_is_cancelled_ends_its_notification(make_server: Make) -> None:
    """``shutdown`` cancels an async ``didOpen`` handler: nothing is left waiting for it, and nothing is printed."""
    server = make_server()
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    async def opened(params: types.DidOpenTextDocumentParams) -> None:
        await asyncio.Event().wait()

    peer = RawPeer(server)
    await peer.initialize()
    peer.notify(types.TEXT_DOCUMENT_DID_OPEN, {"textDocument": DOCUMENT})
    await settle()
    reply = await peer.request("shutdown", number=2)
    await settle()
    gc.collect()
    assert "error" not in reply
    assert complaints == []
    assert server.protocol._request_futures == {}


# --- ours alone: what stock pygls has no notion of


@pytest.fixture
def server() -> BaseServer:
    return BaseServer("test", "0")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"x"' + b',"params":' + b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b"null", -32600),
        (b'{"id":1,"method":"shutdown"}', -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"shutdown"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"no/such"}', -32601),
        (b'{"jsonrpc":"2.0","id":1,"method":"workspace/executeCommand","params":{"command":"nope"}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"workspace/executeCommand","params":[]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"textDocument/didOpen","params":7}', -32602),
    ],
)
async def test_malformed_messages_are_answered_and_survived(server: BaseServer, body: bytes, code: int) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    peer.send_bytes(body)
    reply = await peer.until(lambda m: "error" in m)
    assert reply["error"]["code"] == code
    assert "id" in reply
    assert (await peer.request("shutdown", number=99))["result"] is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":"never-asked","result":1}',
        b'{"jsonrpc":"2.0","id":"never-asked","error":{"code":1,"message":"x"}}',
        b'{"jsonrpc":"2.0","id":"never-asked","error":7}',
        b'{"jsonrpc":"2.0","method":"$/unknown","params":{}}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":12345}}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":[1]}}',
        b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":{}}}',
        (
            b'{"jsonrpc":"2.0","method":"textDocument/didChange","params":'
            b'{"textDocument":{"uri":"u","version":1},"contentChanges":[{"text":"x"}]}}'
        ),
    ],
)
async def test_what_needs_no_answer_gets_none(server: BaseServer, body: bytes) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    peer.send_bytes(body)
    await settle()
    assert peer.received == []
    assert (await peer.request("shutdown", number=99))["result"] is None


@pytest.mark.parametrize("number", ["null", "1.5", "true", "[]", "{}"])
async def test_a_request_under_an_id_that_is_none(server: BaseServer, number: str) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    peer.send_bytes(b'{"jsonrpc":"2.0","id":%s,"method":"textDocument/hover","params":{}}' % number.encode())
    reply = await peer.until(lambda m: "error" in m)
    assert (reply["id"], reply["error"]["code"]) == (None, -32600)
    assert (await peer.request("shutdown", number=99))["result"] is None


@pytest.mark.parametrize("body", [{"result": "x"}, {"error": {"code": 1, "message": "x"}}, {"error": 7}])
async def test_a_reply_under_the_id_of_the_clients_own_request(server: BaseServer, body: dict[str, Any]) -> None:
    release = asyncio.Event()

    async def hover(params: types.HoverParams) -> types.Hover:
        await release.wait()
        return types.Hover(contents="here")

    server.feature(types.TEXT_DOCUMENT_HOVER)(hover)
    peer = RawPeer(server)
    await peer.initialize()
    place = {"textDocument": {"uri": "file:///a"}, "position": {"line": 0, "character": 0}}
    peer.send({"id": 7, "method": "textDocument/hover", "params": place})
    peer.send({"id": 7, **body})
    release.set()
    reply = await peer.until(lambda m: m.get("id") == 7)
    assert reply["result"] == {"contents": "here"}


async def test_a_reply_of_the_wrong_shape_ends_the_wait(server: BaseServer) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    params = types.ShowDocumentParams(uri="file:///a")
    asking = asyncio.ensure_future(server.window_show_document_async(params))
    request = await peer.until(lambda m: m.get("method") == "window/showDocument")
    peer.send({"id": request["id"], "result": 7, "error": None})
    with pytest.raises(JsonRpcException, match="Invalid Params"):
        await asyncio.wait_for(asking, 1)


async def test_giving_up_a_request_tells_the_client(server: BaseServer) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    asking = asyncio.ensure_future(server.window_show_document_async(types.ShowDocumentParams(uri="file:///a")))
    request = await peer.until(lambda m: m.get("method") == "window/showDocument")
    asking.cancel()
    cancel = await peer.until(lambda m: m.get("method") == "$/cancelRequest")
    assert cancel["params"] == {"id": request["id"]}


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")
    exercise_id: str
    count: int = 1


class Answer(BaseModel):
    said: str
    nothing: str | None = None


async def test_a_command_with_a_model(server: BaseServer) -> None:
    async def work(params: Arguments) -> list[Answer]:
        return [Answer(said=params.exercise_id * params.count)]

    server.add_command("work", work, Arguments.model_validate)
    peer = RawPeer(server)
    await peer.initialize()

    async def run(arguments: Any) -> dict[str, Any]:
        return await peer.request("workspace/executeCommand", {"command": "work", "arguments": arguments})

    assert (await run([{"exercise_id": "ab", "count": 2}]))["result"] == [{"said": "abab"}]
    for wrong, said in [
        ([{"count": 2}], "exercise_id: Field required"),
        ([{"exercise_id": "a", "more": 1}], "more: Extra inputs are not permitted"),
        ([{}, {}], "takes one object"),
        (["text"], "takes an object, not str"),
        (None, "exercise_id: Field required"),
        ([], "exercise_id: Field required"),
        ([None], "exercise_id: Field required"),
    ]:
        reply = await run(wrong)
        assert reply["error"]["code"] == -32602
        assert said in reply["error"]["message"]


async def test_custom_methods_have_typed_params(server: BaseServer) -> None:
    @server.feature("colearner/thing")
    async def thing(params: Arguments) -> Answer:
        return Answer(said=type(params).__name__ + params.exercise_id)

    server.protocol.params_of["colearner/thing"] = Arguments.model_validate
    peer = RawPeer(server)
    await peer.initialize()
    assert (await peer.request("colearner/thing", {"exercise_id": "x"}))["result"] == {"said": "Argumentsx"}
    wrong = await peer.request("colearner/thing", None)
    assert wrong["error"]["code"] == -32602
    assert "exercise_id" in wrong["error"]["message"]


async def test_a_notification_carries_a_model(server: BaseServer) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    server.protocol.notify("colearner/news", Answer(said="hello"))
    assert peer.received == [{"jsonrpc": "2.0", "method": "colearner/news", "params": {"said": "hello"}}]


async def test_expected_failures_keep_their_words(server: BaseServer) -> None:
    class BadInputError(Exception):
        message = "line 9 is past the end of a.py"
        hint = "it has 3 lines"

    @server.feature("x/typed")
    async def typed(params: Any) -> None:
        raise BadInputError

    @server.feature("x/plain")
    async def plain(params: Any) -> None:
        raise RequestFailed(message="preview needed", data={"code": "preview_required"})

    peer = RawPeer(server)
    await peer.initialize()
    error = (await peer.request("x/typed", {}))["error"]
    assert error["code"] == -32803
    assert error["message"] == "line 9 is past the end of a.py. it has 3 lines"
    assert error["data"] == {"code": "bad_input_error", "hint": "it has 3 lines"}
    assert (await peer.request("x/plain", {}))["error"]["data"] == {"code": "preview_required"}


async def test_faults_are_shown_at_most_once_a_minute(server: BaseServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: Any) -> None:
        raise KeyError("x")

    peer = RawPeer(server)
    await peer.initialize()
    for _ in range(5):
        peer.notify(types.TEXT_DOCUMENT_DID_SAVE, {"textDocument": {"uri": "file:///a.py"}})
    await settle()
    assert [m["method"] for m in peer.received] == ["window/showMessage"]


async def test_extra_capabilities_and_the_position_encoding() -> None:
    class Extended(BaseServer):
        def extend_capabilities(self, capabilities: types.ServerCapabilities) -> None:
            capabilities.experimental = {"colearner": True}

    server = Extended("test", "0")
    peer = RawPeer(server)
    capabilities = {"general": {"positionEncodings": ["utf-8", "utf-16"]}}
    result = await peer.initialize(capabilities=capabilities)
    assert result["capabilities"]["experimental"] == {"colearner": True}
    assert result["capabilities"]["positionEncoding"] == "utf-8"
    assert server.documents.encoding == "utf-8"


async def test_a_root_that_is_no_uri(server: BaseServer) -> None:
    peer = RawPeer(server)
    params = {"processId": None, "rootUri": "http://[x", "capabilities": {}}
    assert (await peer.request("initialize", params))["error"]["code"] == -32602
    assert (await peer.initialize())["capabilities"]


async def test_exit_decides_the_code(server: BaseServer) -> None:
    peer = RawPeer(server)
    await peer.initialize()
    await peer.request("shutdown", number=2)
    peer.notify("exit")
    assert server.exit_code == 0
    other = BaseServer("test", "0")
    RawPeer(other).notify("exit")
    assert other.exit_code == 1


async def test_system_exit_in_a_handler_ends_the_server_not_the_loop(server: BaseServer) -> None:
    @server.feature(types.TEXT_DOCUMENT_DID_SAVE)
    async def saved(params: Any) -> None:
        raise SystemExit(3)

    peer = RawPeer(server)
    await peer.initialize()
    peer.notify(types.TEXT_DOCUMENT_DID_SAVE, {"textDocument": {"uri": "file:///a.py"}})
    assert await asyncio.wait_for(server.wait_stopped(), 1) == 3
