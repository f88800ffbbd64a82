"""Which changed files a progress event may name (``files_changed``): naming a file is sharing it (trust.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from colearner_ls.contracts.frozen import frozen
from colearner_ls.evidence.decoding import MAX_TEXT_BYTES, NotText, decode
from colearner_ls.evidence.hashing import PREFIX, sha256_bytes
from colearner_ls.evidence.redaction import redact
from colearner_ls.evidence.scope import OutOfScope, in_scope, open_in_scope


@frozen
class Shareable:
    """A text file that may be named. ``sha256`` (hex, of its bytes) is ``None`` where it holds a credential."""

    path: str
    sha256: str | None
    bytes: int

    def to_payload(self) -> dict[str, Any]:
        """An entry of ``files_changed``."""
        payload: dict[str, Any] = {"path": self.path}
        if self.sha256 is not None:
            payload["sha256"] = self.sha256
        return {**payload, "bytes": self.bytes}


@frozen
class NotShareable:
    """The file may not be named; ``reason`` completes "it is not shared: …"."""

    reason: str


def shareable(root: Path, path: str) -> Shareable | NotShareable:
    """Judge the file ``path`` below ``root`` as it is on the disk now.

    It must be in scope (:mod:`colearner_ls.evidence.scope`), text, and of at most 1 MiB. Blocks: reads the file and runs
    git. Raises nothing: a file that is gone or cannot be read is not shareable.
    """
    scope = in_scope(root, path)
    if isinstance(scope, OutOfScope):
        return NotShareable(scope.reason)
    try:
        stream = open_in_scope(root, scope)
        if isinstance(stream, OutOfScope):
            return NotShareable(stream.reason)
        with stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return NotShareable("it is gone")
    except OSError as error:
        return NotShareable(f"it cannot be read ({error.strerror})")
    if len(data) > MAX_TEXT_BYTES:
        return NotShareable(f"it has more than {MAX_TEXT_BYTES} bytes")
    try:
        text = decode(data)
    except NotText:
        return NotShareable("it is not text")
    digest = None if redact(text).counts else sha256_bytes(data).removeprefix(PREFIX)
    return Shareable(scope.path, digest, len(data))
