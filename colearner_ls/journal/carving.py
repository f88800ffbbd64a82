"""Reading events out of the bare pages of a damaged journal, when SQLite no longer finds the way to them.

A page of a table's rows can be whole while the page that leads to it is not. So every page that looks like one is taken
apart (https://sqlite.org/fileformat2.html, 1.6 and 2.1), in the database file and in its write-ahead log. What comes out
may be old or nonsense: the caller believes an event only if its bytes have the SHA-256 that is stored beside them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from colearner_ls.journal.damaged import EventRow
from colearner_ls.journal.schema import PAGE_SIZE

_LEAF: Final = 0x0D
_WAL_HEAD: Final = 32
_FRAME_HEAD: Final = 24
_COLUMNS: Final = 16
"""Columns of the table ``event`` (schema.py): row, id, session, …, source, topic, partition, offset, content, raw."""

_MOST_ROW_BYTES: Final = 4 * 1024 * 1024
_FIXED: Final = {0: 0, 1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8, 8: 0, 9: 0}
"""Serial type → bytes."""


def carve(path: Path) -> Iterator[EventRow]:
    """Everything in the file ``path`` and its log that has the shape of a row of ``event``; the same one several times."""
    pages, frames = _pages(path), _frames(path.with_name(path.name + "-wal"))
    newest = {**pages, **dict(frames)}
    for page in (*pages.values(), *(page for _, page in frames)):
        head = 100 if page[:15] == b"SQLite format 3" else 0
        if page[head] == _LEAF:
            yield from _rows(page, head, newest)


def _pages(path: Path) -> dict[int, bytes]:
    data = path.read_bytes() if path.is_file() else b""
    return {at // PAGE_SIZE + 1: data[at : at + PAGE_SIZE] for at in range(0, len(data) - PAGE_SIZE + 1, PAGE_SIZE)}


def _frames(wal: Path) -> list[tuple[int, bytes]]:
    data = wal.read_bytes() if wal.is_file() else b""
    size = _FRAME_HEAD + PAGE_SIZE
    starts = range(_WAL_HEAD, len(data) - size + 1, size)
    return [(int.from_bytes(data[at : at + 4], "big"), data[at + _FRAME_HEAD : at + size]) for at in starts]


def _rows(page: bytes, head: int, pages: Mapping[int, bytes]) -> Iterator[EventRow]:
    count = min(int.from_bytes(page[head + 3 : head + 5], "big"), PAGE_SIZE // 4)
    for cell in range(count):
        place = head + 8 + 2 * cell
        with contextlib.suppress(ValueError, IndexError, KeyError):  # nonsense: no row of ours
            yield _row(page, int.from_bytes(page[place : place + 2], "big"), pages)


def _row(page: bytes, at: int, pages: Mapping[int, bytes]) -> EventRow:
    size, at = _varint(page, at)
    number, at = _varint(page, at)
    if not 40 < size < _MOST_ROW_BYTES:
        raise ValueError(size)
    values = _values(_payload(page, at, size, pages))
    event_id, source, content, raw = values[1], values[10], values[14], values[15]
    if not (isinstance(event_id, str) and isinstance(source, str) and isinstance(content, bytes)):
        raise ValueError(event_id)
    if not isinstance(raw, bytes):
        raise ValueError(raw)
    topic, partition, offset = values[11:14]
    return EventRow(number, event_id, source, topic, partition, offset, content, raw)


def _payload(page: bytes, at: int, size: int, pages: Mapping[int, bytes]) -> bytes:
    """The bytes of a row, those on overflow pages included (2.1, *the amount of payload that spills*)."""
    usable = PAGE_SIZE
    most = usable - 35
    if size <= most:
        return page[at : at + size]
    least = (usable - 12) * 32 // 255 - 23
    here = least + (size - least) % (usable - 4)
    here = least if here > most else here
    found = bytearray(page[at : at + here])
    following = int.from_bytes(page[at + here : at + here + 4], "big")
    while len(found) < size:
        overflow = pages[following]
        found += overflow[4:]
        following = int.from_bytes(overflow[:4], "big")
    return bytes(found[:size])


def _values(payload: bytes) -> list[Any]:
    end, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    if len(kinds) != _COLUMNS:
        raise ValueError(len(kinds))
    values: list[Any] = []
    for kind in kinds:
        size = _FIXED[kind] if kind < 10 else (kind - 12) // 2
        data = payload[at : at + size]
        if len(data) != size:
            raise ValueError(size)
        at += size
        values.append(_value(kind, data))
    return values


def _value(kind: int, data: bytes) -> Any:
    if kind >= 12:
        return data.decode() if kind % 2 else data
    if kind == 0:
        return None
    return kind - 8 if kind >= 8 else int.from_bytes(data, "big", signed=True)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A big-endian number of 1 to 9 bytes, 7 bits in each (1.6)."""
    value = 0
    for place in range(9):
        byte = data[at + place]
        if place == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + place + 1
    raise ValueError(at)
