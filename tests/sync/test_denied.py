"""A bus that answers and does not let us in is not asked again and again: that may lock an account."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from colearner_ls.bus.errors import BusDenied
from colearner_ls.bus.records import BusIdentity
from colearner_ls.bus.url import BusUrl
from colearner_ls.sync.back_off import DENIED_FIRST_S, DENIED_LONGEST_S, LONGEST_S, BackOff
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.link import Link

from .faulty_bus import Broker, FaultyBus
from .test_link import Side, draft

CAUSE = "the broker does not take this user and password"


def test_waits_grow_and_begin_anew_after_a_success() -> None:
    back_off = BackOff()
    waits = [back_off.next_after_denial() for _ in range(12)]
    assert DENIED_FIRST_S / 2 <= waits[0] <= DENIED_FIRST_S
    assert all(later >= earlier for earlier, later in itertools.pairwise(waits[:4]))
    assert all(DENIED_LONGEST_S / 2 <= wait <= DENIED_LONGEST_S for wait in waits[5:])
    # Within the first half hour: the first try and seven more, even where chance makes every wait the shortest.
    bounds = [min(DENIED_FIRST_S * 2**number, DENIED_LONGEST_S) for number in range(8)]
    assert sum(bounds[:7]) / 2 >= 1800
    assert back_off.next() <= LONGEST_S, "a broker that is merely away is looked for as ever"
    back_off.reset()
    assert back_off.next_after_denial() <= DENIED_FIRST_S


class Strict(FaultyBus):
    """Lets nobody in."""

    tries = 0

    async def connect(self) -> BusIdentity:
        Strict.tries += 1
        raise BusDenied("kafka://school", CAUSE)


async def test_new_work_does_not_bring_the_next_try_forward(tmp_path: Path) -> None:
    side = Side(tmp_path / "side", BusUrl.for_file(tmp_path / "bus.db"))
    Strict.tries = 0

    async def open_strict(_: BusUrl) -> Strict:
        return Strict(Broker())

    with JournalCalls(side.journal) as calls:
        link = Link(calls, side.url, client_id="test", open_with=open_strict)
        running = asyncio.ensure_future(link.run())
        for number in range(20):  # a student at work
            side.journal.append([draft(number)])
            link.ring()
            await asyncio.sleep(0.1)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert Strict.tries == 1
    assert side.journal.bus_values.get(side.url.key)["last_error"] == CAUSE
    assert side.journal.outbox.counts().waiting == 20
