"""Our own base over pygls 2.1: the event loop, the wire, the documents and the dispatch, with known faults mended.

What stock pygls 2.1.1 does, and this does not; each has a test in ``tests/lsp/base`` that stock pygls fails:

1. ``asyncio.run`` cancels all tasks at once when standard input closes, and a Kafka client then waits for its own helper
   tasks for ever; SIGTERM cleans nothing up; the exit code is always 0.
2. A future is kept for every notification and every async command.
3. A request whose params cannot be read is never answered.
4. A cancel does not reach an async command.
5. ``shutdown`` fails while commands run.
6. A late reply to a request that was given up raises, and pops up a message.
7. Form feeds and other characters that only Python takes for line ends put later edits in wrong places.
8. Standard input is read on the pool that handlers use, so that a cancel may not even be read.
9. Importing lsprotocol takes most of the start (:mod:`.fast_import`).
10. Nothing bounds the end, while VS Code kills after two seconds.

Also mended: nested objects with a key ``jsonrpc``, results that cannot be serialised, tracebacks in errors, requests
before ``initialize`` and after ``shutdown``, malformed JSON, output that the client does not read.

The base leans on private names of pygls, which is why the dependency is pinned below 2.2.
"""
