"""One real language server, spoken to in raw bytes; every request that is owed an answer is remembered."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ANSWER_S: Final = 60.0
"""Deadline for answers, in seconds: a machine may be busy, a server that is stuck stays stuck."""

Reply = Callable[[str, Any], bytes]
"""(method, id) of a request of the server's → the bytes of a message to send back."""


class ServerGone(Exception):  # noqa: N818  # what happened, as the report says it
    """The process ended, or said nothing more."""


class ServerProcess:
    """Starts ``command``; :meth:`kill` ends it in any case."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, reply: Reply
    ) -> None:
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._reply = reply
        self.answers: dict[str, list[dict[str, Any]]] = {}
        """Answers by id (as JSON text, so that 1 and "1" are two); more than one is a fault."""
        self.notified: dict[str, Any] = {}
        """The newest params of each notification."""
        self._changed = threading.Condition()
        self._ended = False
        self._writing = threading.Lock()
        threading.Thread(target=self._read, name="fuzz-reader", daemon=True).start()

    def send_bytes(self, data: bytes) -> None:
        """Send bytes as they are. Raises :class:`ServerGone`."""
        stream = self.process.stdin
        assert stream is not None
        try:
            with self._writing:
                stream.write(data)
                stream.flush()
        except (OSError, ValueError) as error:
            raise ServerGone(f"writing failed: {error}") from error

    def send(self, message: Mapping[str, Any]) -> None:
        """Send one object, ``jsonrpc`` added."""
        self.send_bytes(framed(json.dumps({"jsonrpc": "2.0", **message}).encode()))

    def request(self, number: int | str, method: str, params: Any) -> dict[str, Any]:
        """Send a sound request and wait for the whole answer."""
        self.send({"id": number, "method": method, "params": params})
        return self.answer(number)

    def answer(self, number: Any) -> dict[str, Any]:
        """Wait for the answer to a request. Raises :class:`ServerGone` where none comes."""
        key = id_key(number)
        self.until(lambda: key in self.answers, f"an answer to {key}")
        return self.answers[key][0]

    def until(self, condition: Callable[[], object], what: str, seconds: float = ANSWER_S) -> None:
        """Wait for something that the reader brings. Raises :class:`ServerGone`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if self._ended:
                    raise ServerGone(f"it ended (exit code {self.process.wait(10)}) while waiting for {what}")
                if left <= 0:
                    raise ServerGone(f"not within {seconds:g} s: {what}")
                self._changed.wait(left)

    def wait(self, seconds: float = ANSWER_S) -> int:
        """The exit code of a server that should end. Raises :class:`ServerGone` where it does not."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise ServerGone(f"it did not end within {seconds:g} s") from error

    def kill(self) -> None:
        """End it, whatever it is doing."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # bytes that were never flushed: the reader is gone
                    continue
        self._log.close()

    def _read(self) -> None:
        stream = self.process.stdout
        assert stream is not None
        while (message := _next(stream)) is not None:
            with self._changed:
                self._take(message)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self.answers.setdefault(id_key(message.get("id")), []).append(message)
        elif "id" in message:
            threading.Thread(target=self._answer_back, args=(method, message["id"]), daemon=True).start()
        else:
            self.notified[method] = message.get("params")

    def _answer_back(self, method: str, number: Any) -> None:
        try:
            self.send_bytes(self._reply(method, number))
        except ServerGone:
            return


def framed(body: bytes) -> bytes:
    """One message of LSP's base protocol."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def id_key(number: Any) -> str:
    """A JSON-RPC id as a key."""
    return json.dumps(number)


def _next(stream: Any) -> dict[str, Any] | None:
    length = None
    try:
        while line := stream.readline():
            if line.strip():
                name, _, value = line.partition(b":")
                length = int(value) if name.lower() == b"content-length" else length
            elif length is not None:
                body = stream.read(length)
                return json.loads(body) if len(body) == length else None
    except ValueError:  # the pipe was closed here
        return None
    return None
