"""Carrying the faults out: four hands at once, each with its own sequence, all told to stop by one event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from rigs.kafka import KafkaBroker, RigError
from rigs.proxy import Proxy
from rigs.soak.chaos import BrokerFault, Chaos, Kill, NetworkFault, Stop
from rigs.soak.desk import Desk
from rigs.soak.ledger import Ledger
from rigs.soak.observing import Watcher

PATIENCE_S: Final = 15.0
"""How long a hand waits for its victim to be there (it may just be starting again)."""


class _Timed(Protocol):
    @property
    def gap_s(self) -> float: ...


F = TypeVar("F", bound=_Timed)


@dataclass
class Hands:
    """Begins with :meth:`begin`; :meth:`end` stops and mends everything."""

    chaos: Chaos
    desks: Sequence[Desk]
    proxies: Sequence[Proxy]
    broker: KafkaBroker
    watcher: Watcher
    ledger: Ledger
    _threads: list[threading.Thread] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def begin(self) -> None:
        """Start hurting."""
        self._start("kills", self.chaos.kills(), self._kill)
        self._start("stops", self.chaos.stops(), self._stop)
        self._start("broker", self.chaos.broker_faults(), self._hurt_broker)
        self._start("network", self.chaos.network_faults(), self._hurt_network)

    def _start(self, name: str, faults: Iterator[F], strike: Callable[[F], None]) -> None:
        def run() -> None:
            due = time.monotonic()
            for fault in faults:
                due += fault.gap_s
                if self._over.wait(max(0.0, due - time.monotonic())):
                    return
                try:
                    strike(fault)
                except Exception as error:  # noqa: BLE001 - a hand that fell off would make the run look calm
                    self.ledger.fault(f"the soak could not do {fault}: {type(error).__name__}: {error}")

        thread = threading.Thread(target=run, name=f"soak-{name}", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _kill(self, fault: Kill) -> None:
        desk = self.desks[fault.side]
        if fault.victim == "command":
            # Some commands end sooner than others: try again, earlier each time, until one is hit.
            for part in (1.0, 0.7, 0.4):
                if self._over.is_set() or desk.kill_next_command(fault.after_s * part):
                    break
            else:
                return
            self.ledger.count("kills", side=desk.name, victim="command")
            return
        peer = desk.peers.get(fault.victim)
        patience = time.monotonic() + PATIENCE_S
        while peer is None or not peer.alive:
            if time.monotonic() > patience or self._over.wait(0.05):
                return
            peer = desk.peers.get(fault.victim)
        self.watcher.struck(desk, fault.victim, "killed")
        if peer.kill():
            self.ledger.count("kills", side=desk.name, victim=fault.victim, pid=peer.pid)

    def _stop(self, fault: Stop) -> None:
        desk = self.desks[fault.side]
        peer = desk.peers.get(fault.victim)
        if peer is None or not peer.alive:
            return
        self.watcher.struck(desk, fault.victim, "stopped")
        peer.stop()
        self.ledger.count("stops", side=desk.name, victim=fault.victim, pid=peer.pid, for_s=round(fault.for_s, 2))
        self._over.wait(fault.for_s)
        self.watcher.spared(desk)
        peer.resume()

    def _hurt_broker(self, fault: BrokerFault) -> None:
        self.ledger.log("broker", how=fault.how, for_s=round(fault.for_s, 2))
        if fault.how == "pause":
            self.broker.pause()
            self._over.wait(fault.for_s)
            self.broker.resume()
            self.ledger.count("broker pauses")
            return
        if fault.how == "kill":
            self.broker.kill9()
        else:
            self.broker.stop()
        self._over.wait(fault.for_s)
        with suppress(RigError):  # slow to start on a busy machine: the next restart, or the end, tries again
            self.broker.restart()
            self.ledger.count("broker restarts", how=fault.how)

    def _hurt_network(self, fault: NetworkFault) -> None:
        proxy = self.proxies[fault.side]
        self.ledger.count(
            "network faults", side=self.desks[fault.side].name, how=fault.how, for_s=round(fault.for_s, 2)
        )
        strikes: dict[str, Callable[[], None]] = {
            "cut": proxy.cut,
            "cut after": lambda: proxy.cut_after(int(fault.amount)),
            "delay": lambda: proxy.delay(fault.amount, fault.amount / 2),
            "slice": lambda: proxy.slice(int(fault.amount)),
            "slow": lambda: proxy.limit(fault.amount),
            "blackhole": proxy.blackhole,
            "half-open": lambda: proxy.blackhole("down"),
            "refuse": proxy.refuse,
            "forget": proxy.forget,
        }
        strikes[fault.how]()
        self._over.wait(fault.for_s)
        proxy.heal()

    def end(self) -> None:
        """Stop, and mend: the broker is up, the network whole, everybody runs."""
        self._over.set()
        for thread in self._threads:
            thread.join(120)
        for proxy in self.proxies:
            proxy.heal()
        for desk in self.desks:
            for peer in list(desk.peers.values()):
                if peer.stopped:
                    peer.resume()
        self.broker.resume()
        if not self.broker.running:
            self.broker.restart()
        self.ledger.log("healed")
