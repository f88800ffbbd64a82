"""What git is asked, with the real git: answers, absence, refusal, and repositories that mean harm."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from colearner_ls.evidence import git as evidence_git
from colearner_ls.evidence.git import NoGit, git_root, head_commit, ignored, is_repository, tracked
from tests.evidence.conftest import Git


def test_a_repository_and_its_commit(repository: Path, git: Git) -> None:
    assert head_commit(repository) == git(repository, "rev-parse", "HEAD")
    assert head_commit(repository / "src") == head_commit(repository)
    assert is_repository(repository / "src")
    assert git_root(repository / "src") == repository.resolve()


def test_without_a_commit_or_a_repository_there_is_no_commit(folder: Path, git: Git) -> None:
    assert head_commit(folder) is None
    assert not is_repository(folder)
    answer = git_root(folder)
    assert isinstance(answer, NoGit)
    assert not answer.repository
    git(folder, "init", "-q")
    assert head_commit(folder) is None
    assert is_repository(folder)


def test_ignored_files_tracked_or_not_there_or_not(repository: Path) -> None:
    paths = [
        "src/app.py",
        "debug.log",
        "tracked.log",
        "build/out.txt",
        ".env",
        "src/.env",
        "nowhere/x.log",
        "größe.log",
    ]
    assert ignored(repository, paths) == {"debug.log", "build/out.txt", ".env", "nowhere/x.log", "größe.log"}
    assert ignored(repository / "src", ["x.log", "app.py"]) == {"x.log"}
    assert ignored(repository, []) == frozenset()
    assert ignored(repository, ["src/app.py"]) == frozenset()


def test_names_that_look_like_patterns_are_names(repository: Path) -> None:
    (repository / ".gitignore").write_text("secret*\n")
    paths = [":/x", ":(glob)**", ":!y", "secret[1].txt", "*", "-n", "--", "a\tb", "new\nline"]
    assert ignored(repository, paths) == {"secret[1].txt"}


def test_a_folder_without_a_repository_ignores_nothing(folder: Path) -> None:
    answer = ignored(folder, ["x.log"])
    assert isinstance(answer, NoGit)
    assert not answer.repository


def test_files_of_a_submodule_are_judged_by_it(repository: Path, git: Git, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(inner, "init", "-q")
    (inner / ".gitignore").write_text("*.tmp\n")
    git(inner, "add", ".gitignore")
    git(inner, "commit", "-q", "-m", "inner")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "sub")
    assert ignored(repository, ["sub/x.tmp"]) == {"sub/x.tmp"}
    assert ignored(repository, ["sub/x.py", "sub/x.tmp", "debug.log"]) == {"sub/x.tmp", "debug.log"}


def test_tracked_files(repository: Path) -> None:
    (repository / "*").write_text("a name, not a pattern")
    assert tracked(repository, ["src/app.py", "tracked.log", "none.py"]) == {"src/app.py", "tracked.log"}
    assert tracked(repository, ["*"]) == frozenset()
    assert tracked(repository, []) == frozenset()


def test_without_git_the_answer_says_so(repository: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(folder / "nowhere"))
    assert head_commit(repository) is None
    answer = ignored(repository, ["debug.log"])
    assert answer == NoGit("git is not installed")
    assert git_root(repository) == NoGit("git is not installed")
    assert tracked(repository, ["x"]) == NoGit("git is not installed")
    shutil.rmtree(repository / ".git")
    assert ignored(repository, ["debug.log"]) == NoGit("git is not installed", repository=False)


def test_a_git_that_hangs_is_given_up(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", str(slow.parent), prepend=os.pathsep)
    monkeypatch.setattr(evidence_git, "TIMEOUT_S", 0.2)
    answer = ignored(repository, ["x"])
    assert isinstance(answer, NoGit)
    assert "no answer within 0.2 s" in answer.reason
    assert answer.repository


def test_a_broken_repository_is_a_refusal_with_gits_own_words(repository: Path) -> None:
    (repository / ".git" / "config").write_text("[core\n")
    answer = ignored(repository, ["x"])
    assert isinstance(answer, NoGit)
    assert answer.repository
    assert "bad config" in answer.reason
    assert head_commit(repository) is None


def test_nothing_that_the_repository_configures_is_run(repository: Path, git: Git, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    program = tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{ran}'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    for setting in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "core.editor", "diff.external"):
        git(repository, "config", setting, str(program))
    git(repository, "config", "pager.check-ignore", "true")
    git(repository, "config", "alias.rev-parse", f"!{program}")
    git(repository, "config", "filter.evil.clean", str(program))
    git(repository, "config", "filter.evil.process", str(program))
    (repository / ".gitattributes").write_text("* filter=evil\n")
    for hook in ("post-index-change", "fsmonitor-watchman", "post-checkout"):
        shutil.copy(program, repository / ".git" / "hooks" / hook)
    (repository / "src" / "app.py").write_text("changed\n")
    ran.unlink(missing_ok=True)
    # The trap is armed: a plain git does run it.
    subprocess.run(["git", "status", "--short"], cwd=repository, capture_output=True, timeout=30, check=False)
    assert ran.exists()
    ran.unlink()
    head_commit(repository)
    is_repository(repository)
    ignored(repository, ["src/app.py", "x.log"])
    tracked(repository, ["src/app.py"])
    assert not ran.exists(), ran.read_text()


def test_git_is_asked_about_this_folder_whatever_the_environment_says(
    repository: Path, tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    expected = head_commit(repository)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert head_commit(repository) == expected
    assert ignored(repository, ["x.log"]) == {"x.log"}
