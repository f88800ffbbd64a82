"""Which files a progress event may name."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from colearner_ls.contracts.payloads.progress import ChangedFile
from colearner_ls.evidence.decoding import MAX_TEXT_BYTES
from colearner_ls.evidence.sharing import NotShareable, Shareable, shareable
from tests.evidence.credentials import pem


def test_a_text_file_is_named_with_the_hash_and_the_size_of_its_bytes(repository: Path) -> None:
    data = "größe = 1\r\n".encode()
    (repository / "src" / "größe.py").write_bytes(data)
    entry = shareable(repository, "src/größe.py")
    assert entry == Shareable("src/größe.py", hashlib.sha256(data).hexdigest(), len(data))
    payload = entry.to_payload()
    assert payload == {"path": "src/größe.py", "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    ChangedFile.model_validate(payload)


def test_a_file_with_a_credential_is_named_without_its_hash(repository: Path) -> None:
    (repository / "src" / "app.py").write_text(pem(random.Random(1)))
    entry = shareable(repository, "src/app.py")
    assert isinstance(entry, Shareable)
    assert entry.sha256 is None
    assert set(entry.to_payload()) == {"path", "bytes"}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("debug.log", "git ignores it"),
        ("../x", "goes up"),
        ("/etc/hostname", "absolute"),
        ("out", "out of the workspace"),
        (".git/HEAD", "own data"),
        (".colearner/config.toml", "own data"),
        ("blob", "not text"),
        ("large", "more than 1048576 bytes"),
        ("gone.py", "gone"),
        ("src/app.py/x", "gone"),
        ("src", "folder"),
    ],
)
def test_everything_else_is_not_named_and_the_reason_is_said(repository: Path, path: str, reason: str) -> None:
    (repository / "debug.log").write_text("x")
    (repository / "out").symlink_to(repository.parent)
    (repository / "blob").write_bytes(b"\0\1\2")
    (repository / "large").write_bytes(b"x" * (MAX_TEXT_BYTES + 1))
    answer = shareable(repository, path)
    assert isinstance(answer, NotShareable)
    assert reason in answer.reason


def test_a_file_of_just_the_limit_is_named(repository: Path) -> None:
    (repository / "full").write_bytes(b"x" * MAX_TEXT_BYTES)
    entry = shareable(repository, "full")
    assert isinstance(entry, Shareable)
    assert entry.bytes == MAX_TEXT_BYTES
