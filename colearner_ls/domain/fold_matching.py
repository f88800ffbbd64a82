"""To which exercise a submission or a feedback belongs (contracts.md, *Matching*).

What is matched is taken in fold order, but rule 1 knows the learner's whole set: a name means the same wherever the
thing that bears it stands. What is named by nothing is guessed from how things stood at its place in the order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from colearner_ls.domain.fold_items import Item

LOOK_AHEAD_US: Final = 5 * 60 * 1_000_000
"""A feedback may belong to the one submission that stands at most so long after it (µs; rule 3): peers' clocks
differ."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a submission or feedback belongs: exercise and (for feedback) submission, each ``None`` where unknown."""

    exercise: str | None = None
    submission: str | None = None
    inferred: bool = False


NOWHERE: Final = Match()


def known_name(name: str | None, known: Container[str]) -> str | None:
    """The name as it is known, or ``None``. Event ids are lower-case UUIDs, however a reference spells them."""
    if name is None or name in known:
        return name
    return lowered if (lowered := name.lower()) in known else None


@dataclass(slots=True)
class Names:
    """What the references inside payloads name, over the whole set of a learner's items."""

    exercises: dict[str, str] = field(default_factory=dict)
    """Exercise id, or event id of an assignment → exercise id."""
    submissions: dict[str, Item] = field(default_factory=dict)
    feedback: dict[str, Item] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, items: Iterable[Item], links: Mapping[str, str]) -> Names:
        """The names in a learner's items; ``links`` as for `SessionFold.view`."""
        names = cls(links=links)
        events: dict[str, str] = {}
        for item in items:
            kind = item[2]
            if kind == "assigned":
                exercise = item[4]["x"]
                names.exercises[exercise] = exercise
                events[item[1]] = exercise
            elif kind == "submission":
                names.submissions[item[1]] = item
            elif kind == "feedback":
                names.feedback[item[1]] = item
        names.exercises = {**events, **names.exercises}
        return names

    def exercise(self, name: str | None) -> str | None:
        """The exercise that the name names, if any."""
        found = known_name(name, self.exercises)
        return None if found is None else self.exercises[found]

    def submission(self, name: str | None) -> str | None:
        """The event id of the submission that the name names, if any."""
        return known_name(name, self.submissions)

    def linked(self, item: Item) -> str | None:
        """The exercise to which a person linked the item by hand."""
        return self.exercise(self.links.get(item[1]))

    def of_submission(self, item: Item) -> str | None:
        """Rule 1 for a submission: a link, its ``exercise_id``, or what its ``causation_id`` answers."""
        fields = item[4]
        return self.linked(item) or self.exercise(fields["x"]) or self.caused(fields.get("cause"))

    def of_feedback(self, item: Item) -> Match | None:
        """Rule 1 for a feedback: a link, its ``submission_id``, ``exercise_id``, or what its ``causation_id`` is."""
        fields = item[4]
        linked, named, cause = self.linked(item), self.exercise(fields["x"]), fields.get("cause")
        submission = self.submission(fields["s"]) or self._answered(cause, linked or named)
        if submission is not None:
            return Match(linked or self.of_submission(self.submissions[submission]) or named, submission)
        exercise = linked or named or self.caused(cause)
        return None if exercise is None else Match(exercise)

    def _answered(self, cause: str | None, exercise: str | None) -> str | None:
        """The submission that the cause is, unless it is for another exercise than the one that was named."""
        submission = self.submission(cause)
        if submission is None or exercise is None:
            return submission
        return submission if self.of_submission(self.submissions[submission]) in (None, exercise) else None

    def caused(self, cause: str | None) -> str | None:
        """The exercise of the event that an item answers. Follows one answer to the next, and stops in a circle."""
        seen: set[str] = set()
        while cause is not None and cause not in seen:
            seen.add(cause)
            if (exercise := self.exercise(cause)) is not None:
                return exercise
            answered = self.submissions.get(cause) or self.feedback.get(cause)
            if answered is None:
                return None
            fields = answered[4]
            if (exercise := self.linked(answered) or self.exercise(fields["x"])) is not None:
                return exercise
            cause = fields.get("s") or fields.get("cause")
        return None


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
        self._order = sorted(names.submissions.values())

    def submission(self, item: Item) -> Match:
        """Where a submission belongs; notes it as unassessed unless a feedback before it is its own."""
        named = self.names.of_submission(item)
        match = Match(named) if named is not None else self._guess(item)
        self._exercise_of[item[1]] = match.exercise
        if item[1] not in self.assessed:
            self.unassessed.setdefault(match.exercise, []).append(item[1])
        return match

    def feedback(self, item: Item) -> Match:
        """Where a feedback belongs; what it assesses waits no longer. It assesses the submission it names and those
        of the same exercise before that one, or, naming only the exercise, all of them that stand before it."""
        match = self.names.of_feedback(item) or self._guess(item)
        submission = match.submission
        exercise = match.exercise
        if submission is not None and submission in self._exercise_of:
            exercise = exercise or self._exercise_of[submission]
            self._assess(self._exercise_of[submission], item[1], upto=submission)
        elif submission is None and exercise is not None:
            submission = self._assess(exercise, item[1])
        if submission is not None:
            self.assessed[submission] = item[1]
        return Match(exercise, submission, match.inferred)

    def exercise_of(self, submission: str) -> str | None:
        """The exercise of a submission that was already matched."""
        return self._exercise_of.get(submission)

    def _assess(self, exercise: str | None, feedback: str, upto: str | None = None) -> str | None:
        """Takes submissions off the unassessed of an exercise; returns the newest of them."""
        waiting = self.unassessed.get(exercise, [])
        if upto is None:
            done, rest = waiting, []
        elif upto not in waiting:
            return None
        elif exercise is None:
            done, rest = [upto], [entry for entry in waiting if entry != upto]
        else:
            cut = waiting.index(upto) + 1
            done, rest = waiting[:cut], waiting[cut:]
        for entry in done:
            self.assessed[entry] = feedback
        if rest:
            self.unassessed[exercise] = rest
        else:
            self.unassessed.pop(exercise, None)
        return done[-1] if done else None

    def _guess(self, item: Item) -> Match:
        """Rules 2 to 4: one candidate is a guess, several are none."""
        waiting = len(self.unassessed) - (None in self.unassessed)
        if waiting == 1:
            return Match(next(name for name in self.unassessed if name is not None), inferred=True)
        ahead = self._ahead(item)
        if ahead is not None:
            exercise = self.names.of_submission(self.names.submissions[ahead])
            if item[2] == "feedback":
                return Match(exercise, ahead, inferred=True)
            if exercise is not None:
                return Match(exercise, inferred=True)
        if len(self.open) == 1:
            return Match(next(iter(self.open)), inferred=True)
        return NOWHERE

    def _ahead(self, item: Item) -> str | None:
        """The one submission that stands within `LOOK_AHEAD_US` after the item."""
        first = bisect_right(self._order, item[:2], key=lambda entry: entry[:2])
        last = bisect_left(self._order, item[0] + LOOK_AHEAD_US + 1, key=lambda entry: entry[0])
        return self._order[first][1] if last - first == 1 else None
