"""A pause after a fetch that failed: the library asks again at once, for as long as the fault lasts.

A topic that was deleted, a partition whose leader moved, a broker with a broken disk: each answers a fetch at once and with an
error for the partition, and ``Fetcher`` goes straight on to the next fetch, thousands of them in a second (measured with
Kafka 4.1.2: 5.1 s of CPU in 10 s). Some of these errors it does not even log. The way in needs a private name; the version is
pinned to 0.14.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

QUICK_S: Final = 0.05
"""A fetch that brings nothing is held by the broker for ``fetch_max_wait_ms``; one that is back sooner brought an error."""


def brake(consumer: AIOKafkaConsumer, pause: float) -> None:
    """From now on a started consumer rests for ``pause`` seconds after a fetch that came back at once and brought nothing."""
    fetcher = consumer._fetcher
    fetch = fetcher._proc_fetch_request

    async def braked(assignment: Any, node_id: Any, request: Any) -> Any:
        clock = asyncio.get_running_loop().time
        started, before = clock(), set(fetcher._records)
        wakes = await fetch(assignment, node_id, request)
        if clock() - started < QUICK_S and fetcher._records.keys() <= before:
            await asyncio.sleep(pause)
        return wakes

    fetcher._proc_fetch_request = braked
