"""A pytest plugin that breaks one promise of the product, to prove that the suite would see it (``-p tests.sync.sabotage``).

``COLEARNER_SABOTAGE`` names what is broken. Nothing of this is in the product.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from colearner_ls.contracts.ids import new_id
from colearner_ls.journal import admitting, adopting, cursors, receiving, rejudging
from colearner_ls.sync import holder


def deduplication_off() -> None:
    """An event that comes twice is stored twice."""

    def admit(db: Any, trusting: Any, accepted: Any, source: str, where: Any, now_us: int) -> Any:
        known = db.execute("SELECT 1 FROM event WHERE id = ?", (accepted.event.id,)).fetchone()
        if known:
            accepted = replace(accepted, event=replace(accepted.event, id=new_id()))
        return admitting.Outcome("new", admitting.put(db, accepted, source, where, replaced=False))

    for room in (receiving, adopting, rejudging):
        if hasattr(room, "admit"):
            room.admit = admit


def cursor_before_its_events() -> None:
    """Cursors are committed in a transaction of their own, before the events they brought."""
    original = receiving.receive

    def receive(db: Any, request: Any) -> Any:
        cursors.move(db, request.bus, request.batch, request.moves)
        db.execute("COMMIT")
        db.execute("BEGIN IMMEDIATE")
        return original(db, replace(request, moves={}))

    receiving.receive = receive


def takeover_lock_off() -> None:
    """Everybody believes to hold sync."""
    holder.SyncHolder.try_acquire = lambda self: True
    holder.SyncHolder.beat = lambda self: True
    holder.SyncHolder.held = property(lambda self: True)


SABOTAGES = {
    "deduplication": deduplication_off,
    "cursor": cursor_before_its_events,
    "lock": takeover_lock_off,
}
SABOTAGES[os.environ["COLEARNER_SABOTAGE"]]()
