"""Folders to take evidence from: real repositories made by the real git, with nobody's configuration."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Git = Callable[..., str]


@pytest.fixture(autouse=True)
def _own_git_configuration(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path_factory.mktemp("git") / "config"
    config.write_text("[user]\n\tname = A Student\n\temail = student@example.org\n[init]\n\tdefaultBranch = main\n")
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def git() -> Git:
    def run(folder: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True, timeout=30)
        return done.stdout.strip()

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A workspace that is no repository, with a blank and letters beyond ASCII in its path."""
    place = tmp_path / "mein Projekt größe"
    place.mkdir()
    return place


@pytest.fixture
def repository(folder: Path, git: Git) -> Path:
    """A repository with one commit: ``src/app.py``, ``tracked.log`` (though ``*.log`` is ignored) and ``.gitignore``."""
    git(folder, "init", "-q")
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("def main():\n    return 1\n")
    (folder / ".gitignore").write_text("*.log\nbuild/\n/.env\n")
    (folder / "tracked.log").write_text("kept\n")
    git(folder, "add", "-f", ".gitignore", "src/app.py", "tracked.log")
    git(folder, "commit", "-q", "-m", "first")
    return folder
