"""The Kafka bus: connected or not, nothing in between. Who meets ``BusUnreachable`` calls ``connect`` again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

from aiokafka.errors import ConsumerStoppedError, KafkaError

from colearner_ls.contracts.catalogue import TOPICS
from colearner_ls.contracts.errors import ColearnerError

from ..credentials import Credentials, credentials_from
from ..errors import BusUnreachable
from ..records import BusIdentity, IncomingRecord, Outcome, OutgoingRecord, PartitionKey
from ..url import BusUrl
from .causes import Cause, listen
from .diagnosis import unreachable
from .publishing import Publisher
from .reading import Reader
from .settings import Connection, Timing, TopicNames
from .tls import ssl_context
from .topics import prepare_cluster

_log = logging.getLogger(__name__)


class KafkaBus:
    """See :class:`colearner_ls.bus.protocol.Bus`. Belongs to the event loop that connected it.

    Raises :class:`~..errors.BadBusUrl` where the URL asks for credentials that are not set.
    """

    def __init__(
        self, url: BusUrl, *, client_id: str, topics: Sequence[str] = TOPICS, timing: Timing | None = None
    ) -> None:
        self._credentials: Credentials | None = credentials_from() if url.sasl else None
        self._connection = Connection(url, client_id, self._credentials, timing or Timing())
        self._names = TopicNames(url.prefix, tuple(topics))
        self._causes = listen()
        self._reader: Reader | None = None
        self._publisher: Publisher | None = None
        self._connect_lock = asyncio.Lock()
        self._read_lock = asyncio.Lock()
        self._last_cause: str | None = None
        self._closed = False

    @property
    def last_cause(self) -> str | None:
        """The last true cause of trouble in words, for ``doctor``; never a password."""
        return self._last_cause

    async def connect(self) -> BusIdentity:
        """Connect anew, whatever was before, and make sure the topics are there."""
        async with self._connect_lock:
            await self._drop()
            if self._closed:
                raise self._unreachable("it was closed here")
            before = self._causes.count
            limit = self._connection.timing.connect(len(self._connection.url.hosts))
            with self._translated():
                try:
                    async with asyncio.timeout(limit):
                        identity = await self._connect()
                except TimeoutError as error:
                    raise self._unreachable(self._causes.since(before) or f"no answer within {limit:g} s") from error
            self._last_cause = None
            return identity

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Outcome]:
        """See :meth:`colearner_ls.bus.protocol.Bus.publish`."""
        if not records:
            return []
        publisher = self._publisher
        if publisher is None:
            raise self._unreachable("it is not connected")
        with self._translated():
            return await publisher.publish(records)

    async def read(self, cursors: Mapping[PartitionKey, int], *, max_wait: float) -> list[IncomingRecord]:
        """See :meth:`colearner_ls.bus.protocol.Bus.read`."""
        async with self._read_lock, self._reading() as reader:
            return await reader.read(cursors, max_wait)

    async def positions(self) -> Mapping[PartitionKey, int]:
        """See :meth:`colearner_ls.bus.protocol.Bus.positions`."""
        async with self._reading() as reader:
            return await reader.positions()

    async def ends(self) -> Mapping[PartitionKey, int]:
        """The next offset of every partition."""
        async with self._reading() as reader:
            return await reader.ends()

    async def begins(self) -> Mapping[PartitionKey, int]:
        """The first offset of every partition."""
        async with self._reading() as reader:
            return await reader.begins()

    async def close(self) -> None:
        """Let go of all connections, by force where the broker does not answer."""
        self._closed = True
        started = time.monotonic()
        await self._drop()
        _log.debug("closed %s in %.0f ms", self._connection.url.redacted, (time.monotonic() - started) * 1000)

    async def _connect(self) -> BusIdentity:
        url = self._connection.url
        if url.security.endswith("SSL"):
            context = await asyncio.to_thread(ssl_context, url)
            self._connection = Connection(
                url, self._connection.client_id, self._credentials, self._connection.timing, context
            )
        cluster = await prepare_cluster(self._connection, self._names)
        self._reader = await Reader.start(self._connection, self._names, cluster.partitions, self._causes)
        self._publisher = Publisher(self._connection, self._names, self._causes)
        return BusIdentity(cluster.id)

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Reader]:
        """The reader; whoever finds the bus out of reach with it ends the connection for all."""
        reader = self._reader
        if reader is None:
            raise self._unreachable("it is not connected")
        try:
            with self._translated():
                yield reader
        except BusUnreachable:
            if self._reader is reader:
                await self._drop()
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Whatever comes out of aiokafka in the words of the bus; the last one is remembered for ``doctor``."""
        before = self._causes.count
        try:
            yield
        except BusUnreachable as error:
            self._last_cause = error.cause
            raise
        except ColearnerError as error:
            self._last_cause = error.message
            raise
        except ConsumerStoppedError as error:
            raise self._unreachable("it was closed here") from error
        except (KafkaError, OSError) as error:
            cause = self._causes.since(before) or Cause(str(error) or type(error).__name__, error)
            raise self._unreachable(cause) from error
        except Exception as error:
            # A fault inside the library must neither end the caller's supervisor nor pass unseen.
            _log.exception("aiokafka failed in a way of its own")
            raise self._unreachable(f"aiokafka failed: {error!r}") from error

    async def _drop(self) -> None:
        """End both clients side by side; within ``Timing.close`` and what the force behind it takes."""
        reader, self._reader = self._reader, None
        publisher, self._publisher = self._publisher, None
        patience = self._connection.timing.close / 2
        endings = [client.close(patience) for client in (reader, publisher) if client is not None]
        for result in await asyncio.gather(*endings, return_exceptions=True):
            if isinstance(result, BaseException):
                _log.warning("a Kafka client did not close cleanly: %r", result)

    def _unreachable(self, cause: Cause | str) -> BusUnreachable:
        error = unreachable(self._connection, cause)
        self._last_cause = error.cause
        return error
