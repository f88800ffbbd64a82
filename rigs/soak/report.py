"""What a run came to: for people in a few lines, for programs as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rigs.soak.counting import Count, Event, Pair, copies, judge
from rigs.soak.desk import Desk
from rigs.soak.ledger import Ledger
from rigs.soak.observing import Takeover, Watcher, growth

SHOWN = 12
"""Lines of each kind that are printed; the JSON has all."""


@dataclass
class Report:
    """Filled by the run, step by step."""

    seed: int
    minutes: float
    pairs: int
    calm_until: float = 0.0
    faults_s: float = 0.0
    drained_s: float | None = None
    counts: dict[str, int] = field(default_factory=dict)
    by_kind: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Faults of the product (or of the soak) that were seen while it ran."""
    too_few: list[str] = field(default_factory=list)
    takeovers: list[Takeover] = field(default_factory=list)
    replies: dict[str, dict[str, float]] = field(default_factory=dict)
    memory: dict[str, dict[str, Any]] = field(default_factory=dict)
    most_connected: int = 0
    cursors_back: list[str] = field(default_factory=list)
    acknowledged: int = 0
    events: int = 0
    records: int = 0
    counted: Count = field(default_factory=Count)
    finished: bool = False
    kept: str = ""

    def take(self, ledger: Ledger, watcher: Watcher, desks: Sequence[Desk], needed: Mapping[str, int]) -> None:
        """What was seen while it ran."""
        self.counts = dict(sorted(ledger.counts.items()))
        self.refusals = dict(ledger.refusals.most_common())
        self.faults = list(ledger.faults_of_ours)
        self.too_few = [
            f"only {ledger.counts[name]} {name}; a run of {self.minutes:g} min needs {number}"
            for name, number in needed.items()
            if ledger.counts[name] < number
        ]
        self.takeovers = list(watcher.takeovers)
        self.memory = growth(watcher.samples)
        self.most_connected = watcher.most_connected
        self.cursors_back = list(watcher.cursors_back)
        self.acknowledged = sum(len(ids) for ids in ledger.acknowledged.values())
        replies = [reply for desk in desks for reply in desk.replies]
        calm = [reply.took_s for reply in replies if reply.at < self.calm_until and not reply.disturbed]
        hurt = [reply.took_s for reply in replies if reply.at >= self.calm_until and not reply.disturbed]
        self.replies = {"calm": _spread(calm), "under faults": _spread(hurt)}

    def count(self, broker: Sequence[Event], pairs: Sequence[Pair], acknowledged: Mapping[str, set[str]]) -> None:
        """What the independent reader says."""
        distinct, again = copies(broker)
        self.events, self.records = distinct, distinct + again
        for pair in pairs:
            judge(pair, acknowledged, broker, self.counted)
        self.finished = True

    @property
    def failures(self) -> list[str]:
        """All that must not be; a run that did not finish has not passed."""
        found = [*self.counted.failures, *self.faults, *self.too_few, *self.cursors_back]
        if self.finished and self.drained_s is None:
            found.append("what was written had not arrived everywhere when the time for it was over")
        return found if self.finished else [*found, "the run was not finished"]

    def lines(self) -> list[str]:
        """For people."""
        counted, counts = self.counted, Counter(self.counts)
        drained = "not in time" if self.drained_s is None else f"{self.drained_s:.1f} s after the last fault"
        found = [
            (
                f"seed {self.seed} · {self.faults_s / 60:.1f} min of faults · {self.pairs} pairs, {4 * self.pairs} servers · "
                f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
            ),
            (
                f"  faults        {counts['kills']} kills, {counts['stops']} stops, {counts['broker restarts']} broker restarts, "
                f"{counts['broker pauses']} pauses, {counts['network faults']} network faults"
            ),
            (
                f"  events        {self.acknowledged} acknowledged, {self.events} in all; "
                f"{self.records - self.events} sent more than once"
            ),
            f"  lost          {len(counted.lost)}",
            f"  doubled       {len(counted.doubled)}",
            f"  out of order  {len(counted.disordered)}",
            f"  damaged       {len(counted.damaged)}",
            f"  drained       {drained}",
            *(f"  takeover      {line}" for line in self._takeover_lines()),
            f"  connected     at most {self.most_connected} process(es) of a side at once",
            *(f"  replies       {name}: {_words(spread)}" for name, spread in self.replies.items()),
            *(f"  memory        {name}: {_memory(life)}" for name, life in self.memory.items()),
            *(f"  refused       {times} × {words[:160]}" for words, times in list(self.refusals.items())[:SHOWN]),
            *(f"  note          {words[:200]}" for words in counted.notes[:SHOWN]),
        ]
        found += [f"  FAILED        {words[:400]}" for words in self.failures[:SHOWN]]
        if len(self.failures) > SHOWN:
            found.append(f"  FAILED        … and {len(self.failures) - SHOWN} more")
        if self.kept:
            found.append(f"  the folders of this run are kept in {self.kept}")
        return found

    def _takeover_lines(self) -> list[str]:
        found = []
        for how in sorted({each.how for each in self.takeovers}):
            times = [each.took_s for each in self.takeovers if each.how == how]
            found.append(
                f"holder {how}: {len(times)} times, median {statistics.median(times):.2f} s, longest {max(times):.2f} s"
            )
        return found or ["none measured"]

    def save(self, path: Path) -> None:
        """Write everything as JSON."""
        found: dict[str, Any] = {
            **{name: value for name, value in vars(self).items() if name not in ("takeovers", "counted", "kept")},
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "takeovers": [
                {"side": each.side, "how": each.how, "took_s": round(each.took_s, 3)} for each in self.takeovers
            ],
            "lost": self.counted.lost,
            "doubled": self.counted.doubled,
            "out_of_order": self.counted.disordered,
            "damaged": self.counted.damaged,
            "notes": self.counted.notes,
            "failures": self.failures,
        }
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    if not seconds:
        return {"replies": 0}
    ordered = sorted(seconds)
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
    found = {name: ordered[min(len(ordered) - 1, int(part * len(ordered)))] for name, part in at.items()}
    found["worst"] = ordered[-1]
    return {"replies": len(ordered), **{name: round(1000 * value, 1) for name, value in found.items()}}


def _words(spread: Mapping[str, float]) -> str:
    if not spread.get("replies"):
        return "none"
    times = ", ".join(f"{name} {value:g} ms" for name, value in spread.items() if name != "replies")
    return f"{spread['replies']:.0f} requests, {times}"


def _memory(life: Mapping[str, Any]) -> str:
    return (
        f"lived {life['age_s'] / 60:.1f} min, {life['rss_then_mb']:g} → {life['rss_end_mb']:g} MB "
        f"({life['mb_per_hour']:+g} MB/h), {life['fds_least']:g} to {life['fds_most']:g} descriptors"
    )
