"""Logs: to stderr when ``COLEARNER_LOG`` asks for it; faults always to a file in the user data folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from colearner_ls.contracts.errors import BadInput

LEVELS: Final = ("debug", "info", "warning", "error")
FAULT_LOG: Final = "colearner.log"
MAX_LOG_BYTES: Final = 1 << 20
"""Beyond this the log is moved to ``colearner.log.1`` and begun anew."""


def set_up_logging(level: str | None) -> None:
    """Log to stderr from ``level`` on; without one, nothing a library has to say reaches the person.

    Raises :class:`BadInput` for a level that is none.
    """
    import logging

    if not level:
        logging.getLogger().addHandler(logging.NullHandler())
        return
    if level.lower() not in LEVELS:
        raise BadInput(f"COLEARNER_LOG is “{level}”.", f"Accepted: {', '.join(LEVELS)}.")
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def record_fault(error: BaseException) -> Path | None:
    """Append the traceback of ``error`` to the fault log and return its path; ``None`` where it cannot be written.

    The arguments of the command line are left out: they may hold an invite, a password or somebody's words.
    """
    import platform
    import traceback
    from datetime import UTC, datetime

    from colearner_ls import __version__
    from colearner_ls.workspace.settings import user_data_folder

    now = datetime.now(UTC).isoformat(timespec="seconds")
    versions = f"colearner {__version__}, Python {platform.python_version()}, {platform.platform()}"
    head = f"--- {now} {versions}, pid {os.getpid()}\n"
    text = head + "".join(traceback.format_exception(error))
    try:
        path = user_data_folder(os.environ) / FAULT_LOG
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_name(FAULT_LOG + ".1"))
        path.touch(mode=0o600)
        with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
            log.write(text)
    except OSError:
        return None
    return path
