"""What people type becomes what they mean, or a message that says what would be accepted."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.cli.arguments import MAX_TEXT_BYTES, Folder, confidences, due_time, text_or_file
from colearner_ls.contracts.errors import BadInput
from colearner_ls.contracts.timestamps import to_us
from colearner_ls.workspace.requests import MistakeAt, Place


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("one\ntwo\nthree\n")
    (tmp_path / "top.py").write_text("x\n")
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("src/app.py", Place("src/app.py")),
        ("src/app.py:2", Place("src/app.py", 2, 2)),
        ("src/app.py:2-3", Place("src/app.py", 2, 3)),
        ("./src/../src/app.py:2", Place("src/app.py", 2, 2)),
        ("not there.py:7", Place("not there.py", 7, 7)),
        ("src/app.py:2-", Place("src/app.py:2-")),
    ],
)
def test_places(root: Path, typed: str, place: Place) -> None:
    assert Folder(root, root).place(typed, "--evidence") == place


def test_a_place_is_meant_from_where_one_stands_and_else_from_the_root(root: Path) -> None:
    from_below = Folder(root, root / "src")
    assert from_below.place("app.py:1", "--at") == Place("src/app.py", 1, 1)
    assert from_below.place("../top.py:1", "--at") == Place("top.py", 1, 1)
    assert from_below.place("src/app.py:1", "--at") == Place("src/app.py", 1, 1)
    assert from_below.place(f"{root}/top.py:1", "--at") == Place("top.py", 1, 1)
    assert from_below.place("new.py:1", "--at") == Place("src/new.py", 1, 1)


def test_a_file_whose_name_ends_like_a_line(root: Path) -> None:
    (root / "notes:12").write_text("x\n")
    assert Folder(root, root).place("notes:12", "--evidence") == Place("notes:12")
    assert Folder(root, root).place("notes:12:1", "--evidence") == Place("notes:12", 1, 1)


def test_backslashes_are_separators_where_no_such_file_is(root: Path) -> None:
    assert Folder(root, root).place("src\\app.py:2", "--at") == Place("src/app.py", 2, 2)


@pytest.mark.parametrize(
    "typed", ["src/app.py:0", "src/app.py:3-2", "../outside.py:1", "/etc/passwd:1", "", ":1", "a\0b:1"]
)
def test_bad_places(root: Path, typed: str) -> None:
    with pytest.raises(BadInput) as caught:
        Folder(root, root).place(typed, "--at", lines=True)
    assert "--at" in caught.value.message
    assert caught.value.hint


def test_a_place_without_a_line_where_one_is_needed(root: Path) -> None:
    with pytest.raises(BadInput, match="names no line"):
        Folder(root, root).place("src/app.py", "--at", lines=True)


@pytest.mark.parametrize(
    ("typed", "mistake"),
    [
        ("divides by zero", MistakeAt("divides by zero")),
        ("src/app.py:2: divides by zero", MistakeAt("divides by zero", Place("src/app.py", 2, 2))),
        ("src/app.py:2-3:divides: by zero", MistakeAt("divides: by zero", Place("src/app.py", 2, 3))),
        ("at 10:30: nothing happens", MistakeAt("at 10:30: nothing happens")),
        ("Note: 5: is wrong", MistakeAt("Note: 5: is wrong")),
        ("src/app.py: no line", MistakeAt("src/app.py: no line")),
        ("src/app.py:2: two\nlines", MistakeAt("two\nlines", Place("src/app.py", 2, 2))),
    ],
)
def test_mistakes(root: Path, typed: str, mistake: MistakeAt) -> None:
    assert Folder(root, root).mistake(typed) == mistake


def test_a_windows_drive_is_no_line(tmp_path: Path) -> None:
    (tmp_path / "C:").mkdir()
    (tmp_path / "C:" / "app.py").write_text("one\ntwo\n")
    assert Folder(tmp_path, tmp_path).mistake("C:/app.py:2: wrong") == MistakeAt("wrong", Place("C:/app.py", 2, 2))
    with pytest.raises(BadInput, match=r"there is no file C:\\other\.py"):
        Folder(tmp_path, tmp_path).mistake(r"C:\other.py:12: wrong")


def test_a_mistake_at_a_misspelt_file_is_told(root: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no file src/ap\.py") as caught:
        Folder(root, root).mistake("src/ap.py:2: wrong")
    assert "PATH:LINE: text" in caught.value.hint


@given(st.text(max_size=60))
def test_any_mistake_is_taken_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, typed: str) -> None:
    root = tmp_path_factory.getbasetemp()
    with contextlib.suppress(BadInput):
        assert Folder(root, root).mistake(typed).text in typed


def test_texts_and_files(root: Path) -> None:
    (root / "text.md").write_bytes("\ufeffgrüße\n".encode())
    assert text_or_file("plain", "--exercise", root) == "plain"
    assert text_or_file("@text.md", "--exercise", root) == "grüße\n"
    assert text_or_file("@@home", "--exercise", root) == "@home"
    assert text_or_file("-", "--exercise", root) == "-"


@pytest.mark.parametrize("typed", ["@", "@nothing.md", "@src", "@latin.txt", "@large.txt", "@" + "x" * 5000, "@a\0b"])
def test_bad_files(root: Path, typed: str) -> None:
    (root / "latin.txt").write_bytes(b"gr\xfc\xdfe")
    (root / "large.txt").write_bytes(b"x" * (MAX_TEXT_BYTES + 1))
    with pytest.raises(BadInput) as caught:
        text_or_file(typed, "--exercise", root)
    assert "--exercise" in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("typed", "due"),
    [
        ("2026-12-24T18:00:00Z", "2026-12-24T18:00:00Z"),
        ("2026-12-24t18:00:00.25z", "2026-12-24T18:00:00Z"),
        ("2026-12-24 18:00:00+01:00", "2026-12-24T17:00:00Z"),
        ("2026-12-24T00:30:00+05:30", "2026-12-23T19:00:00Z"),
    ],
)
def test_due_times(typed: str, due: str) -> None:
    assert due_time(typed) == due


def test_a_due_date_means_the_end_of_that_day_here() -> None:
    local = datetime.fromtimestamp(to_us(due_time("2026-07-15")) / 1e6)
    assert local == datetime(2026, 7, 15, 23, 59, 59)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "tomorrow",
        "2026-13-01",
        "2026-02-30",
        "2026-12-24T18:00:00",
        "2026-12-24T25:00:00Z",
        "24.12.2026",
        "9999-12-31T23:59:59-23:00",
    ],
)
def test_bad_due_times(typed: str) -> None:
    with pytest.raises(BadInput, match="--due") as caught:
        due_time(typed)
    assert "2026-12-24" in caught.value.hint


def test_confidences() -> None:
    assert confidences(["a=b=0.5", "error handling=1", "x=0"]) == {"a=b": 0.5, "error handling": 1.0, "x": 0.0}


@pytest.mark.parametrize("typed", ["x", "=0.5", "x=", "x=2", "x=-0.1", "x=nan", "x=inf", "x=half"])
def test_bad_confidences(typed: str) -> None:
    with pytest.raises(BadInput, match="--confidence"):
        confidences([typed])
