"""The LSP stream fuzzed: whatever comes in, every request is answered once, and the server stays up.

What is counted as a fault: a request without an answer, with two, or answered with -32603 (a fault of the server's own);
a process that ends; a traceback in its log; an exercise that is not at its line any more afterwards.
"""

from __future__ import annotations

import copy
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final

from demo.editor import CAPABILITIES
from rigs.fuzz.mutation import encoded, hostile, mutated, torn
from rigs.fuzz.process import ServerGone, ServerProcess, framed, id_key
from rigs.fuzz.stage import LINE, PROGRAMS, TEXT, Stage, as_bytes, exercise_here, publish

BATCH: Final = 40
INTERNAL: Final = -32603


@dataclass
class Report:
    """What a run did and found. ``faults`` is empty where all is well."""

    seed: int
    cases: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    servers: int = 0
    slowest_s: float = 0.0

    @property
    def total(self) -> int:
        """How many cases were sent."""
        return sum(self.cases.values())


class Fuzzer:
    """Sends cases to one server after another."""

    def __init__(self, stage: Stage, seed: int, log: Path) -> None:
        self.stage = stage
        self.random = Random(f"{seed}:{stage.role}")
        self.report = Report(seed)
        self._log = log
        self._next = 0
        self._owed: dict[str, str] = {}
        """Ids that are owed an answer → the message, for the report."""
        self._kinds: list[tuple[int, Callable[[ServerProcess], None]]] = [
            (40, self._wrong_params),
            (12, self._notification),
            (8, self._no_json),
            (10, self._wrong_shape),
            (6, self._unknown_method),
            (6, self._cancel_storm),
            (5, self._stray_answer),
            (6, self._typing),
            (3, self._huge),
            (4, self._sound),
        ]

    def run(self, cases: int) -> Report:
        """Send so many cases; the report so far."""
        publish(self.stage.bus, [("colearner.assignments.v1", as_bytes(exercise_here(1)))])
        broken = max(2, min(20, cases // 150))
        server = self._start()
        try:
            left = cases - broken
            while left > 0:
                self._batch(server, min(BATCH, left))
                left -= BATCH
            self._still_sound(server)
        except ServerGone as gone:
            self.report.faults.append(f"the server is gone: {gone}; last: {self._last()}")
        finally:
            server.kill()
        for _ in range(broken):
            self._broken_frame()
        if b"Traceback" in self._log.read_bytes():
            self.report.faults.append(f"there is a traceback in {self._log}")
        return self.report

    # --- one server

    def _start(self) -> ServerProcess:
        command = [str(PROGRAMS / "colearner-ls"), "--stdio"]
        server = ServerProcess(command, self.stage.root, self.stage.environment, self._log, self._reply)
        self.report.servers += 1
        folder = {"uri": self.stage.root.as_uri(), "name": "code"}
        opening = {
            "processId": None,
            "rootUri": folder["uri"],
            "workspaceFolders": [folder],
            "capabilities": CAPABILITIES,
        }
        server.request("start", "initialize", opening)
        server.send({"method": "initialized", "params": {}})
        self._open(server)
        return server

    def _open(self, server: ServerProcess) -> None:
        document = {"uri": self.stage.uri, "languageId": "python", "version": 1, "text": TEXT}
        server.send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": self.stage.uri}}})
        server.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def _reply(self, method: str, number: Any) -> bytes:
        """Answer a question of the server's, sometimes with nonsense."""
        random = Random(f"{self.report.seed}:{method}:{self._next}")
        kind = random.random()
        if kind < 0.1:
            error = {"code": random.choice((-32601, -1, 0)), "message": random.choice(("no", "", "x" * 5000))}
            message: dict[str, Any] = {"id": number, "error": error}
        elif kind < 0.25:
            message = {"id": number, "result": hostile(random)}
        elif method == "workspace/configuration":
            message = {"id": number, "result": [{}]}
        else:
            message = {"id": number, "result": None}
        return framed(json.dumps({"jsonrpc": "2.0", **message}).encode())

    def _batch(self, server: ServerProcess, size: int) -> None:
        began = time.monotonic()
        for _ in range(size):
            (kind,) = self.random.choices([kind for _, kind in self._kinds], [weight for weight, _ in self._kinds])
            self.report.cases[kind.__name__.strip("_")] += 1
            kind(server)
        self._calm(server)
        for key, said in self._owed.items():
            server.until(lambda key=key: key in server.answers, f"an answer to {said}")  # type: ignore[misc]  # bound now
        self.report.slowest_s = max(self.report.slowest_s, time.monotonic() - began)
        for key, said in self._owed.items():
            self._judge(server.answers.pop(key), said)
        self._owed.clear()

    def _calm(self, server: ServerProcess) -> None:
        """What an editor says after the storm: its settings, and the file anew."""
        server.send({"method": "workspace/didChangeConfiguration", "params": {"settings": {}}})
        self._open(server)
        server.request(f"calm-{self._next}", "textDocument/hover", self._at(LINE))

    def _judge(self, answers: list[dict[str, Any]], said: str) -> None:
        error = answers[0].get("error")
        self.report.answers[str(error["code"]) if error else "result"] += 1
        if len(answers) > 1:
            self.report.faults.append(f"{len(answers)} answers to {said}")
        if error and error["code"] == INTERNAL:
            self.report.faults.append(f"{error} as the answer to {said}")

    def _still_sound(self, server: ServerProcess) -> None:
        """The exercise stands where it was assigned, and the server ends as asked."""
        deadline = time.monotonic() + 30
        while not self._hinted(server):
            if time.monotonic() > deadline:
                self.report.faults.append("afterwards the exercise is not at its line any more")
                break
            time.sleep(0.1)
        server.request("last", "shutdown", None)
        server.send({"method": "exit"})
        if (code := server.wait()) != 0:
            self.report.faults.append(f"it ended with exit code {code} after shutdown and exit")

    def _hinted(self, server: ServerProcess) -> bool:
        self._calm(server)
        self._next += 1
        number, whole = f"look-{self._next}", {"start": _place(0), "end": _place(100)}
        document = {"textDocument": {"uri": self.stage.uri}, "range": whole}
        hints = server.request(number, "textDocument/inlayHint", document).get("result") or ()
        return any(hint["position"]["line"] == LINE for hint in hints)

    def _last(self) -> str:
        return next(reversed(self._owed.values()), "nothing")

    # --- cases

    def _ask(self, server: ServerProcess, method: str, params: Any) -> int:
        self._next += 1
        message = {"jsonrpc": "2.0", "id": self._next, "method": method, "params": params}
        self._owe(self._next, message)
        server.send_bytes(framed(encoded(message, self.random)))
        return self._next

    def _owe(self, number: Any, message: object) -> None:
        self._owed[id_key(number)] = json.dumps(message, default=str)[:400]

    def _wrong_params(self, server: ServerProcess) -> None:
        method, params = self._request()
        self._ask(server, method, mutated(params, self.random, self.random.choice((1, 1, 2, 5))))

    def _sound(self, server: ServerProcess) -> None:
        self._ask(server, *self._request())

    def _notification(self, server: ServerProcess) -> None:
        method, params = self._told()
        message = {"jsonrpc": "2.0", "method": method, "params": mutated(params, self.random)}
        server.send_bytes(framed(encoded(message, self.random)))

    def _no_json(self, server: ServerProcess) -> None:
        sound = json.dumps({"jsonrpc": "2.0", "id": "torn", "method": "textDocument/hover", "params": self._at(1)})
        server.send_bytes(framed(torn(sound.encode(), self.random)))

    def _wrong_shape(self, server: ServerProcess) -> None:
        self._next += 1
        sound = {"jsonrpc": "2.0", "id": self._next, "method": "textDocument/hover", "params": self._at(LINE)}
        kind = self.random.randrange(4)
        if kind == 0:  # an id that JSON-RPC does not know: an answer without one, or none, is right
            sound["id"] = self.random.choice((None, 1.5, True, [], {}, [1]))
            message: Any = sound
        elif kind == 1:
            message = [sound, sound]
        elif kind == 2:
            sound["params"] = hostile(self.random)
            self._owe(self._next, message := sound)
        else:
            field = self.random.choice(("jsonrpc", "method"))
            sound[field] = self.random.choice((None, 1, "1.0", [], {}))
            if field == "jsonrpc":
                self._owe(self._next, sound)
            message = sound
        server.send_bytes(framed(encoded(message, self.random)))

    def _unknown_method(self, server: ServerProcess) -> None:
        method = self.random.choice(
            ("textDocument/none", "", "$/what", "colearner/none", "window/showMessage", "x" * 3000)
        )
        self._ask(server, method, hostile(self.random))
        server.send({"method": method, "params": None})

    def _cancel_storm(self, server: ServerProcess) -> None:
        numbers = [self._ask(server, *self._request()) for _ in range(self.random.choice((1, 5, 20)))]
        for number in numbers:
            for _ in range(self.random.choice((1, 2))):
                server.send({"method": "$/cancelRequest", "params": {"id": number}})
        server.send({"method": "$/cancelRequest", "params": {"id": self.random.choice((-1, "gone", 10**9))}})

    def _stray_answer(self, server: ServerProcess) -> None:
        number = self.random.choice((1, "x", None, self._next))
        body = self.random.choice(({"result": hostile(self.random)}, {"error": hostile(self.random)}, {}))
        server.send({"id": number, **body})

    def _typing(self, server: ServerProcess) -> None:
        """Edits at places that may not exist, in versions that may go backwards."""
        random = self.random
        for _ in range(random.choice((1, 10))):
            start, end = (
                _place(random.randrange(12), random.randrange(60)),
                _place(random.randrange(12), random.randrange(60)),
            )
            change = {"range": {"start": start, "end": end}, "text": random.choice(("", "x", "\n", "é😀\r\n", "\x0c"))}
            document = {"uri": self.stage.uri, "version": random.choice((2, self._next, -1))}
            params = {"textDocument": document, "contentChanges": [change]}
            server.send({"method": "textDocument/didChange", "params": params})

    def _huge(self, server: ServerProcess) -> None:
        size = self.random.choice((100_000, 3_000_000))
        kind = self.random.randrange(4)
        if kind == 0:
            text = self.random.choice(("x", "\n", "def visit(node, seen):\n")) * (size // 20)
            document = {"uri": self.stage.uri + ".big", "languageId": "python", "version": 1, "text": text}
            server.send({"method": "textDocument/didOpen", "params": {"textDocument": document}})
            self._ask(server, "textDocument/inlayHint", {"textDocument": {"uri": document["uri"]}, "range": _whole()})
            server.send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": document["uri"]}}})
        elif kind == 1:
            self._ask(server, "textDocument/hover", {**self._at(LINE), "extra": "x" * size})
        elif kind == 2:
            self._ask(server, "textDocument/hover", {**self._at(LINE), "position": _place(10**18, 10**18)})
        else:
            self._next += 1
            self._owe(self._next, "a deeply nested value")
            nested = b"[" * 100_000 + b"]" * 100_000
            head = b'{"jsonrpc":"2.0","id":%d,"method":"textDocument/hover","params":' % self._next
            server.send_bytes(framed(head + nested + b"}"))
            # A body too deep to be parsed cannot be answered under its id: JSON-RPC's null stands in.
            del self._owed[id_key(self._next)]

    def _broken_frame(self) -> None:
        """A stream that is not LSP any more: the server ends by itself, and soon."""
        self.report.cases["broken_frame"] += 1
        server = self._start()
        try:
            server.send_bytes(
                self.random.choice(
                    (
                        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                        b"Content-Length: x\r\n\r\n",
                        b"Content-Length: -5\r\n\r\n",
                        b"Content-Length: 99999999999\r\n\r\n",
                        b"\x00" * 100_000,
                    )
                )
            )
            server.wait()
        except ServerGone as gone:
            self.report.faults.append(f"after a broken frame: {gone}")
        finally:
            server.kill()

    # --- sound messages to start from

    def _at(self, line: int, column: int = 4) -> dict[str, Any]:
        return {"textDocument": {"uri": self.stage.uri}, "position": _place(line, column)}

    def _request(self) -> tuple[str, dict[str, Any]]:
        document = {"textDocument": {"uri": self.stage.uri}}
        here = {"start": _place(LINE), "end": _place(LINE, 9)}
        features: list[tuple[str, dict[str, Any]]] = [
            ("textDocument/hover", self._at(LINE)),
            ("textDocument/inlayHint", {**document, "range": _whole()}),
            ("textDocument/codeLens", document),
            ("textDocument/codeAction", {**document, "range": here, "context": {"diagnostics": [], "triggerKind": 1}}),
            ("textDocument/diagnostic", document),
            ("colearner/state", {}),
            ("colearner/history", {"limit": 20}),
            ("colearner/evidencePreview", {"exercise_id": "ex-1"}),
        ]
        if self.random.random() < 0.5:
            return copy.deepcopy(self.random.choice(features))
        command, arguments = self.random.choice(COMMANDS)
        arguments = {**arguments, "uri": self.stage.uri} if "uri" in arguments else dict(arguments)
        return "workspace/executeCommand", {"command": command, "arguments": [arguments]}

    def _told(self) -> tuple[str, dict[str, Any]]:
        identifier = {"uri": self.stage.uri, "version": 3}
        change = {"range": {"start": _place(0), "end": _place(0, 3)}, "text": "x"}
        item = {"uri": self.stage.uri, "languageId": "python", "version": 1, "text": TEXT}
        return self.random.choice(
            (
                ("textDocument/didOpen", {"textDocument": item}),
                ("textDocument/didChange", {"textDocument": identifier, "contentChanges": [change]}),
                ("textDocument/didSave", {"textDocument": {"uri": self.stage.uri}, "text": TEXT}),
                ("textDocument/didClose", {"textDocument": {"uri": self.stage.uri}}),
                (
                    "workspace/didChangeConfiguration",
                    {"settings": {"colearner": {"role": self.stage.role, "quiet": True}}},
                ),
                ("workspace/didChangeWatchedFiles", {"changes": [{"uri": self.stage.uri, "type": 2}]}),
                ("workspace/didChangeWorkspaceFolders", {"event": {"added": [], "removed": []}}),
                ("$/setTrace", {"value": "verbose"}),
                ("$/progress", {"token": 1, "value": {"kind": "end"}}),
                ("$/cancelRequest", {"id": 1}),
                ("initialized", {}),
            )
        )


def _place(line: int, character: int = 0) -> dict[str, int]:
    return {"line": line, "character": character}


def _whole() -> dict[str, Any]:
    return {"start": _place(0), "end": _place(1000)}


_HERE: Final = {"start": _place(LINE), "end": _place(LINE, 9)}
COMMANDS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("colearner.ack", {"exercise_id": "ex-1", "status": "accepted"}),
    ("colearner.submit", {"exercise_id": "ex-1", "response": "done", "confirm": True}),
    ("colearner.attachEvidence", {"uri": "", "range": _HERE, "note": "n", "confirm": True}),
    ("colearner.markDone", {"step_id": "step-1"}),
    ("colearner.stuck", {"summary": "help", "uri": "", "range": _HERE}),
    ("colearner.resolveStuck", {"note": "n"}),
    ("colearner.hint", {"hint": "look", "uri": "", "range": _HERE}),
    ("colearner.assign", {"topic": "t", "exercise": "e", "uri": "", "range": _HERE, "tests": ["pytest"]}),
    ("colearner.feedback", {"exercise_id": "ex-1", "grade": "revise", "mistakes": [{"text": "m"}]}),
    ("colearner.open", {"exercise_id": "ex-1"}),
    ("colearner.join", {"invite": "colearner://join?v=1&session=fuzz"}),  # without a bus: a sound one moves the folder
)
