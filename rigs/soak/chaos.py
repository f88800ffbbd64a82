"""What is done to whom and when: endless sequences of faults, each a function of the seed alone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

KILLS_PER_MINUTE: Final = 24.0
NEEDED_KILLS_PER_MINUTE: Final = 20.0
"""Ten minutes must reach 200 (order 2, *Done when*)."""

RESTARTS_PER_MINUTE: Final = 2.5
NEEDED_RESTARTS_PER_MINUTE: Final = 2.0
"""Ten minutes must reach 20. A restart takes about 4 s (rigs/kafka), so the broker is there most of the time."""

STOPS_PER_MINUTE: Final = 6.0
NETWORK_FAULTS_PER_MINUTE: Final = 8.0


@dataclass(frozen=True, slots=True)
class Kill:
    """``kill -9`` of a side's server (``0`` or ``1``) or of its next command, ``after_s`` s into its run."""

    gap_s: float
    side: int
    victim: str
    after_s: float


@dataclass(frozen=True, slots=True)
class Stop:
    """SIGSTOP of a server for ``for_s`` s."""

    gap_s: float
    side: int
    victim: str
    for_s: float


@dataclass(frozen=True, slots=True)
class BrokerFault:
    """``kill``, ``restart`` (in order) or ``pause`` of the broker, away for ``for_s`` s before it is started again."""

    gap_s: float
    how: str
    for_s: float


@dataclass(frozen=True, slots=True)
class NetworkFault:
    """Something wrong with one side's network for ``for_s`` s; ``amount`` is in the units of :mod:`rigs.proxy`."""

    gap_s: float
    side: int
    how: str
    amount: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Chaos:
    """The faults of one run."""

    seed: int
    sides: int
    pace: float = 1.0
    """Times as many of all, for runs of seconds."""
    spared: Sequence[tuple[int, str]] = ()
    """(side, server) that are never killed, so that memory can be watched over time; they are stopped all the same."""

    def kills(self) -> Iterator[Kill]:
        """One after the other, for ever."""
        chance = self._chance("kills")
        while True:
            gap = self._gap(chance, KILLS_PER_MINUTE)
            side = chance.randrange(self.sides)
            victim = chance.choices(("0", "1", "command"), (3, 3, 2))[0]
            if (side, victim) in self.spared:
                victim = "1" if victim == "0" else "0"
            yield Kill(gap, side, victim, chance.uniform(0.0, 1.0))

    def stops(self) -> Iterator[Stop]:
        """SIGSTOP of servers: mostly short, now and then longer than any lock is waited for (5 s) or a holder for (6 s)."""
        chance = self._chance("stops")
        while True:
            for_s = chance.choice((chance.uniform(0.1, 1.5), chance.uniform(1.5, 5.0), chance.uniform(5.0, 12.0)))
            yield Stop(
                self._gap(chance, STOPS_PER_MINUTE), chance.randrange(self.sides), chance.choice(("0", "1")), for_s
            )

    def broker_faults(self) -> Iterator[BrokerFault]:
        """Restarts at the wanted rate, with pauses in between."""
        chance = self._chance("broker")
        while True:
            gap = self._gap(chance, RESTARTS_PER_MINUTE)
            if chance.random() < 0.3:  # extra, so that the rate of restarts stays
                yield BrokerFault(gap / 2, "pause", chance.uniform(0.5, 6.0))
                gap /= 2
            yield BrokerFault(gap, chance.choice(("kill", "kill", "restart")), chance.uniform(0.0, 3.0))

    def network_faults(self) -> Iterator[NetworkFault]:
        """Each of the proxy's faults, at one side."""
        chance = self._chance("network")
        while True:
            how = chance.choice(
                ("cut", "cut after", "delay", "slice", "blackhole", "half-open", "refuse", "slow", "forget")
            )
            amount = {
                "cut after": chance.uniform(0, 4000),
                "delay": chance.uniform(0.05, 0.4),
                "slice": chance.choice((1, 7, 100)),
                "slow": chance.uniform(4_000, 40_000),
            }.get(how, 0.0)
            side = chance.randrange(self.sides)
            yield NetworkFault(
                self._gap(chance, NETWORK_FAULTS_PER_MINUTE), side, how, amount, chance.uniform(0.5, 6.0)
            )

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{self.seed} {what}")

    def _gap(self, chance: random.Random, per_minute: float) -> float:
        """Seconds until the next; uneven, but never bunched so much that a run misses its number."""
        return 60.0 / (per_minute * self.pace) * chance.uniform(0.5, 1.5)
