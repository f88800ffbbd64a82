"""To which exercise a submission or a feedback belongs (contracts.md, *Matching*).

What is named belongs where its name says, wherever that stands (`fold_names`). What is named by nothing is guessed from
how things stood at its place in the order: one candidate is a guess, several are none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Final

from colearner_ls.contracts.frozen import frozen
from colearner_ls.domain.fold_items import Item
from colearner_ls.domain.fold_names import Names

LOOK_AHEAD_US: Final = 5 * 60 * 1_000_000
"""A feedback may belong to the one submission that stands at most so long after it (µs; rule 3): peers' clocks
differ."""


@frozen
class Match:
    """Where a submission or feedback belongs: exercise and (for feedback) submission, each ``None`` where unknown."""

    exercise: str | None = None
    submission: str | None = None
    inferred: bool = False
    assessed: tuple[str, ...] = ()
    """Of a feedback: the submissions that wait no longer."""


NOWHERE: Final = Match()


class Matcher:
    """Matches in fold order. Told what became of the exercises, it knows which are open and which wait for review."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.open: dict[str, None] = {}
        """Exercises that are neither passed, declined nor withdrawn at this place in the order."""
        self.unassessed: dict[str | None, list[str]] = {}
        """Exercise → its submissions that no feedback belongs to yet; ``None``: of those that stand by themselves."""
        self.assessed: dict[str, str] = {}
        """Submission → the newest feedback that belongs to it, also where the submission stands later."""
        self._exercise_of: dict[str, str | None] = {}
        self._order: list[Item] = []
        self._looked_ahead = -LOOK_AHEAD_US

    def foresee(self, items: Sequence[Item]) -> None:
        """Takes in the submissions to come, for rule 3."""
        self._order += [item for item in items if item[2] == "submission"]

    def unsettle(self, item: Item) -> bool:
        """Whether an item would have changed a guess that was made."""
        return item[2] == "submission" and item[0] <= self._looked_ahead + LOOK_AHEAD_US

    def submission(self, item: Item) -> Match:
        """Where a submission belongs; notes it as unassessed unless a feedback before it is its own."""
        named = self.names.exercise_of(item)
        match = Match(named) if named is not None else self._guess(item)
        self._exercise_of[item[1]] = match.exercise
        if item[1] not in self.assessed:
            self.unassessed.setdefault(match.exercise, []).append(item[1])
        return match

    def feedback(self, item: Item) -> Match:
        """Where a feedback belongs; what it assesses waits no longer. It assesses the submission it names and those
        of the same exercise before that one, or, naming only the exercise, all of them that stand before it."""
        exercise, submission = self.names.of_feedback(item)
        inferred = False
        if exercise is None and submission is None:
            guess = self._guess(item)
            exercise, submission, inferred = guess.exercise, guess.submission, guess.inferred
        done: list[str] = []
        if submission is not None and submission in self._exercise_of:
            exercise = exercise or self._exercise_of[submission]
            done = self._assess(self._exercise_of[submission], submission)
        elif submission is None and exercise is not None:
            done = self.unassessed.pop(exercise, [])
            submission = done[-1] if done else None
        if submission is not None and submission not in done:
            done = [*done, submission]
        self.assessed.update(dict.fromkeys(done, item[1]))
        return Match(exercise, submission, inferred, tuple(done))

    def exercise_of(self, submission: str) -> str | None:
        """The exercise of a submission that was already matched."""
        return self._exercise_of.get(submission)

    def _assess(self, exercise: str | None, submission: str) -> list[str]:
        """Takes a submission, and those of the same exercise before it, off the unassessed; returns them."""
        waiting = self.unassessed.get(exercise, [])
        if submission not in waiting:
            return []
        cut = waiting.index(submission) + 1
        first = cut - 1 if exercise is None else 0
        done = waiting[first:cut]
        del waiting[first:cut]
        if not waiting:
            del self.unassessed[exercise]
        return done

    def _guess(self, item: Item) -> Match:
        """Rules 2 to 4."""
        waiting = len(self.unassessed) - (None in self.unassessed)
        if waiting == 1:
            return Match(next(name for name in self.unassessed if name is not None), inferred=True)
        ahead = self._ahead(item)
        if ahead is not None:
            exercise = self.names.exercise_of(self.names.submissions[ahead])
            if item[2] == "feedback":
                return Match(exercise, ahead, inferred=True)
            if exercise is not None:
                return Match(exercise, inferred=True)
        if len(self.open) == 1:
            return Match(next(iter(self.open)), inferred=True)
        return NOWHERE

    def _ahead(self, item: Item) -> str | None:
        """The one submission that stands within `LOOK_AHEAD_US` after the item."""
        self._looked_ahead = item[0]
        first = bisect_right(self._order, item[:2], key=lambda entry: entry[:2])
        last = bisect_left(self._order, item[0] + LOOK_AHEAD_US + 1, key=lambda entry: entry[0])
        return self._order[first][1] if last - first == 1 else None
