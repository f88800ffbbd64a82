"""A bus at a new address: is it the one that sessions are bound to? (contracts.md, *A session is bound to one bus*)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Mapping
from typing import Final

from colearner_ls.bus.errors import BadBusUrl, CursorOutOfRange
from colearner_ls.bus.protocol import Bus
from colearner_ls.bus.records import PartitionKey
from colearner_ls.bus.url import BusUrl
from colearner_ls.sync.journal_calls import JournalCalls

LOOK_S: Final = 10.0
"""Longest look at the last records, in s. Who does not answer by then is not taken for the same."""

_READ_S: Final = 1.0

_log = logging.getLogger(__name__)


async def adopt_same(journal: JournalCalls, bus: Bus, url: BusUrl, identity: str) -> tuple[str, ...]:
    """Go on at ``url`` with the sessions of a bus that is this very one under another address; those that moved.

    It is the same where it has the same identity and prefix and still holds the last record that was read from each
    partition and the newest that each acknowledged. The identity alone proves nothing: compose files fix it.
    """
    moved: list[str] = []
    for old in await journal.other_buses(url.key):
        known = (await journal.bus_values(old)).get("identity")
        if known != identity or not _same_names(old, url):
            continue
        if not await _holds(bus, await journal.last_known(old)):
            _log.warning("%s answers as %s did, but does not hold what that one held", url.redacted, old)
            continue
        moved += await journal.adopt_bus(old, url.key)
        _log.info("%s is %s under another address", url.redacted, old)
    return tuple(moved)


def _same_names(old: str, url: BusUrl) -> bool:
    try:
        before = BusUrl.parse(old)
    except BadBusUrl:
        return False
    return before.scheme == url.scheme and before.prefix == url.prefix


async def _holds(bus: Bus, last: Mapping[PartitionKey, Mapping[int, bytes]]) -> bool:
    """Whether each of these records (partition → offset → SHA-256 of the value) stands there, as far as retention left them."""
    begins, ends = await bus.begins(), await bus.ends()
    left: dict[PartitionKey, dict[int, bytes]] = {}
    for place, records in last.items():
        if any(offset >= ends.get(place, 0) for offset in records):
            return False
        if standing := {offset: known for offset, known in records.items() if offset >= begins.get(place, 0)}:
            left[place] = standing
    try:
        async with asyncio.timeout(LOOK_S):
            while left:
                if not await _compare(bus, left):
                    return False
    except (TimeoutError, CursorOutOfRange):
        return False
    return True


async def _compare(bus: Bus, left: dict[PartitionKey, dict[int, bytes]]) -> bool:
    """Read a piece, and take off ``left`` what was seen; false where something else stands there, or nothing."""
    records = await bus.read({place: min(known) for place, known in left.items()}, max_wait=_READ_S)
    for record in records:
        known = left.get(record.place, {})
        value_hash = known.pop(record.offset, None)
        if value_hash is not None and value_hash != hashlib.sha256(record.value or b"").digest():
            return False
    reached = dict(await bus.positions())
    for place, known in list(left.items()):
        if not known:
            del left[place]
        elif reached.get(place, 0) > max(known):
            return False
    return True
