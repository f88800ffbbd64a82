"""Ending aiokafka's clients in bounded time.

``AIOKafkaProducer.stop()`` waits for ever when a record is pending and the broker is gone (aiokafka issues #1101 and
#1013), and a second call returns at once and leaks the tasks. The way out needs a few private names; the version is
pinned to 0.14.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

_ENDINGS: Final[set[asyncio.Task[None]]] = set()
"""Under way; the loop itself holds tasks only weakly."""


async def dispose_producer(producer: AIOKafkaProducer, *, patience: float) -> None:
    """End it: in peace for ``patience`` seconds, then by force within about 0.4 s more. Pending records fail."""
    await _to_its_end(_dispose_producer(producer, patience))


async def dispose_consumer(consumer: AIOKafkaConsumer, *, patience: float) -> None:
    """End it: in peace for ``patience`` seconds, then by force within about 0.4 s more."""
    await _to_its_end(_dispose_consumer(consumer, patience))


async def dispose_admin(admin: AIOKafkaAdminClient, *, patience: float) -> None:
    """End it: in peace for ``patience`` seconds, then by force within about 0.4 s more."""
    await _to_its_end(_dispose_admin(admin, patience))


async def _to_its_end(ending: Coroutine[Any, Any, None]) -> None:
    """Run it whole, though the caller is cancelled meanwhile; the cancellation follows when it is done.

    Half ended a client goes on behind everybody's back, connected: seen where sync was handed over in the middle of it.
    """
    task = asyncio.ensure_future(ending)
    _ENDINGS.add(task)
    task.add_done_callback(_ENDINGS.discard)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        if not task.done():
            await asyncio.wait({task})
        raise


async def _dispose_producer(producer: AIOKafkaProducer, patience: float) -> None:
    if await _ended(producer.stop(), patience):
        return
    requests = _requests(producer._sender)
    sender = producer._sender.sender_task
    for _ in range(2):  # the first cancellation makes it wait for its requests, the second ends that too
        if sender is not None and not sender.done():
            sender.cancel()
            await asyncio.wait({sender}, timeout=0.05)
    for request in requests:
        request.cancel()
    await _release(producer.client)
    _cancel_pending(producer._message_accumulator)


async def _dispose_consumer(consumer: AIOKafkaConsumer, patience: float) -> None:
    if not await _ended(consumer.stop(), patience):
        await _release(consumer._client)


async def _dispose_admin(admin: AIOKafkaAdminClient, patience: float) -> None:
    if not await _ended(admin.close(), patience):
        await _release(admin._client)


def _requests(sender: Any) -> list[asyncio.Task[Any]]:
    """The sender's produce requests, of which it keeps no list that outlives it."""
    found = []
    for task in asyncio.all_tasks():
        coroutine = task.get_coro()
        frame = getattr(coroutine, "cr_frame", None)
        name = getattr(coroutine, "__qualname__", "")
        if name == "Sender._send_produce_req" and frame is not None and frame.f_locals.get("self") is sender:
            found.append(task)
    return found


def _cancel_pending(accumulator: Any) -> None:
    """Ends the flush that ``stop()`` left running, and whoever waits for an acknowledgement.

    Not before the sender has ended, which trips over batches that are settled behind its back.
    """
    waiting = [batch for batches in accumulator._batches.values() for batch in batches]
    # Batches take themselves off this set when they are settled, and complain when they are not in it.
    accumulator._pending_batches.update(waiting)
    for batch in list(accumulator._pending_batches):
        batch.future.cancel()
        for future, _ in batch._msg_futures:
            future.cancel()


async def _release(client: Any) -> None:
    connections = list(client._conns.values())
    await _ended(client.close(), 0.3)
    for connection in connections:
        # TLS wants to hear a goodbye and waits 30 s for it, with the socket open all the while.
        transport = getattr(connection._protocol, "_transport", None)
        if transport is not None:
            transport.abort()
    # Whoever still waits for metadata would wait for ever, since nobody fetches any more.
    waiting = client._md_update_fut
    if waiting is not None and not waiting.done():
        waiting.cancel()


async def _ended(stopping: Any, patience: float) -> bool:
    """Whether it ended in time and whole; cancelled otherwise.

    What it raised does not matter, since it is being thrown away, but it was cut short then: ``consumer.stop()`` may end
    with the cancellation of one of its own tasks and leave the rest running.
    """
    task = asyncio.ensure_future(stopping)
    done, _ = await asyncio.wait({task}, timeout=patience)
    if not done:
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)
        return False
    return not task.cancelled() and task.exception() is None
