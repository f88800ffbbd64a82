"""Syncing once beside whoever holds sync."""

from __future__ import annotations

import time

from colearner_ls.sync.holder import SyncHolder
from colearner_ls.workspace.syncing import sync_once
from tests.workspace.conftest import Pair


def test_a_holder_that_does_nothing_is_waited_for_no_longer_than_asked(pair: Pair) -> None:
    holder = SyncHolder(pair.student.settings.folder)
    assert holder.try_acquire()
    pair.student.journal.bus_values.put(pair.student.settings.bus.key, {"caught_up": False})
    start = time.monotonic()
    outcome = sync_once(pair.student, wait=0.5, fetch=True)
    assert outcome.held_by is not None
    assert not outcome.fetched
    assert 0.4 < time.monotonic() - start < 10
    holder.release()


def test_a_holder_that_could_not_write_its_name_does_not_keep_us_for_ever(pair: Pair) -> None:
    holder = SyncHolder(pair.student.settings.folder)
    assert holder.try_acquire()
    (pair.student.settings.folder / "sync.lock").write_text("")
    before = time.process_time()
    outcome = sync_once(pair.student, wait=0.5, fetch=True)
    assert outcome.error
    assert time.process_time() - before < 0.4, "it spun"
    holder.release()
