"""Both servers: ours, and stock pygls, on which each regression test must fail (or the fix is not needed any more)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pygls.lsp.server import LanguageServer

from colearner_ls.lsp.base.server import BaseServer

STOCK_HAS_THE_FAULT = pytest.mark.xfail(strict=True, reason="a fault of stock pygls 2.1.1 that our base mends")


def _ours() -> BaseServer:
    return BaseServer("test", "0")


def _stock() -> LanguageServer:
    return LanguageServer("test", "0")


@pytest.fixture(params=[pytest.param(_ours, id="ours"), pytest.param(_stock, id="stock", marks=STOCK_HAS_THE_FAULT)])
def make_server(request: pytest.FixtureRequest) -> Callable[[], LanguageServer]:
    """Makes the server under test."""
    return request.param
