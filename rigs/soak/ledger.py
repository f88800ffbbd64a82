"""What processes acknowledged, and everything that happened, written down as it happens and apart from the product."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Ledger:
    """A log file of JSON lines, and counts over it. Used from many threads."""

    path: Path
    acknowledged: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Side → ids of events that a process of that side said are stored."""
    counts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    """What was refused in words: allowed, but a person would have noticed."""
    faults_of_ours: list[str] = field(default_factory=list)
    """Tracebacks, internal errors, requests that were never answered: never allowed."""

    def __post_init__(self) -> None:
        self._mutex = threading.Lock()
        self._began = time.monotonic()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("w", encoding="utf-8")

    @property
    def now(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._began

    def log(self, what: str, **details: Any) -> None:
        """One line of the log."""
        with self._mutex:
            self._write(what, details)

    def count(self, what: str, **details: Any) -> None:
        """A line of the log that is counted under its name."""
        with self._mutex:
            self.counts[what] += 1
            self._write(what, details)

    def store(self, side: str, by: str, ids: Sequence[str]) -> None:
        """A process of ``side`` acknowledged these events: from now on none of them may be missing anywhere."""
        with self._mutex:
            self.acknowledged[side].update(ids)
            self.counts["acknowledged by " + by] += len(ids)
            self._write("acknowledged", {"side": side, "by": by, "ids": list(ids)})

    def refuse(self, side: str, words: str) -> None:
        """An action was refused."""
        with self._mutex:
            self.refusals[words] += 1
            self._write("refused", {"side": side, "words": words})

    def fault(self, words: str, **details: Any) -> None:
        """Something that must never happen happened."""
        with self._mutex:
            self.faults_of_ours.append(words)
            self._write("FAULT", {"words": words, **details})

    def close(self) -> None:
        """Close the file; later lines are dropped."""
        with self._mutex:
            self._file.close()

    def _write(self, what: str, details: dict[str, Any]) -> None:
        if not self._file.closed:
            self._file.write(json.dumps({"at": round(self.now, 3), "what": what, **details}) + "\n")
            self._file.flush()
