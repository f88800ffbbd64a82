"""Two checkouts of one repository, a coach's and a student's, with a bus and a user data folder of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from colearner_ls.workspace.door import Workspace
from colearner_ls.workspace.requests import InitSession, JoinSession
from colearner_ls.workspace.setting_up import set_up
from colearner_ls.workspace.settings import Overrides, resolve
from colearner_ls.workspace.syncing import SyncOutcome, sync_once

GRAPH = '''"""Orders modules by what they need."""


def order(needs):
    """Return the names so that each comes after what it needs."""
    done = []
    while needs:
        ready = [name for name in needs if not needs[name]]
        for name in ready:
            done.append(name)
            del needs[name]
    return done
'''


@dataclass
class Pair:
    """A coach and a student, each with an open workspace."""

    folder: Path
    env: dict[str, str]
    coach: Workspace
    student: Workspace
    invite: str
    opened: list[Workspace] = field(default_factory=list)

    def reopen(self, role: str) -> Workspace:
        """What a new process of that side would see."""
        workspace = Workspace.open(resolve(self.folder / role, Overrides(), self.env))
        self.opened.append(workspace)
        return workspace

    def sync(self, *sides: Workspace) -> list[SyncOutcome]:
        """Let each side send and fetch once, in that order; both where none is named."""
        return [sync_once(side, wait=20, fetch=True) for side in sides or (self.coach, self.student, self.coach)]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def checkout(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    git(folder, "init", "-q")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "start")


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    folder = tmp_path / "Übungen mit Leerzeichen"
    env = {"COLEARNER_HOME": str(tmp_path / "home")}
    for role in ("coach", "student"):
        checkout(folder / role, {"src/graph.py": GRAPH})
    coach, written = set_up(
        resolve(folder / "coach", Overrides(author="eve"), env),
        InitSession("coach", student_id="ada", coach_id="eve", title="Onboarding"),
        env,
    )
    student, _ = set_up(resolve(folder / "student", Overrides(author="ada"), env), JoinSession(written.text), env)
    both = Pair(folder, env, coach, student, written.text)
    both.sync()
    yield both
    for workspace in (coach, student, *both.opened):
        workspace.close()
