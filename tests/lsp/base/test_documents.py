"""Fault 7 of pygls and its kin: lines, incremental changes, clamping, unopened documents, other URI schemes."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.workspace import Workspace

from colearner_ls.lsp.base.columns import ENCODINGS, Encoding, to_code_points, to_units
from colearner_ls.lsp.base.documents import DocumentStore, Edit, file_path, split_lines
from tests.lsp.base.raw import RawPeer

URI = "file:///a.py"
STOCK_HAS_THE_FAULT = pytest.mark.xfail(strict=True, reason="a fault of stock pygls 2.1.1 that our base mends")


def opened(text: str, encoding: Encoding = "utf-16") -> DocumentStore:
    store = DocumentStore(None, [], encoding)
    store.put_text_document(types.TextDocumentItem(uri=URI, language_id="python", version=1, text=text))
    return store


def _range(start: tuple[int, int], end: tuple[int, int]) -> types.Range:
    return types.Range(types.Position(*start), types.Position(*end))


def change(store: Workspace, start: tuple[int, int], end: tuple[int, int], text: str) -> str:
    identifier = types.VersionedTextDocumentIdentifier(uri=URI, version=2)
    store.update_text_document(identifier, types.TextDocumentContentChangePartial(range=_range(start, end), text=text))
    return store.get_text_document(URI).source


@pytest.mark.parametrize("separator", ["\x0c", "\x0b", "\x1c", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: opened(""), id="ours"),
        pytest.param(lambda: Workspace(None), id="stock", marks=STOCK_HAS_THE_FAULT),
    ],
)
def test_an_edit_after_a_character_that_only_python_calls_a_line_end(
    make: Callable[[], Workspace], separator: str
) -> None:
    store = make()
    text = f"one{separator}one\ntwo\n"
    store.put_text_document(types.TextDocumentItem(uri=URI, language_id="python", version=1, text=text))
    assert change(store, (1, 0), (1, 3), "TWO") == f"one{separator}one\nTWO\n"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: opened("abc"), id="ours"),
        pytest.param(lambda: Workspace(None), id="stock", marks=STOCK_HAS_THE_FAULT),
    ],
)
def test_a_column_past_the_end(make: Callable[[], Workspace]) -> None:
    """It is the end of the line, and the client's own position is left as it was."""
    store = make()
    store.put_text_document(types.TextDocumentItem(uri=URI, language_id="python", version=1, text="abc"))
    position = types.Position(0, 10)
    before = copy.deepcopy(position)
    assert store.get_text_document(URI).position_from_client_units(position).character == 3
    assert position == before


def test_lines_are_split_once() -> None:
    document = opened("a\n" * 1000).open_document(URI)
    assert document is not None
    assert document.lines is document.lines


def test_a_change_of_the_whole_text() -> None:
    store = opened("a\nb\n")
    identifier = types.VersionedTextDocumentIdentifier(uri=URI, version=3)
    store.update_text_document(identifier, types.TextDocumentContentChangeWholeDocument(text="new\r\ntext"))
    document = store.open_document(URI)
    assert document is not None
    assert (document.source, document.lines) == ("new\r\ntext", ["new\r\n", "text"])
    assert document.take_edits() == [None]
    assert document.take_edits() == []


def test_edits_are_told_in_code_points() -> None:
    store = opened("😋a\nbc\n", "utf-16")
    change(store, (0, 2), (0, 3), "xyz")
    change(store, (1, 0), (2, 0), "")
    document = store.open_document(URI)
    assert document is not None
    assert document.take_edits() == [Edit(1, 2, 3), Edit(5, 8, 0)]
    assert document.source == "😋xyz\n"


def test_a_snapshot_does_not_change() -> None:
    store = opened("one\n")
    document = store.open_document(URI)
    assert document is not None
    snapshot = document.snapshot()
    change(store, (0, 0), (0, 3), "two")
    assert (snapshot.text, snapshot.version) == ("one\n", 1)
    assert (document.snapshot().text, document.snapshot().version) == ("two\n", 2)


def test_a_change_of_a_document_that_is_not_open_is_ignored() -> None:
    store = DocumentStore(None, [], "utf-16")
    assert change(store, (0, 0), (0, 0), "x") == ""
    assert store.open_documents() == []


def test_only_file_uris_are_read_from_disk(tmp_path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"one\r\ntwo")
    store = DocumentStore(None, [], "utf-16")
    assert store.get_text_document(f"colearner:{secret}").source == ""
    assert store.get_text_document(secret.as_uri()).source == "one\r\ntwo"
    assert store.get_text_document((tmp_path / "absent").as_uri()).source == ""


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("file:///a%20b/%C3%A9.py", "/a b/é.py"),
        ("colearner:/plan.md", None),
        ("untitled:Untitled-1", None),
        ("http://[broken", None),
        ("", None),
        ("file:///a%00b", None),
    ],
)
def test_file_path(uri: str, path: str | None) -> None:
    assert (str(found) if (found := file_path(uri)) else None) == path


# --- any sequence of changes, against the plainest thing that could be right

PIECES = st.sampled_from(["a", "é", "😋", "\r", "\n", "\r\n", "\x0c", "\u2028", "́", "xyz\n"])
TEXTS = st.lists(PIECES, max_size=12).map("".join)


def naive_offset(text: str, line: int, units: int, encoding: Encoding) -> int:
    """Offset of an LSP position, by walking the text."""
    lines = split_lines(text)
    if line >= len(lines):
        return len(text)
    content = lines[line].rstrip("\r\n") if lines[line].endswith(("\r", "\n")) else lines[line]
    # one terminator only: "a\r" followed by "\n" cannot be, but "a\n" preceded by "\r" is one "\r\n"
    size = 0
    width = {
        "utf-8": lambda c: len(c.encode()),
        "utf-16": lambda c: len(c.encode("utf-16-le")) // 2,
        "utf-32": lambda c: 1,
    }
    for index, char in enumerate(content):
        size += width[encoding](char)
        if size > units:
            return sum(map(len, lines[:line])) + index
    return sum(map(len, lines[:line])) + len(content)


@given(TEXTS, st.lists(st.tuples(*[st.integers(0, 6)] * 4, TEXTS), max_size=6), st.sampled_from(ENCODINGS))
def test_changes_do_to_the_text_what_they_say(
    text: str, changes: list[tuple[int, int, int, int, str]], encoding: Encoding
) -> None:
    store = opened(text, encoding)
    document = store.open_document(URI)
    assert document is not None
    for line, character, end_line, end_character, new in changes:
        start = naive_offset(text, line, character, encoding)
        end = naive_offset(text, end_line, end_character, encoding)
        start, end = min(start, end), max(start, end)
        text = text[:start] + new + text[end:]
        assert change(store, (line, character), (end_line, end_character), new) == text
        assert document.take_edits() == [Edit(start, end, len(new))]
        assert document.lines == split_lines(text)


@given(TEXTS, st.integers(0, 12), st.sampled_from(ENCODINGS))
def test_columns_come_back(text: str, column: int, encoding: Encoding) -> None:
    line = (split_lines(text) or [""])[0]
    units = to_units(line, column, encoding)
    assert to_units(line, to_code_points(line, units, encoding), encoding) == units


def test_the_documents_are_ours_in_a_session() -> None:
    """(the swap keeps the encoding; a folder's name may hold anything)"""
    from colearner_ls.lsp.base.server import BaseServer

    server: LanguageServer = BaseServer("test", "0")
    peer = RawPeer(server)
    peer.send(
        {
            "id": 1,
            "method": "initialize",
            "params": {
                "processId": None,
                "rootUri": "file:///r%C3%A9po%20x",
                "workspaceFolders": [{"uri": "file:///r%C3%A9po%20x", "name": "répo"}],
                "capabilities": {"general": {"positionEncodings": ["utf-32"]}},
            },
        }
    )
    store = server.workspace
    assert isinstance(store, DocumentStore)
    assert store.encoding == "utf-32"
    assert store.root_path == "/répo x"
    assert [folder.name for folder in store.folders.values()] == ["répo"]
