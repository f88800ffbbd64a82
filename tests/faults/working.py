"""A process that works in a folder with sync running, as an editor's server does; told what to do line by line.

``python -m tests.faults.working ROOT``: each line of its input is a number of events to store; it answers when they are.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.writing import Outgoing

from .matrix import syncing

AT_ONCE = 25
"""Events of one transaction: what an hour of saves says is said here in seconds, without as many fsyncs."""


def edit(number: int) -> Outgoing:
    """What an editor says by itself when a file was saved."""
    changed = {"path": f"src/module_{number % 50}.py", "sha256": f"{number:064x}", "bytes": number}
    return Outgoing("progress_update", {"completed": [], "files_changed": [changed]})


def main(root: Path) -> None:
    workspace = Workspace.open(resolve(root, Overrides(), dict(os.environ)))
    written = 0
    with syncing(workspace):
        print(json.dumps({"threads": threading.active_count()}), flush=True)
        for line in sys.stdin:
            for _ in range(int(line) // AT_ONCE):
                *before, last = [edit(written + index) for index in range(AT_ONCE)]
                workspace.write(last, before=before)
                written += AT_ONCE
            workspace.snapshot()
            print(json.dumps({"written": written}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
