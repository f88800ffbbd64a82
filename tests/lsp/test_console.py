"""The real ``colearner-ls`` in a process of its own: its options, what it loads, how it ends, and what survives."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from colearner_ls import __version__
from colearner_ls.lsp.base.frames import FrameDecoder, encode
from tests.lsp.process_peer import ROOT, ProcessPeer
from tests.lsp.rig import ASSIGN, GRAPH, LOOP, Rig, Side

MODULE = [sys.executable, "-m", "colearner_ls.lsp.main"]
CLIENTS = Path(__file__).parent / "clients"
EXIT_S = 4.0
"""VS Code waits two seconds; the machine that runs the tests may be busy with others."""


def capabilities(name: str) -> dict[str, Any]:
    return json.loads((CLIENTS / f"{name}.json").read_text(encoding="utf-8"))["capabilities"]


class Editor:
    """An editor of raw JSON-RPC over the real process; answers what the server asks."""

    def __init__(self, side: Side, *options: str, client: str = "vscode") -> None:
        self.side = side
        self.peer = ProcessPeer([*MODULE, *options], env=side.env)
        self._client = client
        self._number = 0

    def __enter__(self) -> Editor:
        self.peer.__enter__()
        root = self.side.root.as_uri()
        self.peer.initialize(
            capabilities(self._client), rootUri=root, workspaceFolders=[{"uri": root, "name": "folder"}]
        )
        return self

    def __exit__(self, *ending: Any) -> None:
        self.peer.__exit__(*ending)

    def request(self, method: str, params: Any = None, *, timeout: float = 10) -> Any:
        """The result; what the server asks meanwhile is answered with null."""
        self._number += 1
        self.peer.send({"id": self._number, "method": method, "params": params})
        deadline = time.monotonic() + timeout
        while True:
            for message in list(self.peer.received):
                if "method" in message and "id" in message:
                    self.peer.received.remove(message)
                    result = [None] if message["method"] == "workspace/configuration" else None
                    self.peer.send({"id": message["id"], "result": result})
            try:
                reply = self.peer.reply(self._number, timeout=0.05)
            except TimeoutError:
                assert time.monotonic() < deadline, f"{method} was not answered"
                continue
            assert "error" not in reply, reply
            return reply["result"]

    def until(self, method: str, params: Any, condition: Callable[[Any], Any], *, timeout: float = 15) -> Any:
        """Ask again until ``condition(result)`` is true; the result."""
        deadline = time.monotonic() + timeout
        while not condition(result := self.request(method, params)):
            assert time.monotonic() < deadline, result
            time.sleep(0.05)
        return result

    def open(self, text: str = GRAPH) -> str:
        uri = self.side.uri()
        document = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        self.peer.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def hints(self, uri: str) -> Any:
        """The hints, once there are some: a server that has not looked yet answers with none and says so later."""
        place = {"start": {"line": 0, "character": 0}, "end": {"line": 999, "character": 0}}
        return self.until("textDocument/inlayHint", {"textDocument": {"uri": uri}, "range": place}, bool)

    def run(self, command: str, arguments: Any) -> Any:
        return self.request("workspace/executeCommand", {"command": command, "arguments": [arguments]})

    def leave(self) -> int:
        """shutdown, exit; the exit code."""
        self.request("shutdown")
        self.peer.notify("exit")
        return self.peer.wait(EXIT_S)


@pytest.fixture
def assigned(rig: Rig) -> Rig:
    rig.coach.do(ASSIGN)
    rig.coach.sync()
    rig.student.sync()
    return rig


def test_version_and_help_load_nothing() -> None:
    code = (
        "import sys\nfrom colearner_ls.lsp.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'asyncio', 'pygls', 'lsprotocol', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20
    )
    assert done.stdout == f"colearner-ls {__version__}\n[]\n"
    done = subprocess.run([*MODULE, "--help"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=20)
    for option in ("--stdio", "--tcp", "--log-file", "--log-level", "--version"):
        assert option in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tcp", "0.0.0.0:2087"], "only this machine may connect"),
        (["--tcp", "example.org:2087"], "only this machine may connect"),
        (["--tcp", "127.0.0.1:x"], "is not a port"),
        (["--tcp", "127.0.0.1:70000"], "is not a port"),
        (["--log-level", "loud"], "invalid choice"),
        (["--no-such"], "unrecognized arguments"),
    ],
)
def test_wrong_options_exit_2(arguments: list[str], said: str) -> None:
    done = subprocess.run([*MODULE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_log_file_that_cannot_be_written(tmp_path: Path) -> None:
    command = [*MODULE, "--log-file", str(tmp_path / "no" / "such" / "log")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == 1
    assert "cannot be written: No such file" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_console_script_is_this() -> None:
    script = Path(sys.executable).parent / "colearner-ls"
    if not script.exists():
        found = shutil.which("colearner-ls")
        assert found, "the package is not installed: the console script is missing"
        script = Path(found)
    done = subprocess.run([str(script), "--version"], capture_output=True, text=True, check=True, timeout=20)
    assert done.stdout == f"colearner-ls {__version__}\n"


PROBE = """
import sys, threading
from colearner_ls.lsp.base import protocol
heavy = {"pydantic", "aiokafka", "watchfiles", "sqlite3", "click", "rich"}
send = protocol.Protocol._send_data
def sending(self, data):
    sys.stderr.write(f"{type(data).__name__} {sorted(heavy & set(sys.modules))}\\n")
    return send(self, data)
protocol.Protocol._send_data = sending
from colearner_ls.lsp.main import main
main([])
"""


def test_nothing_heavy_is_loaded_before_the_reply_to_initialize(assigned: Rig) -> None:
    with ProcessPeer([sys.executable, "-c", PROBE], env=assigned.student.env) as peer:
        peer.initialize(capabilities("vscode"), rootUri=assigned.student.root.as_uri())
        peer.request("shutdown", number=2)
        peer.notify("exit")
        assert peer.wait(EXIT_S) == 0
        first = peer.errors().splitlines()[0]
    assert first == "JsonRPCResponseMessage []"


@pytest.mark.parametrize("option", ["", "--stdio"])
def test_a_session_from_start_to_end(assigned: Rig, option: str) -> None:
    with Editor(assigned.student, *([option] if option else [])) as editor:
        uri = editor.open()
        editor.until("colearner/state", None, lambda state: state["role"] == "student")
        assert [hint["label"] for hint in editor.hints(uri)] == ["◆ dependency graph · new"]
        result = editor.run("colearner.submit", {"response": "It stops.", "confirm": True})
        assert result["event_type"] == "exercise_submission"
        assert editor.leave() == 0
        assert editor.peer.errors() == ""
    assigned.coach.sync()
    assert assigned.coach.workspace.snapshot().me.submissions[0].response == "It stops."


@pytest.mark.parametrize("ending", ["hang up", "SIGTERM", "SIGINT", "SIGKILL"])
def test_what_was_acknowledged_survives_every_ending(assigned: Rig, ending: str) -> None:
    with Editor(assigned.student) as editor:
        editor.until("colearner/state", None, lambda state: state["role"] == "student")
        written = editor.run("colearner.stuck", {"summary": "It never ends."})
        if ending == "hang up":
            editor.peer.hang_up()
            assert editor.peer.wait(EXIT_S) == 1
        else:
            number = signal.Signals[ending]
            editor.peer.process.send_signal(number)
            assert editor.peer.wait(EXIT_S) == (-number if ending == "SIGKILL" else 128 + number)
    assert written["event_id"] in {stored.event.id for stored in assigned.student.workspace.history()}
    assigned.student.sync()
    assigned.coach.sync()
    assert [stuck.summary for stuck in assigned.coach.workspace.snapshot().me.stuck] == ["It never ends."]


def test_a_server_takes_over_where_one_was_killed(assigned: Rig) -> None:
    """Killed in the middle, started again: nothing is missing, and it goes on."""
    with Editor(assigned.student) as editor:
        editor.open()
        editor.until("colearner/state", None, lambda state: state["role"] == "student")
        editor.run("colearner.ack", {"exercise_id": _exercise(assigned), "status": "accepted"})
        editor.peer.process.kill()
        editor.peer.wait(EXIT_S)
    with Editor(assigned.student) as editor:
        uri = editor.open("# one more line\n" + GRAPH)
        state = editor.until("colearner/state", None, lambda state: state["sync"].get("connected"))
        assert state["exercises"][0]["status"] == "accepted"
        (hint,) = editor.hints(uri)
        assert (hint["position"]["line"], hint["label"]) == (LOOP + 1, "◆ dependency graph · accepted")
        assert editor.leave() == 0


@pytest.mark.parametrize("ending", ["exit", "SIGTERM"])
def test_a_journal_that_is_locked_does_not_keep_the_server(assigned: Rig, ending: str) -> None:
    """Another process holds the write lock and a command waits for it: the end comes in time all the same."""
    with Editor(assigned.student, client="minimal") as editor:
        editor.until("colearner/state", None, lambda state: state["sync"].get("connected"))
        with (assigned.student.root / ".colearner/journal.lock").open("rb+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            arguments = {"command": "colearner.stuck", "arguments": [{"summary": "x"}]}
            editor.peer.send({"id": "waits", "method": "workspace/executeCommand", "params": arguments})
            with pytest.raises(TimeoutError):
                editor.peer.reply("waits", timeout=0.5)
            if ending == "exit":
                assert editor.leave() == 0
            else:
                editor.peer.process.terminate()
                assert editor.peer.wait(EXIT_S) == 128 + signal.SIGTERM


def _exercise(rig: Rig) -> str:
    return rig.student.workspace.snapshot().me.exercises[0].id


def test_the_log_holds_no_code_of_the_student_s(assigned: Rig, tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    secret = "VerySecretNameOfAStudent"
    with Editor(assigned.student, "--log-file", str(log), "--log-level", "debug") as editor:
        uri = editor.open(GRAPH + f"# {secret}\n")
        editor.until("colearner/state", None, lambda state: state["role"] == "student")
        editor.hints(uri)
        editor.peer.send({"id": "bad", "method": "textDocument/hover", "params": {"text": secret}})
        assert editor.peer.reply("bad")["error"]["code"] == -32602
        change = {"range": {"start": {"line": 0}, "end": 1}, "text": secret}
        editor.peer.notify(
            "textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [change]}
        )
        editor.run("colearner.stuck", {"summary": secret})
        assert editor.leave() == 0
        assert editor.peer.errors() == ""
    text = log.read_text(encoding="utf-8")
    assert text
    assert secret not in text


def test_tcp_serves_one_client_and_ends_with_it(assigned: Rig) -> None:
    with ProcessPeer([*MODULE, "--tcp", "127.0.0.1:0"], env=assigned.student.env) as process:
        assert process.process.stderr is not None
        announced = process.process.stderr.readline().decode()
        found = re.search(r"127\.0\.0\.1:(\d+)", announced)
        assert found, announced
        address = ("127.0.0.1", int(found[1]))
        with (
            socket.create_connection(address, timeout=5) as wire,
            socket.create_connection(address, timeout=5) as second,
        ):
            assert second.recv(1) == b""
            wire.sendall(
                encode(
                    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":null,"rootUri":null,"capabilities":{}}}'
                )
            )
            decoder, bodies = FrameDecoder(), []
            while not bodies:
                bodies = decoder.feed(wire.recv(65536))
            assert json.loads(bodies[0])["result"]["serverInfo"]["name"] == "colearner-ls"
        assert process.wait(EXIT_S) == 1


@pytest.mark.slow
def test_starting_does_not_take_long(assigned: Rig) -> None:
    """The reply to ``initialize`` of a warm start: well below a second even on a busy machine (measured: 0.35 s)."""
    best = float("inf")
    for _ in range(5):
        before = time.monotonic()
        with ProcessPeer(MODULE, env=assigned.student.env) as peer:
            peer.initialize(capabilities("vscode"), rootUri=assigned.student.root.as_uri())
            best = min(best, time.monotonic() - before)
    assert best < 1.5, f"{best:.2f} s"


def test_kill_loop_of_acknowledged_commands(assigned: Rig) -> None:
    """Kill -9 right after an answer, several times: every acknowledged event is there once, on both sides."""
    said = []
    for number in range(int(os.environ.get("COLEARNER_TEST_KILLS", "4"))):
        with Editor(assigned.student, client="minimal") as editor:
            editor.until("colearner/state", None, lambda state: state["role"] == "student")
            said.append(editor.run("colearner.stuck", {"summary": f"call {number}"})["event_id"])
            editor.peer.process.kill()
            editor.peer.wait(EXIT_S)
    assigned.student.sync()
    assigned.coach.sync()
    for side in (assigned.student, assigned.coach):
        ids = [stored.event.id for stored in side.workspace.history(["stuck_reported"])]
        assert ids == said
