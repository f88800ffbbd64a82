"""Reading and writing on the loop where that cannot block, and on threads where it can."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from colearner_ls.lsp.base import wire
from colearner_ls.lsp.base.frames import encode
from colearner_ls.lsp.base.wire import BodyReader, BodyWriter, immediate_writer

Ends = tuple[int, int]
"""(to read from, to write to)"""


@pytest.fixture(params=["pipe", "socket"])
def ends(request: pytest.FixtureRequest) -> Iterator[Ends]:
    """Both ends of what an editor may give a server as standard input or output."""
    pair = socket.socketpair()
    found = os.pipe() if request.param == "pipe" else (pair[0].detach(), pair[1].detach())
    for each in pair:
        each.close()
    yield found
    for fd in found:
        with suppress(OSError):
            os.close(fd)


def _drain(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size and (chunk := os.read(fd, 1 << 16)):
        data += chunk
    return data


def test_what_fits_is_written_at_once_and_the_flags_of_the_file_stay(ends: Ends) -> None:
    source, sink = ends
    write = immediate_writer(sink)
    assert write(memoryview(b"x" * 3000)) == 3000
    assert os.get_blocking(sink)
    assert _drain(source, 3000) == b"x" * 3000


def test_what_does_not_fit_is_left_and_nothing_blocks(ends: Ends) -> None:
    source, sink = ends
    write = immediate_writer(sink)
    much = memoryview(bytes(range(256)) * 40_000)
    first = write(much)
    assert 0 < first < len(much)
    left = first
    for _ in range(5):  # nobody reads
        left += write(much[left:])
    assert left < len(much)
    assert _drain(source, left) == bytes(much[:left])


def test_a_file_is_not_written_to_at_once(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        assert immediate_writer(file.fileno())(memoryview(b"x")) == 0


def test_frames_keep_their_order_whoever_writes_them(ends: Ends) -> None:
    """A client that reads late: some frames go out at once, some over the thread, none overtakes another."""
    source, sink = ends
    writer = BodyWriter(sink, on_broken=lambda: None)
    frames = [b"%06d:" % number + b"." * (number * 37 % 9000) + b"\n" for number in range(300)]
    read: list[bytes] = []
    reading = threading.Thread(target=lambda: read.append(_drain(source, sum(map(len, frames)))))
    for number, frame in enumerate(frames):
        writer.write(frame)
        if number == 150:
            reading.start()
    reading.join(30)
    writer.close()
    assert read[0] == b"".join(frames)


def test_a_client_that_does_not_read_does_not_hold_the_writer(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "FLUSH_S", 0.05)
    writer = BodyWriter(ends[1], on_broken=lambda: None)
    finished = threading.Event()

    def write() -> None:
        for _ in range(200):
            writer.write(b"x" * 10_000)
        writer.close()
        finished.set()

    threading.Thread(target=write, daemon=True).start()
    assert finished.wait(30)
    _drain(ends[0], 200 * 10_000)  # lets the thread go


def test_a_client_that_went_is_told_once_per_end(ends: Ends) -> None:
    source, sink = ends
    os.close(source)
    told: list[None] = []
    writer = BodyWriter(sink, on_broken=lambda: told.append(None))
    for _ in range(3):
        writer.write(b"x" * 100)
    writer.close()
    assert told == [None]


async def _bodies(fd: int, count: int) -> list[bytes]:
    reader = BodyReader(fd)
    reader.start()
    found = []
    try:
        async with asyncio.timeout(30):
            async for body in reader.bodies():
                found.append(body)
                if len(found) == count:
                    break
    finally:
        reader.close()
    return found


async def test_bodies_come_in_order_until_the_other_side_closes(ends: Ends) -> None:
    source, sink = ends
    sent = [b'{"number": %d}' % number for number in range(500)]

    def send() -> None:
        os.write(sink, encode(sent[0])[7:])
        for body in sent[1:]:
            os.write(sink, encode(body))
        os.close(sink)

    os.write(sink, encode(sent[0])[:7])
    sending = threading.Thread(target=send)
    sending.start()
    assert await _bodies(source, -1) == sent
    sending.join(30)


async def test_a_file_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(encode(b"{}") + encode(b"[]"))
    with (tmp_path / "in").open("rb") as file:
        assert await _bodies(file.fileno(), -1) == [b"{}", b"[]"]


async def test_nonsense_ends_the_reading(ends: Ends) -> None:
    os.write(ends[1], encode(b"{}") + b"GET / HTTP/1.1\r\n\r\n")
    assert await _bodies(ends[0], -1) == []  # they came in one piece: nothing of it is believed


async def test_reading_waits_while_much_is_unhandled(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_QUEUED", 10)
    monkeypatch.setattr(wire, "CHUNK_BYTES", 64)
    source, sink = ends
    for number in range(200):
        os.write(sink, encode(b"%06d" % number))
    reader = BodyReader(source)
    reader.start()
    try:
        waiting: Callable[[], int] = reader._bodies.qsize
        async with asyncio.timeout(30):
            while waiting() < 10:
                await asyncio.sleep(0)
            for _ in range(50):
                await asyncio.sleep(0)
            assert waiting() < 15  # one more chunk at most
            bodies = reader.bodies()
            assert [await anext(bodies) for _ in range(200)] == [b"%06d" % number for number in range(200)]
    finally:
        reader.close()
