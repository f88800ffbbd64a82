"""One bus, kept connected: sends what waits, reads what comes, comes back after every loss."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from colearner_ls.bus.errors import BusDenied, BusError, BusUnreachable
from colearner_ls.bus.protocol import Bus, open_bus
from colearner_ls.bus.url import BusUrl
from colearner_ls.contracts.errors import ColearnerError
from colearner_ls.journal.errors import CursorConflict, JournalError
from colearner_ls.sync.back_off import BackOff
from colearner_ls.sync.backfill import Backfiller
from colearner_ls.sync.journal_calls import JournalCalls
from colearner_ls.sync.reader import Reader, behind
from colearner_ls.sync.same_bus import adopt_same
from colearner_ls.sync.sender import Sender

READ_WAIT_S: Final = 1.0
"""Longest wait of one read, in s; also how late a lost wake-up of the sender can be."""

CLOSE_S: Final = 1.5
"""VS Code kills a server 2 s after asking it to stop; closing a bus is bounded well below (architecture.md)."""

IDLE_CHECK_S: Final = 5.0
"""How often, in s, the sender looks without having been rung."""

STEADY_S: Final = 10.0
"""A link that held for so long, in s, begins again without delay; one that breaks at once is not tried at full speed."""

LOOK_BACK_S: Final = 600.0
"""How often, in s, a standing connection is asked whether the bus still holds what it should.

The client library mends its connections by itself: while a laptop sleeps a bus may have been restored from a backup and
refilled by others. Hence time that passes in sleep counts too.
"""

_log = logging.getLogger(__name__)

OpenBus = Callable[[BusUrl], Awaitable[Bus]]


class Link:
    """The connection of one journal to one bus."""

    def __init__(self, journal: JournalCalls, url: BusUrl, *, client_id: str, open_with: OpenBus | None = None) -> None:
        self._journal = journal
        self._url = url
        self._open = open_with or (lambda each: open_bus(each, client_id=client_id))
        self._sender = Sender(journal, url.key)
        self._reader = Reader(journal, url.key)
        self._backfiller = Backfiller(journal, url.key)
        self._bell = asyncio.Event()
        self._held_from = float("inf")
        self.look_back_s = LOOK_BACK_S
        self.caught_up = False

    def ring(self) -> None:
        """There may be something to send, or a session to load."""
        self._bell.set()

    async def run(self) -> None:
        """Stay connected until cancelled. The bus being away is a normal state: it is noted and tried again.

        So is a journal that cannot be written for a while (a full disk), and even a fault of our own does not end sync for
        good: it is logged, noted, and everything begins again from what is stored.
        """
        back_off = BackOff()
        while True:
            denied = False
            self._held_from = float("inf")
            try:
                await self._connected()
            except* ColearnerError as group:
                trouble = _first(group)
                denied = isinstance(trouble, BusDenied)
                await self._note_trouble(trouble)
            except* Exception as group:  # noqa: BLE001 - a supervisor: see above
                fault = _first(group)
                _log.error("sync failed and starts again", exc_info=fault)
                await self._note(connected=False, caught_up=False, last_error=f"a fault of colearner's own: {fault!r}")
            if time.monotonic() - self._held_from > STEADY_S:
                back_off.reset()
            # Not cut short by new work: a password that is wrong does not become right by it, and tries may lock the account.
            await (asyncio.sleep(back_off.next_after_denial()) if denied else self._pause(back_off.next()))

    async def once(self, *, deadline: float, fetch: bool) -> int:
        """Connect, send all that waits and, with ``fetch``, read to the present ends; the number of records read.

        ``deadline`` is on the loop's clock; when it passes, what is done is done. Raises :class:`BusError`.
        """
        bus = await self._open(self._url)
        taken = 0
        try:
            async with asyncio.timeout_at(deadline):
                await self._connect(bus)
                await self._send_all(bus)
                if fetch or await self._reader.healing():
                    taken = await self._read_to_end(bus)
                    await self._send_all(bus)  # what a bus that lost data did not show
                    await self._backfiller.run_all(self._open_another)
                    self.caught_up = True
                await self._note_contact()
        except TimeoutError as late:
            cause = bus.last_cause or "no answer in time"
            await self._note(connected=False, caught_up=False, last_error=cause)
            raise BusUnreachable(self._url.redacted, cause) from late
        except BusError as error:
            await self._note_trouble(error)
            raise
        finally:
            await _close(bus)
        return taken

    async def adopt(self, *, deadline: float) -> None:
        """Connect, and take over the sessions of a bus that turns out to be this very one under another address.

        ``deadline`` is on the loop's clock. A bus that is away is noted, not raised.
        """
        bus = await self._open(self._url)
        try:
            async with asyncio.timeout_at(deadline):
                identity = await bus.connect()
                await adopt_same(self._journal, bus, self._url, identity.id)
        except (BusError, TimeoutError) as error:
            _log.info("whether %s is the bus we know is not known: %s", self._url.redacted, error)
        finally:
            await _close(bus)

    async def _connect(self, bus: Bus) -> None:
        identity = await bus.connect()
        self.caught_up = False
        await adopt_same(self._journal, bus, self._url, identity.id)
        await self._journal.requeue(self._url.key)
        await self._reader.start(bus, identity.id)

    async def _connected(self) -> None:
        bus = await self._open(self._url)
        try:
            await self._connect(bus)
            await self._note_contact()
            self._held_from = time.monotonic()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(bus), name="colearner-send")
                tasks.create_task(self._read(bus), name="colearner-read")
                tasks.create_task(self._backfill(), name="colearner-backfill")
        finally:
            self.caught_up = False
            await _close(bus)

    async def _send(self, bus: Bus) -> None:
        trouble = BackOff()
        while True:
            self._bell.clear()
            sent = await self._sender.round(bus)
            if sent.unknown:
                await self._note(last_error=sent.reason)
                await asyncio.sleep(trouble.next())
            elif sent.tried:
                trouble.reset()
                await self._note_contact()
            else:
                await self._rung(IDLE_CHECK_S)

    async def _read(self, bus: Bus) -> None:
        looked = awake_or_not()
        while True:
            if awake_or_not() - looked > self.look_back_s:
                if await self._reader.look_back(bus):
                    self.caught_up = False
                looked = awake_or_not()
            try:
                step = await self._reader.step(bus, max_wait=READ_WAIT_S)
            except CursorConflict:
                continue  # another process read on while it held the lock: go on from where the cursors are now
            if step.anew:
                self.caught_up = False
                await self._note_contact()
            if not step.seen and not self.caught_up and not behind(await bus.positions(), await bus.ends()):
                await self._reader.at_end()
                self.caught_up = True
                await self._note_contact()

    async def _backfill(self) -> None:
        while True:
            await self._backfiller.run_all(self._open_another)
            await asyncio.sleep(READ_WAIT_S)

    async def _send_all(self, bus: Bus) -> None:
        trouble = BackOff()
        while (sent := await self._sender.round(bus)).tried:
            if sent.unknown:
                await asyncio.sleep(trouble.next())

    async def _read_to_end(self, bus: Bus) -> int:
        ends = await bus.ends()  # asked before the first read: see Reader
        taken = 0
        while self._reader.unchecked or behind(await self._reader.positions(), ends):
            try:
                step = await self._reader.step(bus, max_wait=READ_WAIT_S)
            except CursorConflict:
                continue  # see _read
            taken += step.taken
            if not step.seen and not behind(await bus.positions(), ends):
                break  # the last offsets before the end are holes: they hold no record for us
        await self._reader.at_end()
        return taken

    async def _open_another(self) -> Bus:
        bus = await self._open(self._url)
        await bus.connect()
        return bus

    async def _note(self, **values: Any) -> None:
        """Write down how the link stands; where even that cannot be stored, sync goes on without."""
        try:
            await self._journal.put_bus_values(self._url.key, values)
        except JournalError as error:
            _log.warning("the state of the link could not be stored: %s", error.message)

    async def _note_contact(self) -> None:
        await self._note(connected=True, caught_up=self.caught_up, seen_us=time.time_ns() // 1000, last_error=None)

    async def _note_trouble(self, error: BaseException) -> None:
        assert isinstance(error, ColearnerError)
        cause = error.cause if isinstance(error, BusUnreachable) else error.message
        await self._note(connected=False, caught_up=False, last_error=cause)

    async def _pause(self, delay: float) -> None:
        """Wait before the next try; new work cuts a long wait short, but never below half a second."""
        floor = min(delay, 0.5)
        await asyncio.sleep(floor)
        await self._rung(delay - floor)
        self._bell.clear()

    async def _rung(self, seconds: float) -> None:
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes together with the bell.
        with suppress(TimeoutError):
            async with asyncio.timeout(max(seconds, 0.0)):
                await self._bell.wait()


def awake_or_not() -> float:
    """Seconds on a clock that never jumps and, where the system has one, goes on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _close(bus: Bus) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await bus.close()
