"""Faults 1, 8 and 10 of pygls: how the process ends, what is read while handlers work, and who owns stdout."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from colearner_ls.lsp.base.frames import encode
from tests.lsp.process_peer import ProcessPeer

PROBE = [sys.executable, "-m", "tests.lsp.base.probe_server"]
STOCK_HAS_THE_FAULT = pytest.mark.xfail(strict=True, reason="a fault of stock pygls 2.1.1 that our base mends")
BOTH = [pytest.param([], id="ours"), pytest.param(["stock"], id="stock", marks=[STOCK_HAS_THE_FAULT, pytest.mark.slow])]

EXIT_S = 3.0
"""More than VS Code's two seconds only because two cores are shared with other tests."""


def hang_up(peer: ProcessPeer) -> int:
    peer.hang_up()
    return 1


def shutdown_and_exit(peer: ProcessPeer) -> int:
    assert peer.request("shutdown", number=90)["result"] is None
    peer.notify("exit")
    return 0


def shutdown_and_hang_up(peer: ProcessPeer) -> int:
    peer.request("shutdown", number=90)
    peer.hang_up()
    return 0


def exit_alone(peer: ProcessPeer) -> int:
    peer.notify("exit")
    return 1


def terminate(peer: ProcessPeer) -> int:
    peer.process.send_signal(signal.SIGTERM)
    return 128 + signal.SIGTERM


def interrupt(peer: ProcessPeer) -> int:
    peer.process.send_signal(signal.SIGINT)
    return 128 + signal.SIGINT


def nonsense(peer: ProcessPeer) -> int:
    peer.send_bytes(b"GET / HTTP/1.1\r\n\r\n")
    return 1


@pytest.mark.parametrize("ending", [hang_up, shutdown_and_exit, exit_alone, terminate, interrupt])
@pytest.mark.parametrize("how", BOTH)
def test_every_ending_stops_the_background_first(how: list[str], ending: Callable[[ProcessPeer], int]) -> None:
    """(1) In time, in good order, with the right exit code."""
    with ProcessPeer([*PROBE, *how]) as peer:
        peer.initialize()
        code = ending(peer)
        assert peer.wait(EXIT_S) == code
        assert peer.errors() == "stopped in good order\n"


@pytest.mark.parametrize("ending", [shutdown_and_hang_up, nonsense])
def test_other_endings(ending: Callable[[ProcessPeer], int]) -> None:
    with ProcessPeer(PROBE) as peer:
        peer.initialize()
        code = ending(peer)
        assert peer.wait(EXIT_S) == code
        assert "stopped in good order\n" in peer.errors()


def test_an_ending_before_initialize() -> None:
    with ProcessPeer(PROBE) as peer:
        peer.hang_up()
        assert peer.wait(EXIT_S) == 1


def test_an_editor_that_dies_without_reading() -> None:
    """Its pipe is full and then closed: neither blocks the end."""
    with ProcessPeer(PROBE) as peer:
        peer.initialize()
        for number in range(3):
            peer.send({"id": number, "method": "x/big"})
        assert peer.process.stdout is not None
        peer.process.stdout.close()
        peer.hang_up()
        assert peer.wait(EXIT_S) == 1


def test_signals_are_heard_while_the_client_does_not_read() -> None:
    """Writing happens on a thread: a full pipe stops nobody."""
    with ProcessPeer(PROBE) as peer:
        peer.initialize()
        for number in range(3):
            peer.send({"id": number, "method": "x/big"})
        peer.process.send_signal(signal.SIGTERM)
        assert peer.wait(EXIT_S + 1) == 128 + signal.SIGTERM


def test_a_shutdown_is_read_while_threads_work() -> None:
    """(8) Standard input has a thread of its own. (Stock pygls reads it on the pool that the handlers fill.)"""
    with ProcessPeer(PROBE) as peer:
        peer.initialize()
        for number in range(40):
            peer.send({"id": number, "method": "x/slow"})
        before = time.monotonic()
        peer.request("shutdown", number="s")
        assert time.monotonic() - before < 0.8


@pytest.mark.parametrize("how", BOTH)
def test_stdout_and_stdin_belong_to_the_wire(how: list[str]) -> None:
    """A stray print goes to standard error; a child process reads nothing of the editor's."""
    with ProcessPeer([*PROBE, *how]) as peer:
        peer.initialize()
        peer.send_bytes(
            encode(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "x/print"}).encode())
            + encode(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "shutdown"}).encode())
        )
        assert peer.reply(1, timeout=3)["result"] == "printed"
        assert peer.reply(2, timeout=3)["result"] is None
        peer.notify("exit")
        assert peer.wait(EXIT_S) == 0
        assert "a stray print" in peer.errors()


@pytest.mark.parametrize("what", ["x/stuck", "x/deaf"])
def test_what_will_not_end_does_not_keep_the_process(what: str) -> None:
    """A thread that is stuck, a task that swallows its cancellation."""
    with ProcessPeer(PROBE) as peer:
        peer.initialize()
        peer.send({"id": 5, "method": what})
        shutdown_and_exit(peer)
        assert peer.wait(EXIT_S) == 0


def test_a_background_that_does_not_stop_is_left() -> None:
    """(10) After 1.5 s, before the editor kills."""
    with ProcessPeer([*PROBE, "never-stops"]) as peer:
        peer.initialize()
        shutdown_and_exit(peer)
        assert peer.wait(EXIT_S) == 0
        assert "did not stop within 1.5 s" in peer.errors()


def test_a_loop_that_is_blocked_at_the_end_is_left() -> None:
    """Whatever somebody does on the loop while it closes: a thread ends the process."""
    with ProcessPeer([*PROBE, "blocks-the-loop"]) as peer:
        peer.initialize()
        shutdown_and_exit(peer)
        assert peer.wait(EXIT_S + 1) == 0


def test_the_process_ends_with_its_client_killed() -> None:
    """The client is a process that is killed with SIGKILL; only the pipe tells the server."""
    code = (
        f"import subprocess; p = subprocess.Popen({PROBE!r}, stdin=subprocess.PIPE); print(p.pid, flush=True); p.wait()"
    )
    client = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.wait()
    client.stdout.close()
    deadline = time.monotonic() + EXIT_S
    while _runs(pid):
        assert time.monotonic() < deadline, "the server outlived its client"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
