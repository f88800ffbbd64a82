"""A server in a process of its own, driven by raw JSON-RPC over its pipes. Every wait has a deadline."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from colearner_ls.lsp.base.frames import FrameDecoder, encode

ROOT = Path(__file__).resolve().parents[2]


class ProcessPeer:
    """Starts the process; kills it at the end if it is still there."""

    def __init__(self, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = ROOT) -> None:
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
        )
        self.received: list[dict[str, Any]] = []
        self._decoder = FrameDecoder()
        self._selector = selectors.DefaultSelector()
        assert self.process.stdout is not None
        self._selector.register(self.process.stdout, selectors.EVENT_READ)

    def __enter__(self) -> ProcessPeer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not pipe.closed:
                pipe.close()
        self._selector.close()

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one object, ``jsonrpc`` added."""
        self.send_bytes(encode(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def notify(self, method: str, params: Any = None) -> None:
        """Send a notification."""
        self.send({"method": method, "params": params})

    def request(self, method: str, params: Any = None, *, number: int | str = 1, timeout: float = 40) -> dict[str, Any]:
        """Send a request; the whole reply."""
        self.send({"id": number, "method": method, "params": params})
        return self.reply(number, timeout=timeout)

    def reply(self, number: int | str, *, timeout: float = 40) -> dict[str, Any]:
        """The reply to a request. Raises ``TimeoutError``, or ``EOFError`` when the server ends first."""
        deadline = time.monotonic() + timeout
        while True:
            for message in self.received:
                if message.get("id") == number and "method" not in message:
                    self.received.remove(message)
                    return message
            self._read(deadline)

    def _read(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not self._selector.select(left):
            raise TimeoutError(f"no answer; received {self.received}")
        assert self.process.stdout is not None
        data = os.read(self.process.stdout.fileno(), 65536)
        if not data:
            raise EOFError(f"the server ended with {self.process.wait(5)}")
        self.received.extend(json.loads(body) for body in self._decoder.feed(data))

    def initialize(self, capabilities: Mapping[str, Any] | None = None, **params: Any) -> dict[str, Any]:
        """The opening; the result of ``initialize``."""
        opening = {"processId": os.getpid(), "rootUri": None, "capabilities": capabilities or {}, **params}
        reply = self.request("initialize", opening, number="init")
        self.notify("initialized", {})
        return reply["result"]

    def hang_up(self) -> None:
        """Close the server's input, as an editor that died does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self, timeout: float) -> int:
        """The exit code. Raises ``subprocess.TimeoutExpired``."""
        return self.process.wait(timeout)

    def errors(self) -> str:
        """What the ended process wrote on standard error."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()
