"""Keeping ``lifecycle.jsonl`` and ``learning.json`` up with the journal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from colearner_ls.journal.errors import JournalError
from colearner_ls.journal.learning_file import LearningFile, LearningWritten
from colearner_ls.journal.lifecycle_file import LifecycleFile, LifecycleWritten

if TYPE_CHECKING:
    from colearner_ls.workspace.door import Workspace


def project(ws: Workspace) -> tuple[str, ...]:
    """Bring both files up to date; what a person should be told of it, one sentence each.

    The events are safe in the journal by then, so a file that cannot be written is said, not raised.
    """
    said: list[str] = []
    try:
        said.extend(_of_lifecycle(LifecycleFile(ws.journal).update()))
        state, me = ws.session_state(), ws.learner()
        mine = replace(state, learners={me.student_id or "": me})
        said.extend(_of_learning(LearningFile(ws.journal).write(mine, me.student_id)))
        ws.store_snapshot()
    except JournalError as error:
        said.append(f"The files beside the journal are not up to date: {error.message}")
    return tuple(said)


def _of_lifecycle(written: LifecycleWritten) -> Iterator[str]:
    if written.remarks:
        yield f"lifecycle.jsonl held {written.remarks} remarks of another program; they are kept here and not sent."
    if written.adopted:
        yield f"lifecycle.jsonl held {written.adopted} own events that the journal had lost; they are back."
    if written.kept:
        yield f"lifecycle.jsonl held lines that are no events; the file is kept as {written.kept.name}."


def _of_learning(written: LearningWritten) -> Iterator[str]:
    if written.imported:
        yield f"learning.json was changed by another program: it was taken in, and is kept as {written.imported.name}."
    if written.unreadable:
        yield f"learning.json was not JSON: nothing was taken from it, and it is kept as {written.unreadable.name}."
