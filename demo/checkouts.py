"""A repository and two clones of it, one for each side, in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from demo.failure import DemoFailedError

_SKIPPED = (".git", ".colearner", ".venv", "node_modules", "__pycache__", ".cache", "target", "dist", "build")
_LARGEST_FOLDER_BYTES = 500_000_000


@dataclass(frozen=True)
class Checkouts:
    """Two working copies of one repository."""

    coach: Path
    student: Path


def check_out(source: Path, folder: Path, *, is_sample: bool) -> Checkouts:
    """Clone ``source`` twice into ``folder``; a folder without git is copied and committed first.

    Nothing is written to ``source``. Raises :class:`DemoFailedError`.
    """
    if shutil.which("git") is None:
        raise DemoFailedError("git is needed: install the package 'git'")
    if not source.is_dir():
        raise DemoFailedError(f"REPO={source}: there is no such folder")
    origin = source if not is_sample and (source / ".git").exists() else _committed_copy(source, folder / "repository")
    found = Checkouts(folder / "coach" / "code", folder / "student" / "code")
    for clone in (found.coach, found.student):
        _git(folder, "clone", "--quiet", "--no-hardlinks", str(origin), str(clone))
    return found


def _committed_copy(source: Path, to: Path) -> Path:
    size = sum(file.stat().st_size for file in source.rglob("*") if file.is_file() and not file.is_symlink())
    if size > _LARGEST_FOLDER_BYTES:
        raise DemoFailedError(f"REPO={source} is not a git repository and too large to copy ({size // 1_000_000} MB)")
    shutil.copytree(source, to, symlinks=True, ignore=shutil.ignore_patterns(*_SKIPPED))
    _git(to, "init", "--quiet")
    _git(to, "add", "--all")
    _git(to, "commit", "--quiet", "--allow-empty", "--message", "As it was found")
    return to


def _git(folder: Path, *arguments: Sequence[str] | str) -> None:
    who = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in _WHO.items()}
    # The user's own git settings (signing, hooks, templates) have no business here.
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **who, **alone},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it gave no reason"])[-1]
        raise DemoFailedError(f"git {arguments[0]} failed: {said}")


_WHO = {"NAME": "demo", "EMAIL": "demo@localhost"}
