"""Runs the broker as its child and ends it when the process that asked for it is gone, however that died.

Started by :mod:`rigs.kafka.broker` as a script: ``keeper.py FOLDER_TO_REMOVE|- COMMAND…``. Its standard input is a pipe
that only the asking process holds: end of file means that it is gone, and nothing has to be said by it. Standard
library only, for it starts with ``python -I -S``.
"""

import ctypes
import os
import select
import shutil
import signal
import subprocess
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal that the kernel sends the child when its parent dies."""


def die_with_parent() -> None:
    """In the child, before exec: nobody may outlive a keeper that was killed itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> int:
    """Print the child's process id, wait for the child or for the end of file, and leave nothing behind."""
    folder, command = sys.argv[1], sys.argv[2:]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent) as child:
        print(child.pid, flush=True)
        # The broker's output goes to a file of its own; the pipe to whoever asked has told all.
        os.close(1)
        ended = os.pidfd_open(child.pid) if hasattr(os, "pidfd_open") else None
        watched = [0] if ended is None else [0, ended]
        while child.poll() is None:
            readable, _, _ = select.select(watched, [], [], 0.5)
            if 0 in readable and not os.read(0, 1):
                child.kill()
                child.wait()
                if folder != "-":
                    shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
