"""The server of the house: pygls underneath, the workspace behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from lsprotocol import types

from colearner_ls import __version__
from colearner_ls.lsp.base.server import BaseServer
from colearner_ls.lsp.capabilities import Client, resolve


class ColearnerServer(BaseServer):
    """One editor's server."""

    def __init__(self) -> None:
        super().__init__("colearner-ls", __version__)
        self.client = Client()

    def before_initialize(self, params: types.InitializeParams) -> None:
        """Resolve what the client can do."""
        self.client = resolve(params)


@asynccontextmanager
async def lifespan(server: BaseServer) -> AsyncIterator[None]:
    """What runs beside the connection."""
    yield
