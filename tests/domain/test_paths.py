"""Paths from the wire: what is taken, and every way out of the workspace that text alone can show."""

from __future__ import annotations

from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from colearner_ls.contracts.errors import BadInput
from colearner_ls.domain.paths import MAX_NAME_BYTES, MAX_PATH_BYTES, UnsafePath, safe_path


@pytest.mark.parametrize(
    ("given_path", "taken"),
    [
        ("src/app.py", "src/app.py"),
        ("./src//app.py", "src/app.py"),
        ("src/./app.py", "src/app.py"),
        ("src/", "src"),
        ("mein Ordner/größe 日本.txt", "mein Ordner/größe 日本.txt"),
        ("..hidden/...txt", "..hidden/...txt"),
        (".github/a..b", ".github/a..b"),
        ("notes/2026-01-20T10:00.md", "notes/2026-01-20T10:00.md"),
        ("emoji/👩\u200d💻.md", "emoji/👩\u200d💻.md"),
        ("~backup/x", "~backup/x"),
        ("a/" * 500 + "b", "a/" * 500 + "b"),
    ],
)
def test_plain_paths_are_normalised(given_path: str, taken: str) -> None:
    assert safe_path(given_path) == taken
    assert safe_path(taken) == taken


@pytest.mark.parametrize(
    ("hostile", "why"),
    [
        ("", "empty"),
        ("   ", "empty"),
        (".", "names no file"),
        ("./.", "names no file"),
        ("/etc/passwd", "absolute"),
        ("//server/share", "absolute"),
        ("../x", "goes up"),
        ("a/../../x", "goes up"),
        ("a/..", "goes up"),
        ("a/.. /x", "dots and spaces"),
        ("a/.../x", "dots and spaces"),
        ("C:/x", "drive"),
        ("c:x", "drive"),
        ("a/D:/x", "drive"),
        ("C:", "drive"),
        ("..\\x", "backslash"),
        ("\\\\server\\share", "backslash"),
        ("a\\..\\..\\x", "backslash"),
        ("~", "home"),
        ("~/x", "home"),
        ("a\0b", r"U\+0000"),
        ("a\nb", r"U\+000A"),
        ("a\x1b[2Jb", r"U\+001B"),
        ("a\x85b", r"U\+0085"),
        ("a\u2028b", r"U\+2028"),
        ("a\u202etxt.exe", r"U\+202E"),  # shown right to left: exe.txt
        ("a\ud800b", r"U\+D800"),
        ("\ufeffa", r"U\+FEFF"),
        ("x" * (MAX_NAME_BYTES + 1), "longer"),
        ("ä" * 128, "longer"),
        ("a/" * MAX_PATH_BYTES, "longer"),
    ],
)
def test_hostile_paths_are_refused_with_the_reason(hostile: str, why: str) -> None:
    with pytest.raises(UnsafePath, match=why) as refused:
        safe_path(hostile)
    assert isinstance(refused.value, BadInput)
    assert refused.value.hint
    # What is shown on a terminal carries none of the hostile characters.
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 300


@given(st.text(alphabet=st.sampled_from("aB.:/\\~ \0\u202eä"), max_size=12) | st.text(max_size=20))
def test_what_is_taken_stays_inside_on_every_system(text: str) -> None:
    try:
        path = safe_path(text)
    except UnsafePath:
        return
    assert not PurePosixPath(path).is_absolute()
    assert ".." not in PurePosixPath(path).parts
    windows = PureWindowsPath(path)
    assert not windows.drive
    assert not windows.root
    assert ".." not in [part.rstrip(". ") or ".." for part in windows.parts]
    assert safe_path(path) == path
