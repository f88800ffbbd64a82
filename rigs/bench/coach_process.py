"""``python -m rigs.bench.coach_process``: a coach's program that holds sync, in the folder it is started in.

It prints ``holding`` once its sync is connected. For every line on stdin it gives a feedback whose one mistake says that
line, and prints the moment (ns, ``time.monotonic_ns``) at which the commit returned: from then on the student's word counts.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from colearner_ls.workspace import requests
from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.syncing import run_sync

FILE = "graph.py"


def main() -> int:
    """Until stdin ends."""
    workspace = Workspace.open(resolve(Path.cwd(), Overrides(), os.environ))
    committed: list[int] = []
    append = workspace.journal.append

    def noted(*drafts: Any, **more: Any) -> Any:
        stored = append(*drafts, **more)
        committed.append(time.monotonic_ns())
        return stored

    workspace.journal.append = noted  # type: ignore[method-assign]  # the clock stands where the commit returns
    threading.Thread(target=lambda: asyncio.run(run_sync(workspace)), daemon=True).start()
    while not workspace.snapshot().sync.connected:
        time.sleep(0.05)
    print("holding", flush=True)
    exercise = workspace.learner().exercises[0].id
    for line in sys.stdin:
        mistake = requests.MistakeAt(line.strip(), requests.Place(FILE, 1, 1))
        workspace.do(requests.GiveFeedback(exercise, "revise", (mistake,), next_step="Look again."))
        print(committed[-1], flush=True)
    os._exit(0)  # the broker goes next; nobody waits for this one's goodbye


if __name__ == "__main__":
    sys.exit(main())
