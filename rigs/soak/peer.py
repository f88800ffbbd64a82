"""A language server as a subprocess and a client of it that survives whatever is done to the server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

ANSWER_S: Final = 60.0
"""A request that nobody answers for so long, by a server that lives and runs, is a fault. Far above any stop."""

CAPABILITIES: Final[Mapping[str, Any]] = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"didSave": True},
        "inlayHint": {},
        "codeLens": {},
        "hover": {"contentFormat": ["plaintext"]},
        "publishDiagnostics": {"relatedInformation": True},
    },
    "workspace": {"executeCommand": {}, "inlayHint": {"refreshSupport": True}},
    "window": {"showMessage": {"messageActionItem": {}}},
}


class GoneError(Exception):
    """The server ended (was killed) before it answered."""


class UnansweredError(Exception):
    """The server is alive and runs, and did not answer."""


class RefusedError(Exception):
    """The server answered with an error. ``code`` is JSON-RPC's."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Peer:
    """One server and its pipes. A thread reads; one other thread asks; faults come from a third."""

    def __init__(self, command: Sequence[str], root: Path, environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            list(command),
            cwd=root,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            start_new_session=True,  # Ctrl-C at a terminal is for the soak, which then ends its servers in order
        )
        self._root = root
        self.started = time.monotonic()
        self._changed = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self._ended = False
        self._next_id = 0
        self._writing = threading.Lock()
        self._signalling = threading.Lock()
        self._stopped_at: float | None = None
        self._resumed_at = 0.0
        self.asked: list[str] = []
        """Questions that popped up."""
        self._reader = threading.Thread(target=self._read, name=f"soak-reader-{self.process.pid}", daemon=True)
        self._reader.start()

    # -- what an editor does

    def initialize(self) -> None:
        """The opening of the protocol."""
        folder = {"uri": self._root.as_uri(), "name": self._root.name}
        opening = {"processId": os.getpid(), "rootUri": folder["uri"], "workspaceFolders": [folder]}
        self.request("initialize", {**opening, "capabilities": CAPABILITIES})
        self.notify("initialized", {})

    def request(self, method: str, params: Any) -> tuple[Any, float]:
        """The result and how long it took, in s. Raises the errors of this module."""
        began = time.monotonic()
        result = self.result(self.ask(method, params), method)
        return result, time.monotonic() - began

    def ask(self, method: str, params: Any) -> int:
        """Ask without waiting; the number for :meth:`result`. Raises :class:`GoneError`."""
        self._next_id += 1
        self._send({"id": self._next_id, "method": method, "params": params})
        return self._next_id

    def result(self, number: int, method: str) -> Any:
        """What came of :meth:`ask`. Raises the errors of this module."""
        answer = self._answer(number, method)
        if error := answer.get("error"):
            raise RefusedError(int(error.get("code", 0)), str(error.get("message")))
        return answer.get("result")

    def notify(self, method: str, params: Any) -> None:
        """Tell the server something. Raises :class:`GoneError`."""
        self._send({"method": method, "params": params})

    def _answer(self, number: int, method: str) -> dict[str, Any]:
        running_since = time.monotonic()
        with self._changed:
            while number not in self._answers:
                if self._ended:
                    raise GoneError
                self._changed.wait(1.0)
                if self._stopped_at is not None:
                    running_since = time.monotonic()
                elif time.monotonic() - running_since > ANSWER_S:
                    raise UnansweredError(f"{method} was not answered within {ANSWER_S:g} s of running")
            return self._answers.pop(number)

    # -- what is done to it

    @property
    def pid(self) -> int:
        """Of the process, as long as it was not reaped."""
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs or is stopped."""
        return self.process.poll() is None

    @property
    def stopped(self) -> bool:
        """Whether it is stopped now."""
        return self._stopped_at is not None

    def disturbed_since(self, moment: float) -> bool:
        """Whether it was stopped at any time since ``moment`` (``time.monotonic()``)."""
        return self.stopped or self._resumed_at >= moment

    def stop(self) -> None:
        """SIGSTOP."""
        with self._signalling:
            if self.alive:
                self._stopped_at = time.monotonic()
                self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        with self._signalling:
            if self.alive:
                self.process.send_signal(signal.SIGCONT)
            self._resumed_at = time.monotonic()
            self._stopped_at = None

    def kill(self) -> bool:
        """``kill -9`` and reap; whether it was this that ended it."""
        with self._signalling:
            self.process.kill()
            code = self.process.wait()
            self._stopped_at = None
        return code == -signal.SIGKILL

    def end(self, wait_s: float = 10.0) -> int | None:
        """``shutdown``, ``exit``; the exit code, ``None`` where it had to be killed."""
        self.resume()
        with suppress(GoneError, UnansweredError, RefusedError):
            self.request("shutdown", None)
            self.notify("exit", None)
        try:
            return self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.close()

    def close(self) -> None:
        """Reap it, killed if need be, and close the pipes."""
        if self.alive:
            self.kill()
        self._reader.join(5)
        for pipe in (self.process.stdin, self.process.stdout, self._log):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    # -- the wire

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        stream = self.process.stdin
        assert stream is not None
        try:
            with self._writing:
                stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                stream.flush()
        except (OSError, ValueError):
            raise GoneError from None

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        with suppress(OSError, ValueError):
            while (message := _frame(stream)) is not None:
                self._take(message)
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            with self._changed:
                self._answers[message["id"]] = message
                self._changed.notify_all()
        elif "id" in message:
            with suppress(GoneError):
                self._send({"id": message["id"], "result": self._reply(method, message.get("params") or {})})

    def _reply(self, method: str, params: dict[str, Any]) -> Any:
        """What the person presses: the last button, or nothing, in turns."""
        if method == "workspace/configuration":
            return [None] * len(params.get("items", ()))
        if method == "window/showMessageRequest":
            self.asked.append(str(params.get("message")))
            actions = params.get("actions") or []
            return actions[-1] if actions and len(self.asked) % 2 else None
        return None


def _frame(stream: IO[bytes]) -> dict[str, Any] | None:
    """One message, or ``None`` at the end of the stream (LSP 3.17, *Base Protocol*)."""
    length = 0
    while (line := stream.readline()) != b"\r\n":
        if not line:
            return None
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    body = stream.read(length)
    if len(body) < length:
        return None
    message: dict[str, Any] = json.loads(body)
    return message
