"""Which cluster answers, and whether our topics are on it. Missing ones are made explicitly, never by auto-creation."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    InvalidPartitionsError,
    InvalidReplicationFactorError,
    NoError,
    PolicyViolationError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)

from colearner_ls.contracts.frozen import frozen

from ..errors import BusDenied, BusUnreachable, TopicsMissing
from .disposal import dispose_admin
from .settings import Connection, Partitions, TopicNames

MAX_REPLICATION: Final = 3
LEADER_POLL_S: Final = 0.05

_UNKNOWN: Final = UnknownTopicOrPartitionError.errno
_NOT_ALLOWED: Final = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
# Kafka answers the same for a topic that is missing and for one that the user may not see.
_HIDDEN: Final = "not authorised to create topics; or they exist, and this user has no right to read them"
_REASONS: Final = {
    TopicAuthorizationFailedError: _HIDDEN,
    ClusterAuthorizationFailedError: _HIDDEN,
    PolicyViolationError: "the broker's policy forbids it",
    InvalidReplicationFactorError: "there are fewer brokers than the replication factor",
    InvalidPartitionsError: "the number of partitions is not allowed",
}


@frozen
class Cluster:
    """A cluster that has all our topics, each partition with a leader."""

    id: str
    partitions: Partitions


async def prepare_cluster(connection: Connection, names: TopicNames) -> Cluster:
    """Connect, create what is missing, wait for leaders. Not bounded in itself: the caller sets the time limit.

    Raises :class:`~..errors.TopicsMissing`, :class:`~..errors.BusDenied` and aiokafka's ``KafkaError``.
    """
    admin = AIOKafkaAdminClient(**connection.common("admin"))
    try:
        await admin.start()
        identity, brokers = await _describe(admin, connection)
        # Metadata of all topics, for asking for one by name would let the broker create it with settings of its own.
        codes = {each["topic"]: each["error_code"] for each in await admin.describe_topics()}
        # Any other error of a topic passes by itself (no leader yet), and is waited for below.
        missing = [name for name in names.all_full if codes.get(name, _UNKNOWN) == _UNKNOWN]
        if missing and (there := await _create(admin, connection, missing, brokers)):
            await _see(admin, connection, there)
        return Cluster(identity, await _with_leaders(admin, connection, names))
    finally:
        await dispose_admin(admin, patience=0.3)


async def _describe(admin: AIOKafkaAdminClient, connection: Connection) -> tuple[str, int]:
    facts = await admin.describe_cluster()
    if not facts.get("cluster_id"):
        raise BusUnreachable(connection.url.redacted, "the broker tells no cluster id (Kafka 0.10.1 or newer does)")
    return str(facts["cluster_id"]), len(facts["brokers"])


async def _topics(admin: AIOKafkaAdminClient) -> dict[str, list[Any]]:
    """Topic name → its partitions as the broker describes them; topics with an error count as absent."""
    return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics() if topic["error_code"] == 0}


async def _create(admin: AIOKafkaAdminClient, connection: Connection, missing: list[str], brokers: int) -> list[str]:
    """Make them; the names of those that are there already, though they were not listed."""
    url = connection.url
    # aiokafka does not take -1 for the broker's own default, so a number is always given.
    replication = url.replication or max(1, min(MAX_REPLICATION, brokers))
    response = await admin.create_topics(
        [NewTopic(name, url.partitions, replication, topic_configs={"retention.ms": "-1"}) for name in missing],
        timeout_ms=int(connection.timing.request * 1000),
    )
    there: list[str] = []
    failed: list[str] = []
    reasons: list[str] = []
    # create_topics() raises nothing: the errors are in the answer, as (topic, code, message).
    for name, code, *words in response.topic_errors:
        error = for_code(code)
        if error is TopicAlreadyExistsError:
            there.append(name)
        elif error is not NoError:
            failed.append(name)
            reasons.append(_REASONS.get(error) or (words and words[0]) or error.__name__)
    if failed:
        raise TopicsMissing(sorted(failed), partitions=url.partitions, replication=replication, reason=reasons[0])
    return there


async def _see(admin: AIOKafkaAdminClient, connection: Connection, there: list[str]) -> None:
    """Somebody else just made them, or this user may not see them: Kafka leaves such topics out of its list.

    Now they may be asked for by name: what is there is not created by that.
    """
    answers = await admin.describe_topics(there)
    if hidden := sorted(each["topic"] for each in answers if for_code(each["error_code"]) in _NOT_ALLOWED):
        raise BusDenied(
            connection.url.redacted,
            f"these topics are there, but this user may not see them: {', '.join(hidden)}. "
            "Ask whoever runs the broker for the rights to read them (docs/kafka.md, Rights)",
        )


async def _with_leaders(admin: AIOKafkaAdminClient, connection: Connection, names: TopicNames) -> Partitions:
    """Wait until every partition has a leader: a topic can be used a moment after it was created."""
    deadline = time.monotonic() + connection.timing.request
    while True:
        topics = await _topics(admin)
        found = {name: topics.get(name, []) for name in names.all_full}
        wanting = sorted(
            name for name, parts in found.items() if not parts or any(part["leader"] < 0 for part in parts)
        )
        if not wanting:
            return {name: len(parts) for name, parts in found.items()}
        if time.monotonic() > deadline:
            cause = f"no broker leads all partitions of {', '.join(wanting)}: some brokers of the cluster are down"
            raise BusUnreachable(connection.url.redacted, cause)
        await asyncio.sleep(LEADER_POLL_S)
