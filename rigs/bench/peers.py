"""Other language servers written in Python, in an environment of their own, to be reported beside ours.

Versions and hashes: ``locks/peers.txt``; installed into ``.cache/`` on the first ``make bench``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rigs.bench.registry import ROOT, Bench

LOCK = ROOT / "locks" / "peers.txt"
PROGRAMS = {"python-lsp-server": "pylsp", "jedi-language-server": "jedi-language-server"}
INSTALL_S = 600.0


def commands(bench: Bench) -> tuple[dict[str, list[str]], str]:
    """Name → command of each peer; and a word about why there is none, where they could not be installed."""
    place = ROOT / ".cache" / "peers" / hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    if not (place / "complete").exists():
        bench.say("installing python-lsp-server and jedi-language-server into .cache (once) …")
        if (problem := _install(place)) is not None:
            return {}, f"peers not measured: {problem}"
    return {name: [str(place / "bin" / program)] for name, program in PROGRAMS.items()}, ""


def _install(place: Path) -> str | None:
    """Make the environment; what went wrong, or ``None``."""
    shutil.rmtree(place, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    python = str(place / "bin" / "python")
    quiet = ("--quiet", "--disable-pip-version-check", "--no-input")
    for command in (
        [sys.executable, "-m", "venv", str(place)],
        [python, "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(LOCK)],
    ):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_S, check=False, env=dict(os.environ)
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            return str(problem)
        if done.returncode != 0:
            return (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
    (place / "complete").touch()
    return None
