"""Evidence of real files in real repositories: what leaves, what is refused, and what the payload says of it."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from colearner_ls.contracts.errors import RefusedByPolicy
from colearner_ls.contracts.payloads.evidence import EvidenceSnapshot
from colearner_ls.domain.anchors import Anchor, make_anchor
from colearner_ls.evidence import capture as capture_module
from colearner_ls.evidence.capture import Capture, CaptureRefused, capture
from colearner_ls.evidence.decoding import MAX_TEXT_BYTES
from colearner_ls.evidence.hashing import sha256_bytes, sha256_file, sha256_text
from colearner_ls.evidence.scope import InScope, OutOfScope, open_in_scope
from tests.evidence.conftest import Git
from tests.evidence.credentials import TOKENS, pem

PROGRAM = "".join(f"def function_{n}(value):\n    return value + {n}\n\n\n" for n in range(40))


def checked(shot: Capture) -> dict[str, object]:
    """The payload, which the contract must take as it is."""
    payload = shot.to_payload()
    EvidenceSnapshot.model_validate(payload)
    return payload


@pytest.fixture
def program(repository: Path) -> Path:
    path = repository / "src" / "program.py"
    path.write_text(PROGRAM)
    return path


def test_a_file_without_anchors_is_shown_whole(repository: Path, git: Git) -> None:
    shot = capture(repository, "src/app.py")
    assert checked(shot) == {
        "path": "src/app.py",
        "hash": sha256_file(repository / "src" / "app.py"),
        "snippet": "def main():\n    return 1",
        "range": {"start_line": 1, "end_line": 2},
        "language": "python",
        "commit": git(repository, "rev-parse", "HEAD"),
    }


def test_the_snippet_is_around_the_anchors_where_they_are_now(repository: Path, program: Path) -> None:
    anchors = [make_anchor("src/program.py", PROGRAM, line, line + 1) for line in (41, 101)]
    program.write_text("# a new line\n\n" + PROGRAM)
    payload = checked(capture(repository, "./src//program.py", anchors=anchors))
    assert payload["path"] == "src/program.py"
    assert payload["range"] == {"start_line": 40, "end_line": 107}
    assert payload["hunks"] == [
        {"start_line": 40, "end_line": 47, "snippet_line": 1},
        {"start_line": 100, "end_line": 107, "snippet_line": 10},
    ]
    shown = str(payload["snippet"]).split("\n")
    assert shown[3:5] == ["def function_10(value):", "    return value + 10"]
    assert "truncated" not in payload


def test_lines_that_a_person_chose_are_shown_alone(repository: Path, program: Path) -> None:
    shot = capture(repository, "src/program.py", lines=(5, 6), anchors=[make_anchor("p", PROGRAM, 41, 42)])
    assert shot.snippet == "def function_1(value):\n    return value + 1"
    assert shot.range == (5, 6)


def test_around_a_lost_anchor_the_student_still_shows_the_work(repository: Path, program: Path) -> None:
    anchor = make_anchor("src/program.py", PROGRAM, 41, 42)
    program.write_text(
        PROGRAM.replace("def function_10(value):\n    return value + 10\n", "TEN = lambda v: sum([v, 10])\n")
    )
    shot = capture(repository, "src/program.py", anchors=[anchor])
    assert shot.lost == 1
    assert shot.snippet is not None
    assert "TEN = lambda" in shot.snippet
    assert not shot.truncated
    small = capture(repository, "src/program.py", anchors=[anchor], max_snippet_bytes=300)
    assert small.snippet is not None
    assert "TEN = lambda" in small.snippet
    assert small.truncated
    both = capture(repository, "src/program.py", anchors=[anchor, make_anchor("p", PROGRAM, 157, 158)])
    assert both.snippet is not None
    assert "TEN = lambda" in both.snippet
    assert "def function_39" in both.snippet
    assert both.hunks


def test_the_limit_counts_bytes_and_is_said(repository: Path) -> None:
    (repository / "src" / "long.txt").write_text("größe 😋\n" * 5000)
    shot = capture(repository, "src/long.txt")
    assert shot.snippet is not None
    assert 16 * 1024 - 20 < len(shot.snippet.encode()) <= 16 * 1024
    assert checked(shot)["truncated"] is True
    assert capture(repository, "src/long.txt", max_snippet_bytes=0).snippet == ""


def test_an_unsaved_buffer_counts_instead_of_the_file(repository: Path) -> None:
    text = "def main():\n    return 2\n"
    shot = capture(repository, "src/app.py", buffer=text)
    assert shot.dirty
    assert shot.hash == sha256_text(text)
    assert shot.snippet == text.rstrip("\n")
    assert checked(shot)["dirty"] is True


@pytest.mark.parametrize("prefix", [b"", b"\xef\xbb\xbf"])
def test_a_buffer_equal_to_the_file_is_not_dirty(repository: Path, prefix: bytes) -> None:
    data = prefix + "a = 'ä'\r\n".encode()
    (repository / "same.py").write_bytes(data)
    shot = capture(repository, "same.py", buffer="a = 'ä'\r\n")
    assert not shot.dirty
    assert shot.hash == sha256_bytes(data)


def test_a_buffer_of_a_file_that_was_never_saved(repository: Path) -> None:
    shot = capture(repository, "new/file.py", buffer="x = 1")
    assert (shot.dirty, shot.deleted, shot.snippet) == (True, False, "x = 1")
    lone = capture(repository, "new/file.py", buffer="x = '\ud83d'")
    assert lone.snippet == "x = '?'"
    assert lone.hash == sha256_text("x = '?'")


def test_a_file_that_is_gone_is_said_to_be(repository: Path) -> None:
    (repository / "src" / "app.py").unlink()
    payload = checked(capture(repository, "src/app.py", anchors=[Anchor("src/app.py", exact="x")]))
    assert payload["deleted"] is True
    assert not {"hash", "snippet", "range", "dirty"} & set(payload)
    assert capture(repository, "src/app.py/below").deleted
    assert capture(repository, "no/such/folder/x.py").deleted


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("﻿größe\r\n".encode("utf-16-le"), "größe"),
        ("größe = 'ß'\n".encode("latin-1"), "größe = 'ß'"),
        ("﻿größe\n".encode(), "größe"),
    ],
)
def test_other_encodings_are_shown_and_the_hash_is_of_the_bytes(repository: Path, data: bytes, text: str) -> None:
    (repository / "text.txt").write_bytes(data)
    shot = capture(repository, "text.txt")
    assert shot.snippet == text
    assert shot.hash == sha256_bytes(data)


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"x" * (MAX_TEXT_BYTES + 1), b"\0"])
def test_binary_and_large_files_are_only_hashed(repository: Path, data: bytes) -> None:
    (repository / "blob").write_bytes(data)
    payload = checked(capture(repository, "blob", anchors=[Anchor("blob", exact="x", start_line=3)]))
    assert payload["hash"] == sha256_bytes(data)
    assert not {"snippet", "range", "truncated"} & set(payload)


def test_an_empty_file_has_a_hash_and_an_empty_snippet(repository: Path) -> None:
    (repository / "empty.py").write_bytes(b"")
    shot = capture(repository, "empty.py", anchors=[Anchor("empty.py", exact="x", start_line=3)])
    assert (shot.snippet, shot.range, shot.hash) == ("", None, sha256_bytes(b""))


# --- masking ---------------------------------------------------------------------------------------------------------------


def test_a_credential_is_masked_and_takes_the_hash_with_it(repository: Path) -> None:
    rng = random.Random(1)
    token = TOKENS["github-token"][0](rng)
    (repository / "src" / "app.py").write_text(f"import os\nTOKEN = '{token}'\nprint(TOKEN)\n")
    shot = capture(repository, "src/app.py")
    assert shot.snippet == "import os\nTOKEN = '«redacted:github-token»'\nprint(TOKEN)"
    assert shot.hash is None
    payload = checked(shot)
    assert payload["redactions"] == [{"rule": "github-token", "count": 1}]
    assert token not in str(payload)
    assert "hash" not in payload


def test_a_credential_in_another_part_of_the_file_takes_the_hash_as_well(repository: Path) -> None:
    token = TOKENS["aws-access-key"][0](random.Random(2))
    (repository / "src" / "app.py").write_text(PROGRAM + f"KEY = '{token}'\n")
    shot = capture(repository, "src/app.py", lines=(1, 2))
    assert shot.hash is None
    assert shot.snippet == "def function_0(value):\n    return value + 0"
    assert shot.redactions == (("aws-access-key", 1),)


def test_a_key_over_many_lines_leaves_the_line_numbers_true_and_is_not_cut_open(repository: Path) -> None:
    key = pem(random.Random(3))
    text = f"first = 1\n{key}\nsecond = 2\n" + PROGRAM
    (repository / "src" / "app.py").write_text(text)
    count = key.count("\n") + 1
    after = capture(repository, "src/app.py", lines=(count + 2, count + 2))
    assert after.snippet == "second = 2"
    for line in range(2, count + 2):
        shown = capture(repository, "src/app.py", lines=(line, count + 1))
        assert shown.snippet is not None
        assert not set(shown.snippet.split("\n")) & set(key.split("\n"))
    anchor = make_anchor("src/app.py", text, 5, 6)
    assert not any(
        part in str(capture(repository, "src/app.py", anchors=[anchor]).to_payload()) for part in key.split("\n")
    )


# --- what may not leave --------------------------------------------------------------------------------------------------------


def refused(root: Path, path: str, **options: object) -> str:
    with pytest.raises(CaptureRefused) as error:
        capture(root, path, **options)  # type: ignore[arg-type]  # options are checked by capture itself
    assert isinstance(error.value, RefusedByPolicy)
    assert error.value.hint
    return error.value.message


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/hostname", "src/../../outside.txt", "C:/x", "a\\..\\..\\x", "a\0b", "", "."]
)
def test_hostile_paths_are_refused(repository: Path, path: str) -> None:
    (repository.parent / "outside.txt").write_text("secret")
    refused(repository, path)
    refused(repository, path, buffer="x")


@pytest.mark.parametrize(
    "path", [".git/config", "src/.git/config", ".GIT/HEAD", ".colearner/config.toml", "sub/.Colearner/journal.db"]
)
def test_our_own_and_gits_data_are_refused(repository: Path, path: str) -> None:
    assert "own data" in refused(repository, path)


def test_links_that_lead_out_are_refused_and_links_inside_are_followed(repository: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("secret")
    (repository / "file-link").symlink_to(outside / "secret.txt")
    (repository / "folder-link").symlink_to(outside)
    (repository / "dangling-out").symlink_to(outside / "none")
    (repository / "git-link").symlink_to(repository / ".git")
    (repository / "loop").symlink_to(repository / "loop")
    (repository / "inside").symlink_to(repository / "src")
    for path in ("file-link", "folder-link/secret.txt", "dangling-out"):
        assert "out of the workspace" in refused(repository, path)
        assert "out of the workspace" in refused(repository, path, buffer="secret")
    assert "own data" in refused(repository, "git-link/config")
    refused(repository, "loop")
    shot = capture(repository, "inside/app.py")
    assert shot.path == "inside/app.py"
    assert shot.snippet == "def main():\n    return 1"


def test_a_link_to_an_ignored_file_is_ignored(repository: Path) -> None:
    (repository / "build").mkdir()
    (repository / "build" / "out.txt").write_text("built")
    (repository / "link.txt").symlink_to(repository / "build" / "out.txt")
    (repository / "links").symlink_to(repository / "build")
    assert "git ignores it" in refused(repository, "link.txt")
    assert "git ignores it" in refused(repository, "links/out.txt")


def test_ignored_files_are_refused_there_or_not_open_or_not(repository: Path) -> None:
    (repository / "debug.log").write_text("x")
    (repository / ".env").write_text("PASSWORD=x")
    for path in ("debug.log", ".env", "build/x"):
        assert "git ignores it" in refused(repository, path)
        assert "git ignores it" in refused(repository, path, buffer="x")
    assert capture(repository, "tracked.log").snippet == "kept"


def test_a_workspace_below_the_top_of_the_repository(repository: Path) -> None:
    (repository / "src" / "x.log").write_text("x")
    assert "git ignores it" in refused(repository / "src", "x.log")
    assert capture(repository / "src", "app.py").snippet == "def main():\n    return 1"
    assert "goes up" in refused(repository / "src", "../tracked.log")


def test_a_folder_that_is_no_repository_works_with_and_without_git(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a.py").write_text("x = 1\n")
    assert capture(folder, "a.py").snippet == "x = 1"
    monkeypatch.setenv("PATH", str(folder))
    shot = capture(folder, "a.py")
    assert shot.snippet == "x = 1"
    assert shot.commit is None


def test_a_repository_without_git_to_ask_shares_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert "git is not installed" in refused(repository, "src/app.py")


def test_what_is_no_file_is_refused_without_waiting(repository: Path) -> None:
    os.mkfifo(repository / "pipe")
    assert "not an ordinary file" in refused(repository, "pipe")
    assert "it is a folder" in refused(repository, "src")


READ_AS_NOBODY = """
import os, sys
from pathlib import Path
from colearner_ls.evidence.capture import CaptureRefused, _read
from colearner_ls.evidence.scope import InScope
root = Path(sys.argv[1])
if os.getuid() == 0:
    os.setuid(65534)
try:
    (root / "src" / "app.py").open().close()
except PermissionError:
    print("the fault is in force")
try:
    _read(root, InScope("src/app.py", root / "src" / "app.py"))
except CaptureRefused as refused:
    print(refused.message)
"""


def test_a_file_that_may_not_be_read_is_refused_in_words(repository: Path, tmp_path: Path) -> None:
    """Root may read everything, so the reading is done by a user who may not."""
    (repository / "src" / "app.py").chmod(0)
    for place in (tmp_path, *tmp_path.parents):
        if place.name.startswith("pytest-"):
            place.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", READ_AS_NOBODY, str(repository.resolve())], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.splitlines() == [
        "the fault is in force",
        "src/app.py is not shared: it cannot be read (Permission denied).",
    ], done.stderr


# --- files that change while they are read --------------------------------------------------------------------------------------


def test_a_file_that_vanishes_between_judging_and_opening_is_deleted(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = capture_module.in_scope

    def judge_and_remove(root: Path, path: str) -> InScope | OutOfScope:
        scope = judge(root, path)
        (repository / "src" / "app.py").unlink()
        return scope

    monkeypatch.setattr(capture_module, "in_scope", judge_and_remove)
    assert capture(repository, "src/app.py").deleted


def test_a_link_put_in_the_files_place_after_judging_is_not_followed(repository: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    target = repository / "src" / "app.py"
    scope = InScope("src/app.py", target.resolve())
    target.unlink()
    target.symlink_to(secret)
    with pytest.raises(OSError, match="symbolic links"):
        open_in_scope(repository, scope)
    target.unlink()
    (repository / "src").rmdir()
    (repository / "src").symlink_to(tmp_path)
    (tmp_path / "app.py").write_text("secret")
    assert open_in_scope(repository, scope) == OutOfScope("it was replaced while it was read")
