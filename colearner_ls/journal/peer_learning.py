"""Reading a ``learning.json`` that a peer's program, or a person, has written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, field
from typing import Any, Final

from colearner_ls.contracts.frozen import frozen

KIND: Final = "learning_import"
"""Kind of the local records; their key is the SHA-256 of the file."""

OURS: Final = ("learner", "plan", "progress", "exercises", "feedback")
"""The keys that we write. All others are a peer's, and come back in every rewrite."""


@frozen
class PeerLearning:
    """What counts of a peer's file. ``at``: when it was written, in µs since the Unix epoch.

    ``confidence`` holds only topics whose value is not the one that we had written there.
    """

    session: str
    student: str | None
    at: int
    learner: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    progress_extra: Mapping[str, Any] = field(default_factory=dict)
    completed: Sequence[str] = ()
    confidence: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """The JSON value of the local record."""
        return asdict(self)


def from_record(value: Mapping[str, Any]) -> PeerLearning:
    """The other way round."""
    return PeerLearning(**value)


def parse(
    data: bytes, *, session: str, student: str | None, at: int, written: Mapping[str, float]
) -> PeerLearning | None:
    """What the file's bytes say; ``None`` where they are not a JSON object. ``written``: the confidence we last wrote."""
    try:
        found = json.loads(data.decode("utf-8-sig"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    progress = _object(found.get("progress"))
    return PeerLearning(
        session,
        student,
        at,
        _object(found.get("learner")),
        {key: value for key, value in found.items() if key not in OURS},
        {key: value for key, value in progress.items() if key not in ("completed", "confidence")},
        _names(progress.get("completed")),
        {
            topic: value
            for topic, value in _numbers(progress.get("confidence")).items()
            if topic not in written or not math.isclose(written[topic], value, abs_tol=1e-9)
        },
    )


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _names(value: Any) -> tuple[str, ...]:
    """Step ids; peers write numbers too."""
    if not isinstance(value, list):
        return ()
    names = (str(item) for item in value if isinstance(item, str | int) and not isinstance(item, bool))
    return tuple(dict.fromkeys(name for name in names if name))


def _numbers(value: Any) -> dict[str, float]:
    """Confidence by topic, within 0..1; what is no number is left out."""
    return {
        topic: min(1.0, max(0.0, float(number)))
        for topic, number in _object(value).items()
        if isinstance(number, int | float) and not isinstance(number, bool)
    }
