"""``python -m rigs.bench.use_cases NAME COUNT``: a use case so often, in the folder it is started in.

For measuring what a use case asks of the disk: everything happens in the main thread, and nothing is sent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from colearner_ls.workspace import requests
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.settings import Overrides, resolve

FILE = "graph.py"


def _exercise(workspace: Workspace) -> str:
    return workspace.learner().exercises[0].id


def _submit(workspace: Workspace, number: int) -> None:
    place = requests.Place(FILE, number + 1, number + 2)
    words = f"It returns early now ({number})."
    workspace.do(requests.Submit(_exercise(workspace), words, evidence=(place,), confirmed=True))


def _feedback(workspace: Workspace, number: int) -> None:
    mistake = requests.MistakeAt("No cycle is tested.", requests.Place(FILE, number + 1, number + 1))
    workspace.do(requests.GiveFeedback(_exercise(workspace), "revise", (mistake,), next_step=f"Test one ({number})."))


def _assign(workspace: Workspace, number: int) -> None:
    place = requests.Place(FILE, number + 1, number + 1)
    workspace.do(requests.Assign("graph", f"Make line {number} cope with cycles.", places=(place,)))


USE_CASES: Mapping[str, tuple[str, Callable[[Workspace, int], object]]] = {
    "assign": ("coach", _assign),
    "feedback": ("coach", _feedback),
    "hint": ("coach", lambda ws, number: ws.do(requests.GiveHint(f"Think of line {number}.", _exercise(ws)))),
    "plan": ("coach", lambda ws, number: ws.do(requests.SetPlan((requests.Step("s1", f"topic {number}"),)))),
    "submit": ("student", _submit),
    "evidence": (
        "student",
        lambda ws, number: ws.do(requests.ShareEvidence(requests.Place(FILE, number + 1, number + 3), confirmed=True)),
    ),
    "progress": ("student", lambda ws, number: ws.do(requests.ReportProgress(active_step=f"step-{number}"))),
    "stuck": ("student", lambda ws, number: ws.do(requests.ReportStuck(f"No idea ({number})."))),
}
"""Name → the role that does it, and how."""


def main() -> int:
    """Open the workspace as every program does, do it, close."""
    name, count = sys.argv[1], int(sys.argv[2])
    workspace = Workspace.open(resolve(Path.cwd(), Overrides(), os.environ))
    try:
        for number in range(count):
            USE_CASES[name][1](workspace, number)
    finally:
        workspace.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
