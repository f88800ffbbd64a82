"""How aiokafka's clients are set up. Where a value differs from the library's default the reason stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from ssl import SSLContext
from typing import Any, Final

from colearner_ls.contracts.frozen import frozen

from ..credentials import Credentials
from ..records import MAX_RECORD_BYTES
from ..url import BusUrl

MAX_PARTITION_FETCH: Final = 300 * 1024
"""Bytes of one partition in one answer: keeps memory small; a larger first record still comes whole (KIP-74)."""
MAX_FETCH: Final = 8 * 1024 * 1024
"""Bytes of one answer over all partitions."""
READ_RECORDS: Final = 500
"""Most records that one read hands out."""


@frozen
class Timing:
    """Bounds on waiting, in seconds. Tests use shorter ones."""

    request: float = 10.0
    """One request to one broker, and the start of a producer. The library waits 40 s by default."""
    publish: float = 10.0
    """One :meth:`publish`; the library's idempotent producer waits for ever by itself."""
    close: float = 1.2
    """Closing everything; an editor kills the server after 2 s."""
    probe: float = 30.0
    """How often a quiet connection is asked for metadata, in case it died without a word."""

    retry: float = 0.25
    """Between two tries of the library's own, at one request."""
    poll: float = 0.5
    """How long the broker may hold a fetch that has nothing to bring; other questions on that connection wait behind it."""

    def connect(self, hosts: int) -> float:
        """One :meth:`connect`: the hosts are tried one after the other."""
        return self.request * hosts + 5.0


@frozen
class Connection:
    """What all clients of one bus have in common."""

    url: BusUrl
    client_id: str
    credentials: Credentials | None
    timing: Timing
    ssl: SSLContext | None = None

    def common(self, role: str) -> dict[str, Any]:
        """Settings of every client; ``role`` tells them apart in the broker's log."""
        settings: dict[str, Any] = {
            "bootstrap_servers": list(self.url.hosts),
            "client_id": f"{self.client_id}-{role}",
            "request_timeout_ms": int(self.timing.request * 1000),
            "retry_backoff_ms": int(self.timing.retry * 1000),
            "metadata_max_age_ms": 60_000,
            "connections_max_idle_ms": 540_000,
            "security_protocol": self.url.security,
            "ssl_context": self.ssl,
        }
        if self.credentials is not None:
            settings |= {
                "sasl_mechanism": self.url.sasl,
                "sasl_plain_username": self.credentials.user,
                "sasl_plain_password": self.credentials.password,
            }
        return settings

    def producer(self) -> dict[str, Any]:
        """Idempotent and acknowledged by all replicas; no lingering, which would only delay single events."""
        return self.common("writer") | {
            "enable_idempotence": True,
            "acks": "all",
            "linger_ms": 0,
            "max_batch_size": 262_144,
            # The record's own framing comes on top of what we count.
            "max_request_size": MAX_RECORD_BYTES + 10_000,
            "compression_type": "gzip",
        }

    def consumer(self) -> dict[str, Any]:
        """No group, no automatic offsets: the journal holds the cursors, and a wrong one must be seen, not mended."""
        return self.common("reader") | {
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "isolation_level": "read_committed",
            "max_partition_fetch_bytes": MAX_PARTITION_FETCH,
            "fetch_max_bytes": MAX_FETCH,
            "fetch_max_wait_ms": int(self.timing.poll * 1000),
            "check_crcs": True,
        }


@frozen
class TopicNames:
    """Base names to names on the broker and back."""

    prefix: str
    bases: tuple[str, ...]

    def full(self, base: str) -> str:
        """The name on the broker."""
        return self.prefix + base

    def base(self, full: str) -> str:
        """The name without our prefix."""
        return full.removeprefix(self.prefix)

    @property
    def all_full(self) -> tuple[str, ...]:
        """Names on the broker of all topics."""
        return tuple(self.full(base) for base in self.bases)


Partitions = Mapping[str, int]
"""Full topic name → number of partitions."""
