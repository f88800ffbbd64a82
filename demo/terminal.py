"""A person at a shell: the real ``colearner`` command, run in their checkout."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from demo.failure import DemoFailedError

_WAIT_S = 60


class Terminal:
    """Runs ``colearner`` and shows the command as typed and what it printed. ``show`` takes (command, output)."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
        show: Callable[[str, str], None],
    ) -> None:
        self._command, self._folder = list(command), folder
        self._environment, self._show = dict(environment), show

    def run(self, *arguments: str) -> str:
        """Run a verb before the audience; what it printed. Raises :class:`DemoFailedError` unless it ends with 0."""
        done = self._ask(arguments)
        self._show(_as_typed(arguments), done.stdout.strip())
        return done.stdout

    def json(self, *arguments: str) -> list[Any]:
        """Run a verb with ``--json`` behind the scenes; the documents it printed, one a line."""
        printed = self._ask(("--json", *arguments)).stdout
        return [json.loads(line) for line in printed.splitlines() if line.strip()]

    def _ask(self, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_WAIT_S,
                check=False,
            )
        except OSError as error:
            raise DemoFailedError(f"cannot run {self._command[0]}: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise DemoFailedError(f"“{_as_typed(arguments)}” took over {_WAIT_S} s") from None
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip()).replace("\n", " ")
            raise DemoFailedError(f"“{_as_typed(arguments)}” ended with {done.returncode}: {said}")
        return done


def _as_typed(arguments: Sequence[str]) -> str:
    return "colearner " + " ".join(shlex.quote(each) if " " in each else each for each in arguments)
