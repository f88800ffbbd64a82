"""LSP's base protocol: header lines, an empty line, then a body of ``Content-Length`` bytes.

https://microsoft.github.io/language-server-protocol/specifications/lsp/3.18/specification/#baseProtocol
"""

from __future__ import annotations

from typing import Final

MAX_BODY_BYTES: Final = 256 * 1024 * 1024
"""Largest body that is taken, in bytes. No editor sends such a message; a stray number must not eat the memory."""

MAX_HEADER_BYTES: Final = 64 * 1024
"""Largest header block, in bytes; a peer that never ends its headers is not speaking LSP."""


class BrokenFrame(ValueError):  # noqa: N818  # the name of what was received, not of what we did
    """The byte stream is not LSP any more and cannot be picked up again; the connection has to end."""


def encode(body: bytes) -> bytes:
    """The frame of one body."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class FrameDecoder:
    """Takes bytes as they come and yields whole bodies.

    Header names are compared without regard to case and lines may end in a bare ``\\n``: both are seen in the wild.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length: int | None = None

    @property
    def pending(self) -> int:
        """Number of bytes that belong to a frame that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes; return the bodies they complete, in order. Raises :class:`BrokenFrame`."""
        self._buffer += data
        bodies: list[bytes] = []
        while (body := self._next()) is not None:
            bodies.append(body)
        return bodies

    def _next(self) -> bytes | None:
        if self._length is None and not self._read_headers():
            return None
        length = self._length
        if length is None or len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._length = None
        return body

    def _read_headers(self) -> bool:
        end, skip = _header_end(self._buffer)
        if end < 0:
            if len(self._buffer) > MAX_HEADER_BYTES:
                raise BrokenFrame("the header block has no end")
            return False
        self._length = _content_length(bytes(self._buffer[:end]))
        del self._buffer[: end + skip]
        return True


def _header_end(buffer: bytearray) -> tuple[int, int]:
    strict = buffer.find(b"\r\n\r\n")
    lax = buffer.find(b"\n\n")
    if strict >= 0 and (lax < 0 or strict < lax):
        return strict, 4
    return lax, 2


def _content_length(block: bytes) -> int:
    for line in block.split(b"\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() != b"content-length":
            continue
        text = value.strip()
        if not text.isdigit() or len(text) > 12:
            raise BrokenFrame(f"Content-Length is not a number: {text[:40]!r}")
        length = int(text)
        if length > MAX_BODY_BYTES:
            raise BrokenFrame(f"a message of {length} bytes is over the limit of {MAX_BODY_BYTES}")
        return length
    raise BrokenFrame(f"no Content-Length in the headers: {block[:80]!r}")
