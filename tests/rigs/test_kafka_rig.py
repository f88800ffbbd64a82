"""The rig that runs a real Kafka: it must leave nothing behind, however its user ends, and say what it needs."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rigs.kafka import KafkaBroker, RigError, install
from rigs.kafka.broker import alive_brokers

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka")]

START_AND_WAIT = """
import time
from rigs.kafka import KafkaBroker
broker = KafkaBroker.start()
print(broker._pid, broker.port, broker.data_dir, flush=True)
time.sleep(600)
"""


def wait_until(condition, within: float = 15.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"did not come true within {within:g} s"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_broker_dies_with_its_user(number: signal.Signals) -> None:
    user = subprocess.Popen([sys.executable, "-c", START_AND_WAIT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    with user:
        pid, port, folder = user.stdout.readline().split()
        assert alive(int(pid))
        assert alive_brokers(int(port)) == 1
        user.send_signal(number)
    wait_until(lambda: not alive(int(pid)))
    wait_until(lambda: not Path(folder).exists())


def test_the_broker_dies_with_its_keeper() -> None:
    with KafkaBroker.start() as broker:
        pid = broker._pid
        assert pid is not None
        assert broker._keeper is not None
        broker._keeper.kill()
        wait_until(lambda: not alive(pid))
        assert not broker.running


def test_the_same_port_and_data_after_a_restart(tmp_path: Path) -> None:
    with KafkaBroker.start(data_dir=tmp_path / "data dir") as broker:
        address, identity = broker.bootstrap, (tmp_path / "data dir" / "data" / "meta.properties").read_text()
        broker.stop()
        with pytest.raises(OSError, match="refused"):
            alive_brokers(broker.port)
        broker.restart()
        assert broker.bootstrap == address
        assert (broker.data_dir / "data" / "meta.properties").read_text() == identity
        broker.pause()
        with pytest.raises(TimeoutError):
            alive_brokers(broker.port, timeout=0.5)
        broker.resume()
        assert alive_brokers(broker.port, timeout=10) == 1
    assert broker.data_dir.exists(), "a folder that was given is the giver's"
    assert not broker.running


def test_a_broker_that_cannot_start_says_why() -> None:
    with pytest.raises(RigError, match=r"(?s)ended while starting.*no\.such\.Class"):
        KafkaBroker.start(properties={"authorizer.class.name": "no.such.Class"})


def test_run_in_the_foreground() -> None:
    command = [sys.executable, "-m", "rigs.kafka", "run"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        port = int(process.stdout.readline().rpartition(":")[2])
        assert alive_brokers(port) == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    with pytest.raises(OSError, match="refused"):
        alive_brokers(port)


def test_preparing_again_does_nothing() -> None:
    jars = [jar.stat() for jar in install.libs()]
    done = subprocess.run(
        [sys.executable, "-m", "rigs.kafka", "prepare"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""
    assert [jar.stat() for jar in install.libs()] == jars


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    there = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("kcat", "mvn") else there(name))
    with pytest.raises(RigError, match=r"apt-get install maven kcat$") as missing:
        install.prepare()
    assert "\n" not in str(missing.value)

    monkeypatch.setattr(install, "CACHE", tmp_path)
    with pytest.raises(RigError, match="python -m rigs"):
        KafkaBroker.start()


def test_an_interrupted_fetch_is_not_taken_for_a_finished_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(install, "CACHE", tmp_path / "cache")
    fake = tmp_path / "bin" / "mvn"
    fake.parent.mkdir()
    fake.write_text(
        '#!/bin/sh\nfor a in "$@"; do case $a in -DoutputDirectory=*) mkdir -p "${a#*=}"; '
        'touch "${a#*=}/half.jar";; esac; done\necho "connection reset" >&2; exit 1\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(RigError, match="connection reset"):
        install.prepare()
    assert list(install.cache_folder().glob("**/*.jar")) == []
    with pytest.raises(RigError):
        install.libs()
