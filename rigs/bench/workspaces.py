"""A coach's and a student's folder set up with the real programs, and files with exercises in them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rigs.bench.registry import PROGRAMS, Bench

LINES_PER_PLACE = 100


@dataclass(frozen=True)
class Pair:
    """Both folders, and the environment of the programs that run in them."""

    coach: Path
    student: Path
    environment: Mapping[str, str]
    bus: str | None

    def run(self, folder: Path, *arguments: str) -> str:
        """``colearner …`` in one of the folders; its output. Raises ``CalledProcessError``."""
        done = subprocess.run(
            [str(PROGRAMS / "colearner"), *arguments],
            cwd=folder,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        return done.stdout

    def assign(self, place: str, exercise: str = "Say what it does.") -> None:
        """An exercise at ``place`` that both sides have."""
        self.run(self.coach, "assign", "--topic", "graph", "--exercise", exercise, "--at", place)

    def assign_many(self, path: str, lines: Iterable[int]) -> None:
        """An exercise at each of these lines (from 1), written in one process and sent."""
        from colearner_ls.workspace.door import Workspace
        from colearner_ls.workspace.requests import Assign, Place
        from colearner_ls.workspace.settings import Overrides, resolve

        workspace = Workspace.open(resolve(self.coach, Overrides(), dict(self.environment)))
        try:
            for line in lines:
                workspace.do(Assign("graph", f"Say what line {line} does.", places=(Place(path, line, line),)))
        finally:
            workspace.close()
        self.run(self.coach, "sync", "--wait", "60")

    def fetch(self) -> None:
        """Bring what was said to the student's journal."""
        self.run(self.student, "sync", "--wait", "60")


def pair(bench: Bench, name: str, files: Mapping[str, str], *, bus: str | None = None) -> Pair:
    """Set both sides up for one session over the embedded bus, or over ``bus``."""
    base = bench.scratch(name)
    made = Pair(base / "coach", base / "student", bench.environment(COLEARNER_HOME=str(base / "data")), bus)
    for folder, role in ((made.coach, "coach"), (made.student, "student")):
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
        over = ("--bus", bus) if bus else ()
        made.run(folder, role, "init", "--session", name, "--student", "ada", *over)
    return made


def long_file(lines: int) -> str:
    """Python of so many lines, no two alike."""
    return "".join(f"value_{number} = compute({number}, step={number % 7})\n" for number in range(lines))
