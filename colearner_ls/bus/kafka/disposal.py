"""Ending aiokafka's clients in bounded time.

``AIOKafkaProducer.stop()`` waits for ever when a record is pending and the broker is gone (aiokafka issues #1101 and
#1013), and a second call returns at once and leaks the tasks. The way out needs a few private names; the version is
pinned to 0.14.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError


async def dispose_producer(producer: AIOKafkaProducer, *, patience: float) -> None:
    """End it: in peace for ``patience`` seconds, then by force within about 0.4 s more. Pending records fail."""
    if await _ended(producer.stop(), patience):
        return
    # Failing what is pending ends the flush that stop() left running.
    producer._message_accumulator.fail_all(KafkaError("the producer was thrown away"))
    sender = producer._sender.sender_task
    for _ in range(2):  # the first cancellation makes it wait for its requests, the second ends that too
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait({sender}, timeout=0.05)
    await _release(producer.client)


async def dispose_consumer(consumer: AIOKafkaConsumer, *, patience: float) -> None:
    """End it: in peace for ``patience`` seconds, then by force within about 0.4 s more."""
    if not await _ended(consumer.stop(), patience):
        await _release(consumer._client)


async def _release(client: Any) -> None:
    await _ended(client.close(), 0.3)
    # Whoever still waits for metadata would wait for ever, since nobody fetches any more.
    waiting = client._md_update_fut
    if waiting is not None and not waiting.done():
        waiting.cancel()


async def _ended(stopping: Any, patience: float) -> bool:
    """Whether it ended in time; cancelled otherwise. What it raised does not matter: it is being thrown away."""
    task = asyncio.ensure_future(stopping)
    done, _ = await asyncio.wait({task}, timeout=patience)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
        return False
    with contextlib.suppress(KafkaError, OSError, asyncio.CancelledError):
        await task
    return True
