"""Rows of the fault matrix between a workspace and Kafka that a network can cause, through a proxy that breaks connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from rigs.kafka import KafkaBroker
from rigs.proxy import Proxy

from .matrix import QUICK, Site, doubles, records, until

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.xdist_group("kafka")]

Measured = Callable[[str], None]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colearner_ls.bus.kafka.bus.Timing", lambda: QUICK)


@pytest.fixture
def site(tmp_path: Path, kafka_url: str, proxied_kafka_url: str) -> Iterator[Site]:
    """The student sits behind the proxy, the coach does not."""
    made = Site(tmp_path, {"coach": kafka_url, "student": proxied_kafka_url})
    made.begin()
    yield made
    made.close()


def test_f10_a_slow_network(
    site: Site, kafka_broker: KafkaBroker, kafka_proxy: Proxy, kafka_prefix: str, measured: Measured
) -> None:
    """A slow network makes everything slower and nothing else: all arrives, each event once."""
    took = {}
    with site.at_work():
        site.settle()
        for name, fault, arguments in (
            ("latency 300 to 400 ms", kafka_proxy.delay, (0.3, 0.1)),
            ("segments of 7 bytes", kafka_proxy.slice, (7,)),
            ("4 kB/s", kafka_proxy.limit, (4000,)),
        ):
            fault(*arguments)
            for side in ("coach", "student"):
                site.say(side, 3)
            took[name] = site.settle(90)
            kafka_proxy.heal()
    site.check()
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    assert site.said <= {record.event["id"] for record in found}
    measured(
        f"{len(site.said)} events, 0 lost, 0 doubled in the journals, {doubles(found)} sent twice; until both sides had 6: "
        + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())
    )


@pytest.mark.usefixtures("quick")
def test_f11_connections_cut_refused_half_open_and_dark(
    site: Site, kafka_broker: KafkaBroker, kafka_proxy: Proxy, kafka_prefix: str, measured: Measured
) -> None:
    """However a connection breaks, what was said meanwhile arrives after it heals, each event once."""
    took = {}
    with site.at_work():
        site.settle()
        for name, fault, noticed in (
            ("reset mid-frame", partial(kafka_proxy.cut_after, 40), False),
            ("refused", kafka_proxy.refuse, True),
            ("dark", kafka_proxy.blackhole, True),
            ("half-open", kafka_proxy.forget, False),
        ):
            fault()
            if name == "refused":
                kafka_proxy.cut()
            for side in ("coach", "student"):
                site.say(side, 5)
            if noticed:
                until(lambda: not site.connected("student"), f"{name} is noticed")
                kafka_proxy.heal()
            took[name] = site.settle()
            kafka_proxy.heal()
    site.check()
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    assert site.said <= {record.event["id"] for record in found}
    measured(
        f"{len(site.said)} events, 0 lost, 0 doubled in the journals, {doubles(found)} sent twice; settled after "
        + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in took.items())
    )


def carried(proxy: Proxy, goal: int) -> bool:
    return sum(proxy.carried.values()) > goal


@pytest.mark.usefixtures("quick")
def test_f12_bits_flip_on_the_wire(
    site: Site, kafka_broker: KafkaBroker, kafka_proxy: Proxy, kafka_prefix: str, measured: Measured
) -> None:
    """Flipped bits never become an event: frames that are damaged are fetched or sent again."""
    with site.at_work():
        site.settle()
        kafka_proxy.flip(800)
        flips = kafka_proxy.flips
        while kafka_proxy.flips - flips < 20:
            for side in ("coach", "student"):
                site.say(side)
            goal = sum(kafka_proxy.carried.values()) + 1500
            until(partial(carried, kafka_proxy, goal), "something was carried")
        flips = kafka_proxy.flips - flips
        kafka_proxy.heal()
        kafka_proxy.cut()
        seconds = site.settle(90)
    site.check()
    # The coach sits before the proxy: its own events are as they were written.
    found = records(kafka_broker.bootstrap, kafka_prefix, site.session)
    strange = {record.value for record in found} - set(site.raws("coach").values())
    assert not strange
    quarantined = [site.query(side, "SELECT count(*) FROM quarantine")[0][0] for side in ("coach", "student")]
    measured(
        f"{flips} bits flipped, {len(site.said)} events, 0 lost, 0 doubled, 0 changed; {doubles(found)} sent twice, "
        f"{sum(quarantined)} quarantined; settled {seconds:.1f} s after the last flip"
    )
