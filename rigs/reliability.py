"""docs/reliability.md, made from the fault matrix and the tests that are named by its rows.

``python -m rigs.reliability`` prints the page. ``… record`` takes what the last run of the tests measured
(``test-artifacts/faults``, written by the fixture ``measured``) over into docs/reliability.json, which the page quotes.
"""

from __future__ import annotations

import ast
import datetime
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
ARTIFACTS: Final = ROOT / "test-artifacts" / "faults"
RECORDED: Final = ROOT / "docs" / "reliability.json"
INTRO: Final = Path(__file__).with_name("reliability_intro.md")

_NAME: Final = re.compile(r"test_f(\d\d)_")

ROWS: Final = {
    "F01": "`kill -9` of any process, at random moments",
    "F02": "`kill -9` after the broker has an event and before that is noted",
    "F03": "`kill -9` in the middle of storing what was received, while another process waits to take over",
    "F04": "the broker hangs (SIGSTOP) for longer than a request may take",
    "F05": "the process that runs sync hangs (SIGSTOP) and comes back later",
    "F06": "the broker is killed (SIGKILL, SIGTERM) and comes back",
    "F07": "there is no broker from the start, for hours of work",
    "F08": "the broker comes back under another address",
    "F09": "the broker comes back empty: its disk is lost",
    "F10": "a slow network: latency with jitter, tiny segments, few bytes per second",
    "F11": "connections are reset mid-frame, refused, half-open, or lead nowhere",
    "F12": "bits flip on the wire",
    "F13": "the broker answers with each error code of the protocol, once, three times, for ever",
    "F14": "the broker stores records twice",
    "F15": "records come again, shuffled, replayed from the beginning, or from a month-old outbox",
    "F16": "poison on every topic",
    "F17": "the broker refuses a record as too large",
    "F18": "the disk is full",
    "F21": "damage to the journal, its cursors, its locks and doorbells",
    "F22": "a read-only folder, no inodes, permissions lost",
    "F23": "clocks that jump, in both directions",
    "F24": "many processes append to one file at once",
    "F25": "the event loop is blocked for seconds",
    "F26": "colearner in different versions on the two sides",
    "F27": "two processes start sync at once; the holder is killed",
    "F28": "retention has deleted what was not read yet",
    "F29": "a journal is restored from an old backup",
    "F30": "everything at once, for as long as you like (`make soak`)",
}
"""Row → the fault, in the numbering of the matrix that the project was planned with."""

REREAD: Final = {
    "F03": "a hub's transaction, in the plan; here the same transaction in a workspace",
    "F05": "a hub's group session, in the plan; here the lock that says who runs sync",
    "F29": "a hub's database, in the plan; here a student's journal",
}
"""Rows that were written for a hub, and what stands for it in a workspace."""

LEFT_OUT: Final = {
    "F19": "failing single system calls of the disk needs a shim under SQLite, which SQLite's own tests have",
    "F20": "a cut of power, likewise; the journal is committed with `synchronous=FULL`, with one fsync before anyone is told",
}


@dataclass(frozen=True, slots=True)
class MatrixTest:
    """One test of the matrix: its row, where it stands, and the first line of its docstring, which is the promise."""

    row: str
    name: str
    file: str
    promise: str


def row_of(test: str) -> str | None:
    """The row that a test is named by: ``test_f07_…`` → ``F07``."""
    found = _NAME.match(test)
    return f"F{found[1]}" if found else None


def matrix_tests() -> list[MatrixTest]:
    """Every test that is named by a row, by row and name."""
    return sorted(_tests(), key=lambda each: (each.row, each.file, each.name))


def _tests() -> Iterator[MatrixTest]:
    for path in (ROOT / "tests").rglob("test_*.py"):
        text = path.read_text(encoding="utf-8")
        if "def test_f" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (row := row_of(node.name)):
                promise = (ast.get_docstring(node) or "").partition("\n")[0]
                yield MatrixTest(row, node.name, path.relative_to(ROOT).as_posix(), promise)


def recorded() -> dict[str, dict[str, str]]:
    """Test → what it measured last (``outcome``) and on which day, UTC (``on``)."""
    if not RECORDED.is_file():
        return {}
    known: dict[str, dict[str, str]] = json.loads(RECORDED.read_text(encoding="utf-8"))
    return known


def record() -> int:
    """Take over what the tests left in :data:`ARTIFACTS`; how many outcomes. Tests that are no more are forgotten."""
    names = {test.name for test in matrix_tests()}
    known = {name: outcome for name, outcome in recorded().items() if name in names}
    found: dict[str, list[str]] = {}
    days: dict[str, str] = {}
    for path in sorted(ARTIFACTS.glob("F*.json")):
        outcome = json.loads(path.read_text(encoding="utf-8"))
        if outcome["test"] in names:
            found.setdefault(outcome["test"], []).append(outcome["outcome"])
            day = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.UTC).date().isoformat()
            days[outcome["test"]] = day
    for name, outcomes in found.items():
        known[name] = {"outcome": "; ".join(outcomes), "on": days[name]}
    RECORDED.write_text(json.dumps(known, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    return len(found)


def page() -> str:
    """docs/reliability.md."""
    tests: dict[str, list[MatrixTest]] = {}
    for test in matrix_tests():
        tests.setdefault(test.row, []).append(test)
    outcomes = recorded()
    parts = [INTRO.read_text(encoding="utf-8").rstrip(), "", "## The rows", ""]
    for row, fault in ROWS.items():
        reread = f" ({REREAD[row]})" if row in REREAD else ""
        parts += [f"### {row}: {fault}{reread}", ""]
        for test in tests.get(row, []):
            parts += [f"{test.promise}", "", f"* test: `{test.file}::{test.name}`"]
            seen = outcomes.get(test.name)
            parts += [f"* last measured ({seen['on']}): {seen['outcome']}" if seen else "* not measured yet", ""]
        if row not in tests:
            parts += ["No test yet.", ""]
    parts += ["## Left out", ""]
    parts += [f"* {row}: {why}." for row, why in LEFT_OUT.items()]
    return "\n".join(parts) + "\n"


def main(arguments: list[str]) -> int:
    """Exit code 0, or 2 for arguments that mean nothing."""
    if arguments == ["record"]:
        print(f"reliability: {record()} outcomes taken over (make docs writes the page)")
        return 0
    if arguments:
        print("usage: python -m rigs.reliability [record]", file=sys.stderr)
        return 2
    sys.stdout.write(page())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
