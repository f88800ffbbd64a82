"""What the broker needs: Java 17 or newer, its jars, and kcat as an independent client.

Jars lie in ``.cache/kafka/<hash of pom.xml>/libs`` under the repository's root. Everything is safe to run twice, by two
processes at once, and after having been interrupted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

POM: Final = Path(__file__).with_name("pom.xml")
ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".cache" / "kafka"
MIN_JAVA: Final = 17
PREPARE: Final = "python -m rigs.kafka prepare"


class RigError(Exception):
    """The broker cannot be installed or started; the words say what to do."""


def cache_folder() -> Path:
    """Where this version of the broker lives; another pom.xml is another folder."""
    return CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]


def libs() -> list[Path]:
    """The jars, sorted: a class-data archive holds only for one order of the class path. Raises :class:`RigError`."""
    jars = sorted((cache_folder() / "libs").glob("*.jar"))
    if not jars:
        raise RigError(f"Kafka's jars are not there: run `{PREPARE}`")
    return jars


def java() -> str:
    """Path of a Java that is new enough; raises :class:`RigError`."""
    found = shutil.which("java")
    if found is None:
        raise RigError(f"there is no java: run `{PREPARE}`")
    version = java_version(found)
    if version < MIN_JAVA:
        raise RigError(f"{found} is Java {version}; Kafka needs {MIN_JAVA} or newer")
    return found


def java_version(command: str) -> int:
    """Major version, 0 where it cannot be told."""
    said = subprocess.run([command, "-version"], capture_output=True, text=True, check=False).stderr
    match = re.search(r'version "(\d+)', said)
    return int(match[1]) if match else 0


def archive() -> Path:
    """The class-data archive (AppCDS) for this Java: it halves the broker's start."""
    return cache_folder() / f"kafka-java{java_version(java())}.jsa"


def prepare() -> None:
    """Install what is missing; says what it does when that takes time. Raises :class:`RigError`."""
    _packages()
    cache_folder().mkdir(parents=True, exist_ok=True)
    with _alone():
        if not (cache_folder() / "libs").is_dir():
            _fetch_jars()
        if not archive().exists():
            _make_archive()


def _packages() -> None:
    missing = []
    found = shutil.which("java")
    if found is None or java_version(found) < MIN_JAVA:
        missing.append(f"openjdk-{MIN_JAVA}-jre-headless")
    missing += [name for command, name in (("mvn", "maven"), ("kcat", "kcat")) if shutil.which(command) is None]
    if not missing:
        return
    names = " ".join(missing)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise RigError(f"a real Kafka needs Debian packages that are not installed: apt-get install {names}")
    _say(f"installing {names}")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing]
    for command in (["apt-get", "update", "-q"], install):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RigError(f"`{' '.join(command)}` failed: {_last_words(done.stdout + done.stderr)}")


def _fetch_jars() -> None:
    _say("fetching Kafka's jars by Maven")
    with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        command.append(f"-DoutputDirectory={folder}/libs")
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RigError(f"Maven could not fetch Kafka's jars: {_last_words(done.stdout + done.stderr)}")
        # All or nothing: a fetch that was interrupted must not look like a finished one.
        Path(folder, "libs").rename(cache_folder() / "libs")


def _make_archive() -> None:
    from .broker import KafkaBroker  # the broker needs the jars that this module fetches

    _say("starting Kafka once, for a class-data archive")
    unfinished = archive().with_suffix(".new")
    with KafkaBroker.start(java_options=[f"-XX:ArchiveClassesAtExit={unfinished}"]) as broker:
        broker.stop()
    if not unfinished.exists():
        raise RigError(f"Java wrote no class-data archive: {broker.log_tail()}")
    unfinished.rename(archive())


@contextmanager
def _alone() -> Iterator[None]:
    with (cache_folder() / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _last_words(output: str) -> str:
    lines = [line for line in output.splitlines() if line.strip()]
    return " / ".join(lines[-3:]) or "no output"


def _say(text: str) -> None:
    print(f"kafka: {text} …", file=sys.stderr, flush=True)
