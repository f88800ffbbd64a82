"""Loaded by Python at start where a test puts this folder on PYTHONPATH: dies by SIGKILL at a named place.

The console scripts run as they are installed; only the test's environment has this file. ``COLEARNER_TEST_DIE`` names the
place and ``COLEARNER_TEST_DIE_AT`` how often it is passed before. With ``COLEARNER_TEST_STOP`` set the process stops there
once (SIGSTOP) instead, and goes on when it is continued.
"""

import os
import signal
import threading

PLACE = os.environ.get("COLEARNER_TEST_DIE")
STOP = bool(os.environ.get("COLEARNER_TEST_STOP"))


def _die_at(owner, name, *, after):
    original = getattr(owner, name)
    left = int(os.environ.get("COLEARNER_TEST_DIE_AT", "0"))

    def dying(*args, **kwargs):
        nonlocal left
        if left:
            left -= 1
            return original(*args, **kwargs)
        if STOP:
            setattr(owner, name, original)
            result = original(*args, **kwargs) if after else None
            # To this very thread: sent to the process, the signal may take effect after this thread has gone on.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            return result if after else original(*args, **kwargs)
        if after:
            original(*args, **kwargs)
        return os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


if PLACE == "append":  # rows inserted, not committed
    from colearner_ls.journal import appending

    _die_at(appending, "append", after=True)
elif PLACE == "send":  # committed as being sent, nothing handed to the bus
    from colearner_ls.journal.outbox import Outbox

    _die_at(Outbox, "mark_sending", after=True)
elif PLACE == "acknowledge":  # the bus has it, the journal does not know
    from colearner_ls.journal.outbox import Outbox

    _die_at(Outbox, "mark_sent", after=False)
elif PLACE == "cursor":  # events and cursors written, not committed
    from colearner_ls.journal import receiving

    _die_at(receiving, "receive", after=True)
