"""The test client itself: it must not let anything pass."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from lsprotocol import types

from colearner_ls.lsp.base.server import BaseServer
from tests.lsp.in_process import initialize_params, session


@asynccontextmanager
async def lifespan(server: BaseServer) -> AsyncIterator[None]:
    yield


def make() -> BaseServer:
    return BaseServer("test", "0")


@pytest.mark.parametrize("client", ["vscode", "neovim-0.11", "neovim-0.12", "minimal"])
async def test_a_quiet_session(client: str) -> None:
    before = time.perf_counter()
    async with session(make(), lifespan, initialize_params(client)):
        pass
    assert time.perf_counter() - before < 2


async def test_a_message_nobody_looked_at_fails() -> None:
    server = make()
    with pytest.raises(AssertionError, match="did not look at"):
        async with session(server, lifespan, initialize_params("minimal")):
            server.protocol.notify("colearner/stateChanged", {"revision": 1})


async def test_an_unexpected_request_fails() -> None:
    server = make()
    with pytest.raises(AssertionError, match="unexpected request"):  # noqa: PT012  # the session's end raises
        async with session(server, lifespan, initialize_params("vscode")) as client:
            server.workspace_inlay_hint_refresh(None)
            await client.until(lambda: client.problems)


async def test_what_the_client_did_not_declare_fails() -> None:
    server = make()
    with pytest.raises(AssertionError, match="did not declare"):  # noqa: PT012  # the session's end raises
        async with session(server, lifespan, initialize_params("minimal")) as client:
            client.on(types.WORKSPACE_CONFIGURATION, lambda _: [None])
            server.workspace_configuration(types.ConfigurationParams(items=[]))
            await client.until(lambda: client.requests)


async def test_messages_are_consumed_in_order() -> None:
    server = make()
    async with session(server, lifespan, initialize_params("minimal")) as client:
        for revision in (1, 2, 3):
            server.protocol.notify("colearner/stateChanged", {"revision": revision})
        assert await client.next("colearner/stateChanged") == {"revision": 1}
        assert await client.next("colearner/stateChanged", lambda p: p["revision"] == 3) == {"revision": 3}
        with pytest.raises(TimeoutError):
            await client.next("colearner/stateChanged", timeout=0.01)
