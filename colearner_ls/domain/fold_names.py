"""What the references inside payloads name, over the whole set of a learner's events (contracts.md, *Matching*, rule 1)."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from colearner_ls.domain.fold_items import Item


class Names:
    """Exercises, submissions, feedback, requests and reports of one learner, by all the names they go by.

    Remembers what was asked for in vain: should that come later, everything that asked must be worked out again.
    """

    def __init__(self, links: Mapping[str, str]) -> None:
        self.links = links
        self.exercises: dict[str, str] = {}
        """Exercise id, or event id of an assignment → exercise id."""
        self.submissions: dict[str, Item] = {}
        """In fold order."""
        self.feedback: dict[str, Item] = {}
        self.requests: dict[str, Item] = {}
        self.stuck: dict[str, Item] = {}
        self.hints: dict[str, Item] = {}
        self._missed: set[str] = set()
        self._by_kind = {
            "submission": self.submissions,
            "feedback": self.feedback,
            "request": self.requests,
            "stuck": self.stuck,
            "hint": self.hints,
        }

    def add(self, items: Sequence[Item]) -> None:
        """Takes in the names of more items, all of them later in the order than those before."""
        assigned = [item for item in items if item[2] == "assigned"]
        for item in assigned:
            self.exercises[item[4]["x"]] = item[4]["x"]
        for item in assigned:  # an id given in a payload comes before an event id
            self.exercises.setdefault(item[1], item[4]["x"])
        for item in items:
            named = self._by_kind.get(item[2])
            if named is not None:
                named[item[1]] = item

    def unsettle(self, item: Item) -> bool:
        """Whether an item changes what a name that was asked for before names."""
        if item[1] in self._missed:
            return True
        if item[2] != "assigned":
            return False
        exercise = item[4]["x"]
        return exercise in self._missed or self.exercises.get(exercise, exercise) != exercise

    def known(self, name: str | None, among: Container[str]) -> str | None:
        """The name as it is known among others, or ``None``. Event ids are lower-case UUIDs, however they are spelt."""
        if name is None or name in among:
            return name
        lowered = name.lower()
        if lowered in among:
            return lowered
        self._missed.add(name)
        self._missed.add(lowered)
        return None

    def exercise(self, name: str | None) -> str | None:
        """The exercise that the name names, if any."""
        found = self.known(name, self.exercises)
        return None if found is None else self.exercises[found]

    def submission(self, name: str | None) -> str | None:
        """The event id of the submission that the name names, if any."""
        return self.known(name, self.submissions)

    def linked(self, item: Item) -> str | None:
        """The exercise to which a person linked the item by hand."""
        return self.exercise(self.links.get(item[1])) if self.links else None

    def exercise_of(self, item: Item) -> str | None:
        """Rule 1 for anything but a feedback: a link, its ``exercise_id``, or what its ``causation_id`` answers."""
        fields = item[4]
        return self.linked(item) or self.exercise(fields.get("x")) or self._answered(fields.get("cause"))

    def _answered(self, cause: str | None) -> str | None:
        """The exercise of the event that an item answers. Follows one answer to the next, and stops in a circle."""
        seen: set[str] = set()
        while cause is not None and cause not in seen:
            seen.add(cause)
            if (exercise := self.exercise(cause)) is not None:
                return exercise
            answered = next((found[cause] for found in self._by_kind.values() if cause in found), None)
            if answered is None:
                return None
            fields = answered[4]
            if (exercise := self.linked(answered) or self.exercise(fields.get("x"))) is not None:
                return exercise
            cause = fields.get("s") or fields.get("k") or fields.get("cause")
        return None

    def of_feedback(self, item: Item) -> tuple[str | None, str | None]:
        """Rule 1 for a feedback, ``(exercise, submission)``: a link, its ``submission_id``, its ``exercise_id``, or
        what its ``causation_id`` names."""
        fields = item[4]
        linked, named, cause = self.linked(item), self.exercise(fields["x"]), fields.get("cause")
        submission = self.submission(fields["s"]) or self._assessed(cause, linked or named)
        if submission is not None:
            return linked or self.exercise_of(self.submissions[submission]) or named, submission
        return linked or named or self._answered(cause), None

    def _assessed(self, cause: str | None, exercise: str | None) -> str | None:
        """The submission that the cause is, unless it is for another exercise than the one that was named."""
        submission = self.submission(cause)
        if submission is None or exercise is None:
            return submission
        return submission if self.exercise_of(self.submissions[submission]) in (None, exercise) else None
