"""What a keystroke costs in a long file with many exercises, and how long it keeps everything else waiting."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rigs.bench.figures import Figure, Promise, at_most_ratio
from rigs.bench.lsp_client import LspClient, Message, capabilities
from rigs.bench.registry import PROGRAMS, ROOT, Bench, measurement
from rigs.bench.server import FILE, minimal_command, minimal_environment
from rigs.bench.workspaces import LINES_PER_PLACE, Pair, long_file, pair

LINES = 10_000
PLACES = LINES // LINES_PER_PLACE
FLOOR = f"a minimal pygls server that answers with {PLACES} constants"
MIDDLE = LINES // 2

PULLED = Promise(
    "server-typing-pulled",
    f"didChange → fresh hints and diagnostics, both asked for; {LINES:,} lines, {PLACES} exercises",
    "ms",
    at_most_ratio(1.5),
    FLOOR,
)
PUSHED = Promise(
    "server-typing-pushed",
    f"didChange after a pause → hints asked for and diagnostics pushed; {LINES:,} lines, {PLACES} exercises",
    "ms",
    at_most_ratio(1.5),
    FLOOR,
)
HELD = Promise(
    "server-loop-held",
    "the longest step of the event loop while the file is opened and typed in",
    "ms",
    floor="the same in the minimal server",
)


@dataclass
class Typist:
    """A client with the long file open, typing line after line into the middle of it, and taking them out again."""

    client: LspClient
    pushed: bool
    follows: bool = False
    """Whether places must move along with what is typed; constants do not."""
    uri: str = ""
    version: int = 1
    grown: bool = False

    def open(self) -> None:
        """Open the file and wait until everything is shown."""
        self.uri = self.client.open(self.client.folder / FILE)
        self.client.wait(lambda: len(self.client.inlay_hints(self.uri, LINES + 1)) == PLACES, "all hints")
        if self.pushed:
            self.client.wait(lambda: len(self._published(None)) == PLACES, "all diagnostics")

    def type(self) -> float:
        """One change; milliseconds until both hints and diagnostics of the new text are there."""
        self.version += 1
        self.grown = not self.grown
        end = {"line": MIDDLE + (0 if self.grown else 1), "character": 0}
        edit = {
            "range": {"start": {"line": MIDDLE, "character": 0}, "end": end},
            "text": "# typed\n" if self.grown else "",
        }
        self.client.heard.clear()
        began = time.perf_counter()
        document = {"uri": self.uri, "version": self.version}
        self.client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [edit]})
        hints = self.client.inlay_hints(self.uri, LINES + 1)
        shown = self._diagnostics()
        taken = time.perf_counter() - began
        if len(hints) != PLACES or len(shown) != PLACES:
            raise ValueError(f"{len(hints)} hints and {len(shown)} diagnostics, not {PLACES} of each")
        lines = [hints[-1]["position"]["line"], shown[-1]["range"]["start"]["line"]]
        last = LINES - LINES_PER_PLACE + int(self.grown and self.follows)
        if lines != [last, last]:
            raise ValueError(f"the last hint and diagnostic stand on lines {lines}, not on {last}")
        return taken * 1000

    def _diagnostics(self) -> list[Message]:
        if not self.pushed:
            asked = {"textDocument": {"uri": self.uri}}
            return list(self.client.request("textDocument/diagnostic", asked)["items"])
        return list(self.client.wait(lambda: self._published(self.version), "diagnostics of the new text"))

    def _published(self, version: int | None) -> list[Message]:
        found = [
            each["params"]
            for each in self.client.heard
            if each["method"] == "textDocument/publishDiagnostics"
            and each["params"].get("version") in (None, version or each["params"].get("version"))
        ]
        return list(found[-1]["diagnostics"]) if found else []


def _folder(bench: Bench) -> Pair:
    made = pair(bench, "typing", {FILE: long_file(LINES)})
    made.assign_many(FILE, range(1, LINES, LINES_PER_PLACE))
    made.fetch()
    return made


@contextmanager
def _typist(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, *, pushed: bool, follows: bool
) -> Iterator[Typist]:
    client = LspClient(command, folder, environment, log)
    try:
        client.initialize(capabilities("neovim-0.11" if pushed else "vscode"))
        client.notify("initialized", {})
        typist = Typist(client, pushed, follows)
        typist.open()
        yield typist
    finally:
        client.stop()


def _after_a_pause(typist: Typist) -> float:
    typist.client.listen(PAUSE_S)
    return typist.type()


PAUSE_S = 0.4
"""Somebody stopped to think before the key: diagnostics are pushed at once then, and put off while keys follow."""


@measurement(PULLED, PUSHED)
def typing(bench: Bench) -> Iterator[Figure]:
    """Both servers stay open and take turns, one change each."""
    folder = _folder(bench)
    floor = {**minimal_environment(bench, PLACES)}
    for promise, pushed in ((PULLED, False), (PUSHED, True)):
        how: Callable[[Typist], float] = _after_a_pause if pushed else Typist.type
        with ExitStack() as both:
            sides = {
                name: both.enter_context(
                    _typist(
                        command,
                        folder.student,
                        environment,
                        bench.folder / f"{name}.log",
                        pushed=pushed,
                        follows=name == "ours",
                    )
                )
                for name, command, environment in (
                    ("ours", [str(PROGRAMS / "colearner-ls")], folder.environment),
                    ("floor", minimal_command(bench), {**floor, **({"MINIMAL_PUSH": "1"} if pushed else {})}),
                )
            }
            taken = bench.interleaved({name: partial(how, side) for name, side in sides.items()}, 60, warm_up=4)
            yield promise.paired(taken["ours"], taken["floor"])


@measurement(HELD)
def held(bench: Bench) -> Iterator[Figure]:
    """Each server runs under a watch of its own loop; the watch costs both the same."""
    folder = _folder(bench)
    taken: dict[str, list[float]] = {"ours": [], "floor": []}
    at_start: dict[str, list[float]] = {"ours": [], "floor": []}
    for _ in range(bench.rounds(5)):
        for name, module, environment in (
            ("ours", "colearner_ls.lsp.main", folder.environment),
            ("floor", "minimal_server", minimal_environment(bench, PLACES)),
        ):
            report = bench.folder / f"{name}-held.json"
            watched = [sys.executable, "-m", "rigs.bench.floors.watched", str(report), module]
            path = ":".join(filter(None, (environment.get("PYTHONPATH"), str(ROOT))))
            with _typist(
                watched,
                folder.student,
                {**environment, "PYTHONPATH": path},
                bench.folder / "held.log",
                pushed=False,
                follows=name == "ours",
            ) as typist:
                ready = time.perf_counter()
                for _ in range(50):
                    typist.type()
            steps: list[tuple[float, float]] = json.loads(report.read_text(encoding="utf-8"))
            report.unlink()
            at_start[name].append(1000 * max([long for when, long in steps if when < ready], default=0.0))
            taken[name].append(1000 * max([long for when, long in steps if when >= ready], default=0.0))
    yield HELD.paired(
        [max(pair) for pair in zip(taken["ours"], at_start["ours"], strict=True)],
        [max(pair) for pair in zip(taken["floor"], at_start["floor"], strict=True)],
        beside={
            "while typing": taken["ours"],
            "while typing, minimal server": taken["floor"],
        },
    )
