"""A language server as a subprocess, spoken to in JSON-RPC over its stdin and stdout.

All that the demo knows about the student's editor comes through here, from bytes read on the server's stdout.
"""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar

from demo.failure import DemoFailedError

T = TypeVar("T")
ANSWER_S = 20.0


@dataclass(frozen=True)
class Prompt:
    """``window/showMessageRequest``: a question the server asks the person."""

    id: int | str
    message: str
    actions: tuple[str, ...]


@dataclass
class Heard:
    """What the server has said so far, in order."""

    messages: list[str] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    diagnostics: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    notified: list[str] = field(default_factory=list)
    ended: bool = False


class LanguageServer:
    """The process and its wire. One thread reads; everybody else waits on :meth:`until`."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path) -> None:
        self._log = log.open("wb")
        self._log_path = log
        try:
            self._process = subprocess.Popen(
                list(command),
                cwd=folder,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self._log.close()
            raise DemoFailedError(f"cannot run {command[0]}: {error.strerror}") from None
        self._changed = threading.Condition()
        self._heard = Heard()
        self._next_id = 0
        self._writing = threading.Lock()
        self._reader = threading.Thread(target=self._read, name="server-stdout", daemon=True)
        self._reader.start()

    def request(self, method: str, params: Any, wait_s: float = ANSWER_S) -> Any:
        """Ask and wait for the result. Raises :class:`DemoFailedError` on an error or silence."""
        number = self.ask(method, params)
        return self.result(number, method, wait_s)

    def ask(self, method: str, params: Any) -> int:
        """Ask without waiting, for requests during which the server asks back."""
        self._next_id += 1
        self._send({"jsonrpc": "2.0", "id": self._next_id, "method": method, "params": params})
        return self._next_id

    def result(self, number: int, method: str, wait_s: float = ANSWER_S) -> Any:
        """The result of what was asked with :meth:`ask`."""
        answer = self.until(lambda heard: heard.answers.get(number), f"an answer to {method}", wait_s)
        if "error" in answer:
            raise DemoFailedError(f"the server refused {method}: {answer['error'].get('message')}")
        return answer.get("result")

    def notify(self, method: str, params: Any) -> None:
        """Tell the server something."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def answer(self, prompt: Prompt, action: str | None) -> None:
        """Press a button of a question, or close it (``None``)."""
        self._send({"jsonrpc": "2.0", "id": prompt.id, "result": None if action is None else {"title": action}})

    def until(self, seen: Callable[[Heard], T | None], what: str, wait_s: float = ANSWER_S) -> T:
        """Wait until ``seen`` finds something in what was heard. Raises :class:`DemoFailedError` with ``what``."""
        deadline = time.monotonic() + wait_s
        with self._changed:
            while True:
                found = seen(self._heard)
                if found:
                    return found
                left = deadline - time.monotonic()
                if self._heard.ended:
                    raise DemoFailedError(f"the language server ended while waiting for {what}{self._last_words()}")
                if left <= 0:
                    raise DemoFailedError(f"not within {wait_s:g} s: {what}")
                self._changed.wait(left)

    def look(self, see: Callable[[Heard], T]) -> T:
        """Read something from what was heard so far."""
        with self._changed:
            return see(self._heard)

    def stop(self) -> int:
        """``shutdown`` and ``exit``; the exit code. A server that does not go within 5 s is killed."""
        try:
            if self._process.poll() is None:
                self.request("shutdown", None, 5)
                self.notify("exit", None)
            return self._process.wait(5)
        except (DemoFailedError, subprocess.TimeoutExpired):
            self._process.kill()
            return self._process.wait()
        finally:
            self._reader.join(5)
            self._log.close()

    def _send(self, message: dict[str, Any]) -> None:
        body = json.dumps(message, ensure_ascii=False).encode()
        stream = self._process.stdin
        assert stream is not None
        try:
            with self._writing:
                stream.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
                stream.flush()
        except OSError:
            raise DemoFailedError(f"the language server is gone{self._last_words()}") from None

    def _last_words(self) -> str:
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f" (it said: {lines[-1]})" if lines else ""

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while (message := _frame(stream)) is not None:
            with self._changed:
                self._take(message)
                self._changed.notify_all()
        with self._changed:
            self._heard.ended = True
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        method, heard = message.get("method"), self._heard
        if method is None:
            heard.answers[message["id"]] = message
            return
        heard.notified.append(method)
        params = message.get("params") or {}
        if method == "textDocument/publishDiagnostics":
            heard.diagnostics[params["uri"]] = params["diagnostics"]
        elif method == "window/showMessage":
            heard.messages.append(params["message"])
        elif method == "window/showMessageRequest":
            titles = tuple(action["title"] for action in params.get("actions") or ())
            heard.prompts.append(Prompt(message["id"], params["message"], titles))
            return
        if "id" in message:
            result = [None] * len(params.get("items", ())) if method == "workspace/configuration" else None
            self._send({"jsonrpc": "2.0", "id": message["id"], "result": result})


def _frame(stream: IO[bytes]) -> dict[str, Any] | None:
    """One message, or ``None`` at the end of the stream (LSP 3.17, *Base Protocol*)."""
    length = None
    while True:
        line = stream.readline()
        if not line:
            return None
        if line == b"\r\n":
            break
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    if length is None:
        return None
    body = stream.read(length)
    message: dict[str, Any] = json.loads(body)
    return message
