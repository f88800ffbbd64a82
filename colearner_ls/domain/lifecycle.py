"""The stages of a learner: init → plan → practice → review → done (contracts.md, *Lifecycle*)."""

from __future__ import annotations

from typing import Final

from colearner_ls.contracts.frozen import mutable
from colearner_ls.domain.state import STAGES

REMARKS: Final = frozenset({"note", "insight"})
"""Words that peers put in ``stage`` for a remark; they change no stage."""

_RANK: Final = {stage: rank for rank, stage in enumerate(STAGES)}


def is_stage(word: str) -> bool:
    """Whether a ``lifecycle`` event with this word moves the stage; any other word is kept as a remark."""
    return word in _RANK


@mutable
class Lifecycle:
    """Where a learner stands. ``irregular`` stays true once an explicit jump skipped a stage or went back."""

    stage: str = "init"
    irregular: bool = False

    def jump(self, stage: str) -> None:
        """An explicit ``lifecycle`` event: applied always, irregular unless it stays or goes one stage on."""
        if _RANK[stage] - _RANK[self.stage] not in (0, 1):
            self.irregular = True
        self.stage = stage

    def planned(self) -> None:
        """A ``learning_plan`` arrived: init → plan."""
        if self.stage == "init":
            self.stage = "plan"

    def progressed(self) -> None:
        """A ``progress_update`` arrived: init or plan → practice."""
        if self.stage in ("init", "plan"):
            self.stage = "practice"

    def assigned(self, *, reviews_waiting: bool) -> None:
        """An assignment: init or plan → practice, and from review too while nothing waits for review."""
        if self.stage in ("init", "plan") or not reviews_waiting:
            self._move("practice")

    def submitted(self) -> None:
        """A submission → review."""
        self._move("review")

    def revised(self) -> None:
        """A feedback that asks to revise → practice."""
        self._move("practice")

    def closed(self) -> None:
        """``session_closed`` → done."""
        self.stage = "done"

    def _move(self, stage: str) -> None:
        """An automatic move: never irregular, never out of ``done``."""
        if self.stage != "done":
            self.stage = stage
