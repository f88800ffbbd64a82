"""SHA-256 of what is shared, so that both sides can tell whether they look at the same bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Final

PREFIX: Final = "sha256:"
"""How a payload's ``hash`` begins (contracts.md); fields that are named ``sha256`` have the bare hex digits."""

_CHUNK: Final = 256 * 1024


def sha256_bytes(data: bytes) -> str:
    """``sha256:`` and 64 hex digits."""
    return PREFIX + hashlib.sha256(data).hexdigest()


def sha256_text(text: str) -> str:
    """The hash of the text as UTF-8. Lone surrogates, which no file can hold, count as ``?``."""
    return sha256_bytes(text.encode("utf-8", "replace"))


def sha256_stream(stream: BinaryIO) -> tuple[str, int]:
    """The hash of what is left in ``stream``, and its length in bytes, read in pieces."""
    digest = hashlib.sha256()
    size = 0
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return PREFIX + digest.hexdigest(), size


def sha256_file(path: Path) -> str:
    """The hash of the file's bytes, in constant memory. Raises :class:`OSError` as ``open`` does."""
    with path.open("rb") as stream:
        return sha256_stream(stream)[0]
