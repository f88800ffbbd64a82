"""What can go wrong with a bus. Each error says what the person can do; none of them ever holds a password."""

from __future__ import annotations

from collections.abc import Sequence

from colearner_ls.contracts import errors as contract

from .records import PartitionKey


class BadBusUrl(contract.BadInput):
    """The bus URL, or the credentials that go with it, cannot be understood."""


class BusError(contract.ColearnerError):
    """Anything a bus reports; the journal keeps what was not sent."""


class BusUnreachable(BusError, contract.BusUnreachable):  # noqa: N818
    """The bus does not answer (now). A normal state: events wait in the journal and go out when it is back.

    ``cause`` is the deepest reason known, in the words of the system or of the client library.
    """

    def __init__(self, where: str, cause: str) -> None:
        self.where = where
        self.cause = cause
        super().__init__(
            f"the bus {where} cannot be reached: {cause}",
            "Nothing is lost: events wait here and go out when the bus is back. `colearner doctor` shows its address.",
        )


class BusDenied(BusUnreachable):
    """The bus answered and does not let this machine in: a password, a certificate or a protocol that does not fit.

    Trying again soon helps nobody and may lock an account: who retries by itself waits long. ``cause`` says what is wrong
    and what to do, without any password.
    """

    def __init__(self, where: str, cause: str) -> None:
        super().__init__(where, cause)
        self.message = f"the bus {where} does not let us in: {cause}"
        self.hint = "Nothing is lost: events wait here. It is tried again by itself, but slowly; docs/kafka.md has the settings."


class BusStorageFull(BusUnreachable):
    """The embedded bus has no room on its disk; nothing was written, what was acknowledged is still there."""

    def __init__(self, where: str, cause: str) -> None:
        super().__init__(where, cause)
        self.hint = "Free some space on the disk of the embedded bus; events wait here until then."


class TopicsMissing(BusError):  # noqa: N818
    """Topics do not exist and could not be created; ``topics`` are full names, prefix included."""

    def __init__(self, topics: Sequence[str], *, partitions: int, replication: int, reason: str) -> None:
        self.topics = tuple(topics)
        self.partitions = partitions
        self.replication = replication
        self.reason = reason
        names = ", ".join(self.topics)
        super().__init__(
            f"these Kafka topics are missing and could not be created ({reason}): {names}",
            f"Ask whoever runs the broker to create them with partitions={partitions}, "
            f"replication factor={replication}, retention.ms=-1, cleanup.policy=delete "
            "(docs/kafka.md has the commands), or name a prefix you may write to with `?prefix=…`.",
        )


class BusRefused(BusError):  # noqa: N818
    """The bus answered and said no: not authorised, or a file that is not a bus."""


class CursorOutOfRange(BusError):  # noqa: N818
    """A cursor points before the first or after the last record of its partition; nothing was read.

    ``begin`` and ``end`` are the offsets that can be read from now (``end`` is the next offset to be written).
    """

    def __init__(self, partition: PartitionKey, offset: int, *, begin: int, end: int) -> None:
        self.partition = partition
        self.offset = offset
        self.begin = begin
        self.end = end
        topic, number = partition
        super().__init__(
            f"offset {offset} of {topic} partition {number} is outside {begin}..{end}",
            "The bus lost or expired records; they are fetched again from what is left.",
        )
