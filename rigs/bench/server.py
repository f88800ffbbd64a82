"""The language server against a minimal one: how soon it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rigs.bench import peers
from rigs.bench.figures import Figure, Promise, at_most_ratio
from rigs.bench.lsp_client import LspClient, capabilities
from rigs.bench.registry import PROGRAMS, ROOT, Bench, measurement
from rigs.bench.workspaces import Pair, long_file, pair

FLOOR = "a minimal pygls 2.1.1 server that declares the same capabilities (rigs/bench/floors/minimal_server.py)"
FILE = "graph.py"
SHORT_LINES = 200

REPLY = Promise("server-initialize", "spawn → reply to initialize", "ms", at_most_ratio(1.0), FLOOR)
HINTS = Promise("server-first-hints", "spawn → first inlay hints of a file opened", "ms", at_most_ratio(1.0), FLOOR)


def minimal_command(bench: Bench) -> list[str]:
    """How the minimal server is started: a script beside the interpreter, as pip makes them for console scripts."""
    script = bench.folder / "minimal-ls"
    if not script.exists():
        script.write_text(
            f"#!{PROGRAMS / 'python'}\nimport re\nimport sys\nfrom minimal_server import main\n"
            "if __name__ == '__main__':\n"
            "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit(main())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    return [str(script)]


def minimal_environment(bench: Bench, places: int = 1) -> dict[str, str]:
    """The environment of the minimal server: it is found, and knows how many constants to return."""
    return bench.environment(PYTHONPATH=str(ROOT / "rigs" / "bench" / "floors"), MINIMAL_PLACES=str(places))


def same_capabilities(bench: Bench, folder: Pair, said: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What our server and the minimal one declare to the same client; the comparison is fair while they are equal."""
    ours = LspClient([str(PROGRAMS / "colearner-ls")], folder.student, folder.environment, bench.folder / "ours.log")
    try:
        declared = ours.initialize(dict(said))
    finally:
        ours.stop()
    floor = LspClient(minimal_command(bench), folder.student, minimal_environment(bench), bench.folder / "floor.log")
    try:
        return declared, floor.initialize(dict(said))
    finally:
        floor.stop()


def start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, said: Mapping[str, Any]
) -> float:
    """Milliseconds from the spawn to the reply to ``initialize``."""
    client = LspClient(command, folder, environment, log)
    try:
        client.initialize(dict(said))
        taken = time.perf_counter() - client.began
        client.notify("initialized", {})
        return taken * 1000
    finally:
        client.stop()


def first_hints(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], log: Path, said: Mapping[str, Any]
) -> float:
    """Milliseconds from the spawn to the first hints of a document, asked again where the server says so."""
    client = LspClient(command, folder, environment, log)
    try:
        client.initialize(dict(said))
        client.notify("initialized", {})
        uri = client.open(folder / FILE)
        while not client.inlay_hints(uri, SHORT_LINES):
            seen = len(client.heard)
            client.wait(partial(_refreshed, client, seen), "refresh of the hints")
        return (time.perf_counter() - client.began) * 1000
    finally:
        client.stop()


def _refreshed(client: LspClient, seen: int) -> bool:
    return any(each["method"] == "workspace/inlayHint/refresh" for each in client.heard[seen:])


@measurement(REPLY, HINTS)
def starts(bench: Bench) -> Iterator[Figure]:
    """Both starts, with the capabilities of VS Code's client."""
    said = capabilities("vscode")
    folder = pair(bench, "bench", {FILE: long_file(SHORT_LINES)})
    folder.assign(f"{FILE}:1")
    folder.fetch()
    declared = same_capabilities(bench, folder, said)
    note = "" if declared[0] == declared[1] else "the two servers declare different capabilities: not a fair comparison"
    log = bench.folder / "server.log"
    ours = ([str(PROGRAMS / "colearner-ls")], folder.student, folder.environment, log, said)
    floor = (minimal_command(bench), folder.student, minimal_environment(bench), log, said)
    sides: dict[str, Callable[[], float]] = {"ours": lambda: start(*ours), "floor": lambda: start(*floor)}
    found, missing = peers.commands(bench)
    for name, command in found.items():
        sides[name] = partial(start, command, folder.student, bench.environment(), log, said)
    taken = bench.interleaved(sides, 30)
    yield REPLY.paired(
        taken["ours"], taken["floor"], beside={name: taken[name] for name in found}, note=f"{note} {missing}".strip()
    )
    taken = bench.interleaved({"ours": lambda: first_hints(*ours), "floor": lambda: first_hints(*floor)}, 30)
    yield HINTS.paired(taken["ours"], taken["floor"], note=note)
