"""One side of a session at work: a folder, two editors with a server each, and a command line."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from rigs.soak import acts
from rigs.soak.ledger import Ledger
from rigs.soak.peer import GoneError, Peer, RefusedError, UnansweredError

PROGRAMS: Final = Path(sys.executable).parent
COMMAND_S: Final = 90.0
"""A command that takes longer, though nobody stopped it, hangs. Its own longest wait is 2 s."""

INTERNAL_ERROR: Final = -32603
FILES: Final = ("src/first.py", "src/second.py")
SLOTS: Final = ("0", "1")
_NAMES = re.compile(r"[0-9a-f]{8}[0-9a-f-]*|/\S+|\d+")


@dataclass(frozen=True, slots=True)
class Reply:
    """How long one request took, in s; ``disturbed``: the server itself was stopped meanwhile."""

    at: float
    method: str
    took_s: float
    disturbed: bool


@dataclass
class Desk:
    """The people of one side. Every public method may be called from any thread."""

    name: str
    role: str
    folder: Path
    environment: Mapping[str, str]
    ledger: Ledger
    chance: random.Random
    over: threading.Event
    """Set when people stop working; servers stay."""
    peers: dict[str, Peer] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    """Servers that have opened the session."""
    replies: list[Reply] = field(default_factory=list)
    exercises: dict[str, str] = field(default_factory=dict)
    """What the sidebar last showed: exercise id → status."""
    stuck: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._closing = threading.Event()
        self._doom: tuple[float, threading.Event, list[bool]] | None = None
        self._typical_s = 1.0
        self.command: subprocess.Popen[str] | None = None
        self._threads: list[threading.Thread] = []

    @property
    def journal(self) -> Path:
        """The database of this side."""
        return self.folder / ".colearner" / "journal.db"

    @property
    def lock(self) -> Path:
        """The file whose lock says who runs sync here."""
        return self.folder / ".colearner" / "sync.lock"

    def pids(self) -> list[int]:
        """Processes of this side that run now (stopped ones left out)."""
        found = [peer.pid for peer in list(self.peers.values()) if peer.alive and not peer.stopped]
        command = self.command
        return [*found, command.pid] if command is not None and command.poll() is None else found

    # -- the working day

    def begin(self) -> None:
        """Everybody sits down."""
        for slot in SLOTS:
            self._run(f"{self.name} editor {slot}", partial(self._sit, slot))
        self._run(f"{self.name} terminal", self._type_commands)

    def _run(self, name: str, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - a thread that died silently would make the run look calm
                self.ledger.fault(f"the soak itself failed: {type(error).__name__}: {error}", thread=name)

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """End the servers in order and reap everything."""
        self.over.set()
        self._closing.set()
        command = self.command
        if command is not None and command.poll() is None:
            command.kill()
        for slot, peer in list(self.peers.items()):
            alive = peer.alive
            code = peer.end()
            if alive and code != 0:
                self.ledger.fault(f"a server did not end in order: {code}", side=self.name, slot=slot)
        for thread in self._threads:
            thread.join(10)
        for peer in list(self.peers.values()):
            peer.close()

    # -- an editor

    def _sit(self, slot: str) -> None:
        chance = random.Random(f"{self.name} {slot} {self.chance.random()}")
        while not self._closing.is_set():
            self.ready.discard(slot)
            began = time.monotonic()
            log = self.folder.parent / f"{self.role}-{slot}.log"
            peer = Peer([str(PROGRAMS / "colearner-ls"), "--stdio"], self.folder, self.environment, log)
            self.peers[slot] = peer
            try:
                self._open_session(peer, slot)
                self.ledger.log("started", side=self.name, slot=slot, pid=peer.pid, took_s=time.monotonic() - began)
                self._work(acts.Editor(peer, self, chance, FILES[int(slot)]))
                self._closing.wait()
            except GoneError:
                self._gone(peer, slot)
            except UnansweredError as silence:
                self.ledger.fault(str(silence), side=self.name, slot=slot, pid=peer.pid)
                peer.kill()
            if not self._closing.is_set():
                peer.close()
                # People take a moment to open the window again.
                self._closing.wait(chance.uniform(0.0, 1.0))

    def _gone(self, peer: Peer, slot: str) -> None:
        if self._closing.is_set():
            return
        with suppress(subprocess.TimeoutExpired):
            peer.process.wait(10)
        code = peer.process.poll()
        if code != -signal.SIGKILL:
            self.ledger.fault(f"a server ended by itself with {code}", side=self.name, slot=slot, pid=peer.pid)

    def _open_session(self, peer: Peer, slot: str) -> None:
        peer.initialize()
        while True:
            with suppress(RefusedError):
                state, _ = peer.request("colearner/state", {})
                if (state or {}).get("session"):
                    self.ready.add(slot)
                    return
            if self._closing.wait(0.1):
                return

    def _work(self, editor: acts.Editor) -> None:
        editor.open()
        while not self.over.wait(editor.chance.uniform(0.3, 1.8)):
            try:
                act = editor.choose()
                act()
            except RefusedError as error:
                self.refused(error)

    def refused(self, error: RefusedError) -> None:
        """An error that a server answered with."""
        if error.code == INTERNAL_ERROR:
            self.ledger.fault(f"a server answered with an internal error: {error}", side=self.name)
        else:
            self.ledger.refuse(self.name, _NAMES.sub("…", str(error)))

    def timed(self, peer: Peer, method: str, params: Any) -> Any:
        """Ask, and note how long it took. Raises the errors of :mod:`rigs.soak.peer`."""
        began = time.monotonic()
        result, took = peer.request(method, params)
        self.replies.append(Reply(self.ledger.now, method, took, peer.disturbed_since(began)))
        return result

    # -- the terminal

    def kill_next_command(self, fraction: float) -> bool:
        """``kill -9`` the next command after this part of the time it would take; whether that came before its end."""
        done, killed = threading.Event(), [False]
        self._doom = (fraction, done, killed)
        while not done.wait(0.2):
            if self.over.is_set():
                return False
        return killed[0]

    def _type_commands(self) -> None:
        while not self.over.is_set():
            doom, self._doom = self._doom, None
            arguments = acts.command_line(self.role, self.chance, self.exercises, self.stuck)
            killed = self._command(arguments, doom[0] if doom else None)
            if doom is not None:
                doom[2][0] = killed
                doom[1].set()
            pause = time.monotonic() + self.chance.uniform(2.0, 5.0)
            while self._doom is None and time.monotonic() < pause and not self.over.wait(0.05):
                pass

    def _command(self, arguments: Sequence[str], doom: float | None) -> bool:
        began = time.monotonic()
        process = subprocess.Popen(
            [str(PROGRAMS / "colearner"), "--json", "--yes", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.command = process
        if doom is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(doom * self._typical_s)
            process.kill()
        try:
            output, errors = process.communicate(timeout=COMMAND_S)
        except subprocess.TimeoutExpired:
            process.kill()
            output, errors = process.communicate()
            self.ledger.fault(f"colearner {arguments[0]} did not end within {COMMAND_S:g} s", side=self.name)
        if doom is None:
            self._typical_s = 0.8 * self._typical_s + 0.2 * (time.monotonic() - began)
        self._note_command(arguments, process.returncode, output, errors)
        return process.returncode == -signal.SIGKILL

    def _note_command(self, arguments: Sequence[str], code: int, output: str, errors: str) -> None:
        with suppress(ValueError):
            self.acknowledged("colearner", json.loads(output))
        # Exit 1 without these words is a refusal that tells why: a process that was stopped with the journal locked, say.
        if "a fault of ours" in errors or "Traceback" in errors:
            self.ledger.fault(f"colearner {arguments[0]} ended with {code}: {errors.strip()[-600:]}", side=self.name)
        elif code not in (0, -signal.SIGKILL):
            words = (errors.strip().splitlines() or [""])[0]
            self.ledger.refuse(self.name, f"colearner {arguments[0]}: exit {code}: {_NAMES.sub('…', words)}")

    def acknowledged(self, by: str, answer: Any) -> None:
        """Write down what a process said is stored."""
        if isinstance(answer, dict) and answer.get("event_id"):
            self.ledger.store(self.name, by, [answer["event_id"], *(answer.get("evidence") or [])])

    def run(self, *arguments: str) -> Any:
        """A command that must succeed, outside of the chaos; what it printed. Raises :class:`RuntimeError`."""
        done = subprocess.run(
            [str(PROGRAMS / "colearner"), "--json", "--yes", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            check=False,
            start_new_session=True,  # as with servers: Ctrl-C is for the soak
        )
        if done.returncode != 0:
            raise RuntimeError(f"colearner {' '.join(arguments)} ended with {done.returncode}: {done.stderr[-600:]}")
        answer = json.loads(done.stdout)
        self.acknowledged("colearner", answer)
        return answer


def clean_environment(home: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any settings of colearner's, with a user data folder of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLEARNER_", "AAFW_"))}
    return {**kept, "COLEARNER_HOME": str(home), **extra}
