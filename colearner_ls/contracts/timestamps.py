"""Times on the wire: RFC 3339 in UTC with a final ``Z`` on one side, whole µs since the Unix epoch on the other."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from colearner_ls.contracts.errors import BadInput

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TS: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?Z", re.ASCII)
_HINT: Final = "A time is written like 2026-01-20T12:00:00Z: UTC, ending in Z, with or without a fraction of a second."


def to_ts(us: int) -> str:
    """Return the time ``us`` (µs since the Unix epoch) as RFC 3339 text with six decimals, ending in ``Z``.

    Raises `BadInput` for a time outside the years 1 to 9999.
    """
    try:
        moment = _EPOCH + timedelta(microseconds=us)
    except OverflowError:
        raise BadInput(f"{us} µs since 1970 is outside the years 1 to 9999.", _HINT) from None
    return moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + f".{moment.microsecond:06d}Z"


def to_us(ts: str) -> int:
    """Return the µs since the Unix epoch of the RFC 3339 text ``ts``, which must be in UTC and end in ``Z``.

    A finer fraction than µs is cut off, not rounded. The leap second ``23:59:60`` is the second after it, as in POSIX
    time. Times before 1970 are negative. Raises `BadInput` for anything else, offsets such as ``+00:00`` included.
    """
    match = _TS.fullmatch(ts)
    if match is None:
        raise BadInput(f"{ts[:60]!r} is not a time in UTC.", _HINT)
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = second == 60 and (hour, minute) == (23, 59)
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC)
    except ValueError as error:
        raise BadInput(f"{ts[:60]!r} is not a time: {error}.", _HINT) from None
    fraction = int(((match[7] or "") + "000000")[:6])
    return (moment - _EPOCH) // _MICROSECOND + fraction + (1_000_000 if leap else 0)
