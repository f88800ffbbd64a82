"""The base protocol's framing, fed in any pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.lsp.base.frames import MAX_BODY_BYTES, MAX_HEADER_BYTES, BrokenFrame, FrameDecoder, encode


@given(st.lists(st.binary(max_size=60), max_size=6), st.integers(1, 40))
def test_bodies_come_out_as_they_went_in(bodies: list[bytes], size: int) -> None:
    stream = b"".join(encode(body) for body in bodies)
    decoder = FrameDecoder()
    out = [body for at in range(0, len(stream), size) for body in decoder.feed(stream[at : at + size])]
    assert out == bodies
    assert decoder.pending == 0


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"Content-Type: x\r\nContent-Length: 2\r\n\r\n",
        b"content-length:2\r\n\r\n",
        b"CONTENT-LENGTH :  2 \r\n\r\n",
        b"Content-Length: 2\n\n",
    ],
)
def test_headers_as_seen_in_the_wild(head: bytes) -> None:
    assert FrameDecoder().feed(head + b"{}" + encode(b"x")) == [b"{}", b"x"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"Content-Length: two\r\n\r\n",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: 9999999999999999\r\n\r\n",
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"\r\n\r\n",
        b"x" * (MAX_HEADER_BYTES + 1),
    ],
)
def test_what_is_not_lsp_ends_the_connection(head: bytes) -> None:
    with pytest.raises(BrokenFrame):
        FrameDecoder().feed(head)
