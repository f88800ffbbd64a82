"""docker-compose.yml and docs/kafka.md: true to the code, and to a real broker as far as that goes without Docker."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from colearner_ls.bus.url import _READERS, DEFAULT_PARTITIONS, BusUrl
from colearner_ls.contracts.catalogue import TOPICS
from rigs.kafka import KafkaBroker, install
from rigs.kafka.broker import _free_ports, alive_brokers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def service() -> dict[str, Any]:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    assert compose["volumes"].keys() == {"kafka-data"}
    kafka: dict[str, Any] = compose["services"]["kafka"]
    return kafka


def test_the_broker_listens_on_this_machine_only_and_keeps_its_data(service: dict[str, Any]) -> None:
    version = re.search(r"<kafka.version>(.+)</kafka.version>", install.POM.read_text(encoding="utf-8"))
    assert version is not None
    assert service["image"] == f"apache/kafka:{version[1]}", "users get another Kafka than the one that is tested"
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert service["volumes"] == ["kafka-data:" + service["environment"]["KAFKA_LOG_DIRS"]]
    assert service["healthcheck"]["test"][0] == "CMD-SHELL"


@pytest.mark.kafka
@pytest.mark.xdist_group("kafka")
def test_the_settings_of_the_compose_file_start_a_broker(service: dict[str, Any], tmp_path: Path) -> None:
    client, inner, controller = _free_ports(3)
    properties = {_property(name): str(value) for name, value in service["environment"].items() if _is_property(name)}
    assert properties["auto.create.topics.enable"] == "false"
    moved = {":9092": f":{client}", ":19092": f":{inner}", ":29093": f":{controller}"}
    for name in ("listeners", "advertised.listeners", "controller.quorum.voters"):
        value = properties[name].replace("kafka:", "127.0.0.1:").replace("localhost:", "127.0.0.1:")
        properties[name] = re.sub(r":\d{4,5}", lambda port: moved[port[0]], value).replace("//:", "//127.0.0.1:")
    properties["log.dirs"] = str(tmp_path / "data")
    settings = tmp_path / "server.properties"
    settings.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    java = KafkaBroker(tmp_path, False, {"CLIENT": client, "CONTROLLER": controller}, (), ())._java
    cluster = service["environment"]["CLUSTER_ID"]
    subprocess.run(
        java("kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)), check=True, capture_output=True
    )
    # The keeper ends the broker even if this test is killed.
    command = [sys.executable, "-I", "-S", str(ROOT / "rigs" / "kafka" / "keeper.py"), "-"]
    command += ["sh", "-c", 'exec "$@" >&2', "sh", *java("kafka.Kafka", str(settings))]
    pipe = subprocess.PIPE
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log) as broker:
        try:
            deadline = time.monotonic() + 60
            while not _answers(client):
                assert broker.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, "the broker does not answer"
                time.sleep(0.1)
        finally:
            broker.kill()


def _answers(port: int) -> bool:
    try:
        return alive_brokers(port) == 1
    except OSError:
        return False


def _is_property(name: str) -> bool:
    return name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS"


def _property(name: str) -> str:
    """The image's rule: ``___`` is a hyphen, ``__`` an underscore, ``_`` a dot."""
    text = name.removeprefix("KAFKA_").lower()
    return text.replace("___", "-").replace("__", "\0").replace("_", ".").replace("\0", "_")


def test_the_page_names_every_topic_option_and_default() -> None:
    page = (ROOT / "docs" / "kafka.md").read_text(encoding="utf-8")
    assert all(f"`{topic}`" in page for topic in TOPICS)
    assert all(f"| `{option}` |" in page for option in _READERS)
    assert f"| `partitions` | {DEFAULT_PARTITIONS} |" in page
    (loop,) = re.findall(r"for topic in (.+); do", page)
    assert [f"colearner.{name}.v1" for name in loop.split()] == list(TOPICS)
    assert f"--partitions {DEFAULT_PARTITIONS} " in page
    for url in re.findall(r"kafka://[a-z0-9:.,]+(?![\w?])", page):
        assert BusUrl.parse(url).scheme == "kafka"
