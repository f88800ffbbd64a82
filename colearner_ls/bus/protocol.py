"""What every transport can do, and how one is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol, runtime_checkable

from .records import BusIdentity, IncomingRecord, KeyedPage, Outcome, OutgoingRecord, PartitionKey
from .url import BusUrl


class Bus(Protocol):
    """A log of records in topics and partitions, read by offset.

    One ``Bus`` serves one reader: calls of :meth:`read` are served one after the other. Who needs a second reader opens
    a second bus. Every call is bounded in time. After :class:`~.errors.BusUnreachable` call :meth:`connect` again (it
    may answer with another identity), or close the bus and open a new one.
    """

    @property
    def last_cause(self) -> str | None:
        """The last true cause of trouble in words, for ``doctor``; never a password."""
        ...

    async def connect(self) -> BusIdentity:
        """Connect and make sure the topics exist. Fails fast where nothing listens, after ~10 s where nothing answers.

        Raises :class:`~.errors.BusUnreachable`, :class:`~.errors.TopicsMissing`, :class:`~.errors.BusRefused`.
        """
        ...

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """Publish in the given order and say what became of each, in the same order.

        Waits ~10 s at most; what is not answered by then is :class:`~.records.Unknown`.
        Raises :class:`~.errors.BusUnreachable` only where nothing at all was handed over.
        """
        ...

    async def read(self, cursors: Mapping[PartitionKey, int], *, max_wait: float) -> list[IncomingRecord]:
        """Records of the partitions named in ``cursors`` from those offsets on, in order within each partition.

        Returns as soon as there is anything (a bounded part of it: read on from the last offset + 1), and an empty list
        when nothing came within ``max_wait`` seconds. Offsets may have holes on Kafka.
        Raises :class:`~.errors.CursorOutOfRange`, :class:`~.errors.BusUnreachable`.
        """
        ...

    async def positions(self) -> Mapping[PartitionKey, int]:
        """Up to where the last :meth:`read` went, for its partitions: past offset holes that hold no record for us.

        Kafka leaves such holes (transaction markers, aborted records). A reader that waits to get as far as an end must
        look here: the last offsets before the end may never come as records.
        """
        ...

    async def ends(self) -> Mapping[PartitionKey, int]:
        """The next offset to be written, for every partition of every topic."""
        ...

    async def begins(self) -> Mapping[PartitionKey, int]:
        """The first offset that can still be read, for every partition of every topic."""
        ...

    async def close(self) -> None:
        """Let go of everything within 1.5 s, whatever state the other side is in. Never raises; may be called twice."""
        ...


@runtime_checkable
class IndexedBus(Bus, Protocol):
    """A bus that can look records up by key, so that a session's history needs no reading of everything."""

    async def read_keys(
        self,
        keys: Collection[bytes],
        *,
        start: Mapping[PartitionKey, int],
        until: Mapping[PartitionKey, int],
        limit: int = 500,
    ) -> KeyedPage:
        """Records with one of ``keys``, from ``start`` (0 where absent) up to but not including ``until``.

        Only topics named in ``until`` are looked at. ``limit`` is the most records of one page; pass the page's
        ``next`` as ``start`` to read on until it is ``done``.
        """
        ...


async def open_bus(url: BusUrl, *, client_id: str) -> Bus:
    """Make the bus for ``url``; nothing is connected yet. ``client_id`` names this program in the broker's logs.

    Raises :class:`~.errors.BadBusUrl` where the credentials or the CA file that the URL asks for are missing.
    """
    if url.scheme == "kafka":
        import asyncio
        from importlib import import_module

        # aiokafka takes some 140 ms to import: not on the event loop of an editor's server.
        await asyncio.to_thread(import_module, "colearner_ls.bus.kafka")
        from .kafka import KafkaBus

        return KafkaBus(url, client_id=client_id)
    from .sqlite import SqliteBus

    return SqliteBus(url)
