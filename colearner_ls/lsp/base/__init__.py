"""Our own base over pygls 2.1: the event loop, the wire, the documents and the dispatch, with known faults mended.

Every fault that is mended here has a regression test in ``tests/lsp/base``. The base leans on private names of
pygls, which is why the dependency is pinned below 2.2.
"""
