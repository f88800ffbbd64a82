"""Which bytes are text, and what text they are; and the hashes of files."""

from __future__ import annotations

import codecs
import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.evidence.decoding import MAX_TEXT_BYTES, NotText, decode, read_text_file
from colearner_ls.evidence.hashing import sha256_bytes, sha256_file, sha256_text

TEXT = "größe = 'e\u0301😋'\r\nform\x0cfeed\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (TEXT.encode(), TEXT),
        (codecs.BOM_UTF8 + TEXT.encode(), TEXT),
        (codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"), TEXT),
        (codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"), TEXT),
        (codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le"), TEXT),
        (codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"), TEXT),
        ("größe = 1\r\n".encode("latin-1"), "größe = 1\r\n"),
        ("“quoted” – 5 €".encode("windows-1252"), "“quoted” – 5 €"),
        (b"\x1b[31mred\x1b[0m\n", "\x1b[31mred\x1b[0m\n"),
    ],
)
def test_text_is_read_in_its_encoding_with_its_line_ends(data: bytes, text: str) -> None:
    assert decode(data) == text


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"\x7fELF\x02\x01\x01\x00",
        b"PK\x03\x04\x14\x08\x08\xff\xfe",
        b"abc\x00def",
        "größe\x00".encode(),
        b"\xff\xd8\xff\xe0\x10JFIF",
        codecs.BOM_UTF16_LE + b"a\x00b",
        codecs.BOM_UTF16_LE + b"a\x00\x00\x00",
        codecs.BOM_UTF8 + b"gr\xf6\xdfe",
        b"\x80\x81\x8d",
        b"caf\xe9\x01",
    ],
)
def test_what_is_not_text_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NotText) as refused:
        decode(data)
    assert refused.value.hint


@given(st.binary(max_size=60))
def test_any_bytes_are_text_or_not_text(data: bytes) -> None:
    try:
        text = decode(data)
    except NotText:
        return
    assert "\0" not in text
    text.encode()


@given(st.text(st.characters(exclude_characters="\0\ufeff", exclude_categories=["Cs"]), max_size=40))
def test_all_utf_8_without_nul_is_text(text: str) -> None:
    assert decode(text.encode()) == text


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "big.txt"
    file.write_bytes(b"a" * MAX_TEXT_BYTES)
    assert len(read_text_file(file)) == MAX_TEXT_BYTES
    file.write_bytes(b"a" * (MAX_TEXT_BYTES + 1))
    with pytest.raises(NotText, match="more than 1048576 bytes"):
        read_text_file(file)
    with pytest.raises(FileNotFoundError):
        read_text_file(tmp_path / "none")


def test_hashes_are_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(TEXT.encode())
    expected = "sha256:" + hashlib.sha256(TEXT.encode()).hexdigest()
    assert sha256_file(file) == sha256_bytes(TEXT.encode()) == sha256_text(TEXT) == expected
    assert sha256_text("\ud800") == sha256_text("?")


def test_a_large_file_is_hashed_in_little_memory(tmp_path: Path) -> None:
    file = tmp_path / "large"
    chunk = bytes(range(256)) * 4096
    digest = hashlib.sha256()
    with file.open("wb") as stream:
        for _ in range(16):
            stream.write(chunk)
            digest.update(chunk)
    tracemalloc.start()
    try:
        assert sha256_file(file) == "sha256:" + digest.hexdigest()
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
