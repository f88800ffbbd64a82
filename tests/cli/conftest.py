"""A command line in this process (most tests) and in one of its own (few), on an embedded bus in a folder of the test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from colearner_ls.cli.run import run

SCRIPT = Path(sys.executable).with_name("colearner")

APP = """\
import sys


def mean(numbers):
    total = 0
    for number in numbers:
        total += number
    return total / len(numbers)


def main():
    print(mean([float(text) for text in sys.argv[1:]]))
"""


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str

    @property
    def doc(self) -> Any:
        """The one JSON document on stdout."""
        assert self.code == 0, self.err
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)

    @property
    def docs(self) -> list[Any]:
        """One JSON document a line."""
        assert self.code == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


class Folder:
    """One side: a checkout and a command line in it."""

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        self.path = path
        self.env = dict(env)

    def __call__(self, *arguments: str, stdin: str | bytes = "", cwd: Path | None = None) -> Ran:
        """Run in this process."""
        before = Path.cwd()
        os.chdir(cwd or self.path)
        try:
            with CliRunner(env=self.env).isolation(input=stdin) as (out, err, _both):
                code = run(arguments)
                return Ran(code, out.getvalue().decode(), err.getvalue().decode())
        finally:
            os.chdir(before)

    def process(self, *arguments: str, stdin: str = "", env: Mapping[str, str] | None = None, **more: Any) -> Ran:
        """Run the real console script."""
        ran = subprocess.run(
            [str(SCRIPT), *arguments],
            cwd=self.path,
            input=stdin,
            env={**clean_environment(), **self.env, **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=60,
            check=False,
            **more,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def clean_environment() -> dict[str, str]:
    """The environment without anything that decides where a bus is."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COLEARNER", "AAFW"))}
    return {**kept, "GIT_CEILING_DIRECTORIES": "/"}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in list(os.environ):
        if name.startswith(("COLEARNER", "AAFW", "_COLEARNER")):
            monkeypatch.delenv(name)
    return {"COLEARNER_HOME": str(tmp_path / "home")}


def checkout(path: Path) -> Path:
    """A real git repository with a small program in it."""
    (path / "src").mkdir(parents=True)
    (path / "src" / "mean.py").write_text(APP)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "start"], check=True)
    return path


@pytest.fixture
def coach(tmp_path: Path, env: dict[str, str]) -> Folder:
    """A coach's folder with a session."""
    folder = Folder(checkout(tmp_path / "coach"), env)
    assert folder("coach", "init", "--session", "onboarding-01", "--student", "ann", "--title", "Onboarding").code == 0
    return folder


@pytest.fixture
def student(tmp_path: Path, env: dict[str, str], coach: Folder) -> Folder:
    """A student's folder, joined by the coach's invite."""
    folder = Folder(checkout(tmp_path / "student"), env)
    invite = coach("init", "--student", "ann", "--json").doc["invite"]
    assert folder("join", invite).code == 0
    return folder


@pytest.fixture
def nowhere(tmp_path: Path, env: dict[str, str]) -> Folder:
    """A folder that was never set up."""
    return Folder(checkout(tmp_path / "nowhere"), env)
