"""A client that is never what is waited for: raw frames over pipes, one thread, a clock around them.

What the server asks (settings, refreshes, registrations) is answered at once, as an editor would.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigs.bench.registry import ROOT

ANSWER_S = 30.0
CLIENTS = ROOT / "tests" / "lsp" / "clients"
Message = dict[str, Any]


class ServerFailedError(Exception):
    """The server ended, or was silent for :data:`ANSWER_S`; the message holds its last words."""


def capabilities(client: str) -> Message:
    """What a real editor says it can do: ``vscode``, ``neovim-0.11``, … as the tests have it."""
    captured: Message = json.loads((CLIENTS / f"{client}.json").read_text(encoding="utf-8"))
    return dict(captured["capabilities"])


@dataclass
class LspClient:
    """One server process. ``began`` is the moment before it was spawned (``time.perf_counter``)."""

    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    heard: list[Message] = field(default_factory=list)
    """Notifications and requests of the server's, in order."""

    def __post_init__(self) -> None:
        self._log = self.log.open("wb")
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            list(self.command),
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._buffer = bytearray()
        self._next_id = 0
        self._answers: dict[int, Message] = {}

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._process.pid

    # --- talking

    def request(self, method: str, params: Any) -> Any:
        """Ask and wait. Raises :class:`ServerFailedError`, also where the answer is an error."""
        self._next_id += 1
        number = self._next_id
        self._send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        self.wait(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise ServerFailedError(f"{method}: {answer['error']}")
        return answer.get("result")

    def notify(self, method: str, params: Any) -> None:
        """Say something that is not answered."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def wait(self, done: Callable[[], Any], what: str, wait_s: float = ANSWER_S) -> Any:
        """Read until ``done()`` is true; its value. Raises :class:`ServerFailedError`."""
        deadline = time.monotonic() + wait_s
        while not (value := done()):
            if not self._read(deadline - time.monotonic()):
                raise ServerFailedError(f"no {what} within {wait_s:g} s or the server ended: {self._last_words()}")
        return value

    def listen(self, seconds: float) -> None:
        """Take what the server says for so long; what it asks is answered."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._read(left) and self._process.poll() is not None:
                raise ServerFailedError(f"the server ended: {self._last_words()}")

    def _send(self, message: Message) -> None:
        body = json.dumps(message).encode()
        data = memoryview(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        while data:
            data = data[os.write(self._in, data) :]

    def _read(self, wait_s: float) -> bool:
        """Take what there is, waiting for it at most so long; whether something came."""
        if wait_s <= 0 or not select.select([self._out], [], [], wait_s)[0]:
            return False
        chunk = os.read(self._out, 1 << 18)
        self._buffer += chunk
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = int(bytes(self._buffer[:end]).lower().partition(b"content-length:")[2].split()[0])
            if len(self._buffer) < end + 4 + length:
                break
            body = bytes(self._buffer[end + 4 : end + 4 + length])
            del self._buffer[: end + 4 + length]
            self._take(json.loads(body))
        return bool(chunk)

    def _take(self, message: Message) -> None:
        if "method" not in message:
            self._answers[message["id"]] = message
            return
        self.heard.append(message)
        if "id" in message:
            asked = message["method"] == "workspace/configuration"
            result = [None for _ in message["params"]["items"]] if asked else None
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})

    def _last_words(self) -> str:
        self._log.flush()
        return self.log.read_text(encoding="utf-8", errors="replace")[-800:]

    # --- LSP

    def initialize(self, said: Message) -> Message:
        """Shake hands up to the answer; the server's capabilities."""
        folder = {"uri": self.folder.as_uri(), "name": self.folder.name}
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": "colearner bench"},
            "rootUri": folder["uri"],
            "rootPath": str(self.folder),
            "workspaceFolders": [folder],
            "capabilities": said,
        }
        return dict(self.request("initialize", params)["capabilities"])

    def open(self, path: Path) -> str:
        """Open a file; its URI."""
        text = path.read_text(encoding="utf-8")
        document = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def inlay_hints(self, uri: str, lines: int) -> list[Message]:
        """The hints of the first ``lines`` lines."""
        whole = {"start": {"line": 0, "character": 0}, "end": {"line": lines, "character": 0}}
        return self.request("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": whole}) or []

    # --- the end

    def stop(self) -> None:
        """``shutdown`` and ``exit``; killed if it does not end."""
        try:
            self.request("shutdown", None)
            self.notify("exit", None)
            self._process.wait(10)
        except (ServerFailedError, OSError, subprocess.TimeoutExpired):
            self.kill()
        finally:
            self._close()

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
        self._close()

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._log):
            if stream is not None:
                stream.close()
