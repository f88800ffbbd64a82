"""Words from the wire, made fit to be shown: one line, no control characters, not too long."""

from __future__ import annotations

import unicodedata
from typing import Final

from colearner_ls.domain.state import Exercise, LearnerState

LABEL_LENGTH: Final = 60
"""Longest text of a stranger in a label or title, in code points; an inlay hint must not push the code away."""

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_JOINERS: Final = "\u200c\u200d"
"""Zero-width joiners are of category Cf, but words of several scripts and emoji need them."""


def plain(text: str) -> str:
    """``text`` without control characters and bidirectional marks, which could make it read as something else; line
    breaks and tabs stay."""
    if text.isprintable():  # then it holds none of these categories (str.isprintable)
        return text
    return "".join(
        char for char in text if char in "\n\t" or char in _JOINERS or unicodedata.category(char) not in _INVISIBLE
    )


def one_line(text: str, length: int = LABEL_LENGTH) -> str:
    """``text`` on one line, shortened with an ellipsis to at most ``length`` code points."""
    line = " ".join(plain(text).split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def name_of(exercise: Exercise) -> str:
    """What to call an exercise: its title, else its topic, else the beginning of its text."""
    return one_line(exercise.title or exercise.topic or exercise.exercise) or "exercise"


def status_word(exercise: Exercise, learner: LearnerState) -> str:
    """Where the exercise stands: its status, but for a new one that of its plan step (``next``, ``active`` …)."""
    if exercise.status != "assigned":
        return exercise.status
    for step in learner.plan:
        if step.id == exercise.step_id and step.status:
            return one_line(step.status, 20)
    return "new"


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
