"""What a learner has learned: plan steps, completed steps and confidence (contracts.md, *Feedback* and *Plan*)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from colearner_ls.domain.state import PlanStep

CONFIDENCE_DIGITS: Final = 9
"""Confidence is rounded to so many decimals: ten times 0.1 is 1, not 0.9999999999999999."""


class Learning:
    """Plan, completed steps and confidence at one place in the order."""

    def __init__(self) -> None:
        self.goals: tuple[str, ...] = ()
        self.confidence: dict[str, float] = {}
        """Topic → 0..1."""
        self._steps: list[list[str]] = []
        self._completed: dict[str, None] = {}

    @property
    def plan(self) -> tuple[PlanStep, ...]:
        """The steps of the plan."""
        return tuple(PlanStep(name, topic, status) for name, topic, status in self._steps)

    @property
    def completed(self) -> tuple[str, ...]:
        """Ids of the steps that were completed, in the plan or not, in the order of completion."""
        return tuple(self._completed)

    def replace_plan(self, steps: Iterable[Sequence[str]], goals: Iterable[str] | None) -> None:
        """A new plan: its steps stand in the place of the old ones, but what was completed stays done. Goals stay
        where the new plan has none."""
        self._steps = [[name, topic, "done" if name in self._completed else status] for name, topic, status in steps]
        if goals is not None:
            self.goals = tuple(goals)

    def complete(self, steps: Iterable[str]) -> None:
        """Steps are completed; nothing takes that back."""
        fresh = [step for step in steps if step not in self._completed]
        if not fresh:
            return
        self._completed.update(dict.fromkeys(fresh))
        for step in self._steps:
            if step[0] in self._completed:
                step[2] = "done"

    def pass_step(self, step_id: str | None) -> None:
        """A ``pass``: the exercise's step is completed and the next ``todo`` step becomes ``next``, where none is."""
        place = 0
        if step_id is not None:
            self.complete([step_id])
            place = next((index for index, step in enumerate(self._steps) if step[0] == step_id), 0)
        if any(step[2] == "next" for step in self._steps):
            return
        for step in self._steps[place:] + self._steps[:place]:
            if step[2] == "todo":
                step[2] = "next"
                return

    def state_confidence(self, topic: str, value: float) -> None:
        """The learner's own statement about a topic, clamped to 0..1."""
        self.confidence[topic] = _clamped(value)

    def move_confidence(self, delta: float, topic: str | None) -> None:
        """A feedback's delta: added to the topic (from 0 where there is none), or to every topic, clamped to 0..1."""
        for name in [topic] if topic is not None else list(self.confidence):
            self.confidence[name] = _clamped(self.confidence.get(name, 0.0) + delta)


def _clamped(value: float) -> float:
    return round(min(1.0, max(0.0, value)), CONFIDENCE_DIGITS)
