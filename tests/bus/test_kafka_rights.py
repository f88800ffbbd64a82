"""What each role needs on a broker with ACLs: the commands of docs/kafka.md are read, applied and tried."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from colearner_ls.bus.credentials import PASSWORD, USER
from colearner_ls.bus.errors import BusDenied, TopicsMissing
from colearner_ls.bus.kafka import KafkaBus
from colearner_ls.bus.records import Ack, Outcome, Refused
from colearner_ls.contracts.catalogue import ASSIGNMENTS, COACH, EVENTS, FEEDBACK, PROGRESS, SESSIONS, TOPICS
from rigs.kafka.secured import USERS

from .conftest import Keep
from .secured import Secured, acl_commands
from .transports import read_all, record

pytestmark = [pytest.mark.kafka, pytest.mark.xdist_group("kafka-secured")]

ROLES = {"COACH": "coach", "STUDENT": "student", "READER": "reader"}
WRITES = {
    "coach": {ASSIGNMENTS, FEEDBACK, COACH, SESSIONS, EVENTS},
    "student": {PROGRESS, COACH, SESSIONS, EVENTS},
    "reader": set(),
}


@pytest.fixture
async def prefix(secured_kafka: Secured, kafka_prefix: str) -> str:
    """Topics that an administrator made; nobody else has any right yet."""
    bus = secured_kafka.bus(secured_kafka.url("SECURE", kafka_prefix))
    await bus.connect()
    assert await _written(bus, TOPICS) == set(TOPICS)
    await bus.close()
    return kafka_prefix


def _bus(secured: Secured, user: str, prefix: str) -> KafkaBus:
    return secured.bus(secured.url("SECURE", prefix), user)


async def _publish(bus: KafkaBus, topics: Sequence[str]) -> dict[str, Outcome]:
    outcomes = await bus.publish([record(topic, "k", topic) for topic in topics])
    return dict(zip(topics, outcomes, strict=True))


async def _written(bus: KafkaBus, topics: Sequence[str]) -> set[str]:
    return {topic for topic, outcome in (await _publish(bus, topics)).items() if isinstance(outcome, Ack)}


@pytest.mark.parametrize("role", list(WRITES))
async def test_the_commands_of_the_page_give_each_role_what_it_needs_and_no_more(
    secured_kafka: Secured, prefix: str, keep: Keep, role: str
) -> None:
    secured_kafka.grant(list(acl_commands().values()), prefix, ROLES)
    bus = await keep(_bus(secured_kafka, role, prefix))
    outcomes = await _publish(bus, TOPICS)
    assert {topic for topic, outcome in outcomes.items() if isinstance(outcome, Ack)} == WRITES[role]
    refused = {topic: outcome for topic, outcome in outcomes.items() if topic not in WRITES[role]}
    assert all(isinstance(outcome, Refused) for outcome in refused.values())
    for topic, outcome in refused.items():
        assert "may not write" in outcome.reason
        assert (prefix + topic in outcome.reason) is bool(WRITES[role]), (
            "who may write nothing has no topic to be named"
        )
    # Reading goes on, whatever was refused.
    got = await read_all(bus, dict.fromkeys(await bus.begins(), 0), len(TOPICS))
    assert {r.topic for r in got} == set(TOPICS)
    # And so does what is allowed, with the same client.
    assert await _written(bus, sorted(WRITES[role])) == WRITES[role]


async def test_topics_that_are_missing_are_named_to_who_may_not_make_them(
    secured_kafka: Secured, kafka_prefix: str
) -> None:
    secured_kafka.grant(list(acl_commands().values()), kafka_prefix, ROLES)
    bus = _bus(secured_kafka, "student", kafka_prefix)
    with pytest.raises(TopicsMissing) as missing:
        await bus.connect()
    await bus.close()
    assert sorted(missing.value.topics) == sorted(kafka_prefix + topic for topic in TOPICS)
    assert "not authorised to create" in missing.value.message
    assert "partitions=1" in missing.value.hint


async def test_who_may_create_topics_makes_them(secured_kafka: Secured, kafka_prefix: str, keep: Keep) -> None:
    """The page's words for the first one who connects."""
    page = Path(__file__).resolve().parents[2] / "docs" / "kafka.md"
    rights = "--operation Create --operation Describe --topic PREFIXcolearner. --resource-pattern-type prefixed"
    assert f"`{rights}`" in page.read_text(encoding="utf-8")
    commands = acl_commands()
    commands["first"] = f"kafka-acls.sh --add --allow-principal User:COACH {rights}"
    secured_kafka.grant(list(commands.values()), kafka_prefix, ROLES)
    bus = await keep(_bus(secured_kafka, "coach", kafka_prefix))
    assert {topic for topic, _ in await bus.begins()} == set(TOPICS)


def _read(who: str, *topics: str, operation: str = "Read") -> str:
    named = " ".join(f"--topic PREFIX{topic}" for topic in topics)
    return f"kafka-acls.sh --add --allow-principal User:{who} --operation {operation} {named}"


async def test_topics_that_may_not_be_seen_are_told_apart_from_missing_ones(
    secured_kafka: Secured, prefix: str
) -> None:
    bus = _bus(secured_kafka, "reader", prefix)
    with pytest.raises(TopicsMissing, match="or they exist, and this user has no right to read them"):
        await bus.connect()
    # Who may create learns more: Kafka says that they are there.
    secured_kafka.grant([_read("R", *TOPICS, operation="Create")], prefix, {"R": "reader"})
    secured_kafka.grant([_read("R", *TOPICS[:-1])], prefix, {"R": "reader"})
    with pytest.raises(BusDenied, match="are there, but this user may not see them") as hidden:
        await bus.connect()
    assert prefix + TOPICS[-1] in hidden.value.cause
    assert prefix + TOPICS[0] not in hidden.value.cause
    assert bus.last_cause == hidden.value.cause
    await bus.close()


async def test_a_topic_that_may_not_be_read_is_named(secured_kafka: Secured, prefix: str, keep: Keep) -> None:
    secured_kafka.grant(
        [_read("R", *TOPICS[:-1]), _read("R", TOPICS[-1], operation="Describe")], prefix, {"R": "reader"}
    )
    bus = await keep(_bus(secured_kafka, "reader", prefix))
    with pytest.raises(BusDenied, match="may not read") as denied:
        await read_all(bus, dict.fromkeys(await bus.begins(), 0), 99)
    assert prefix + TOPICS[-1] in denied.value.cause


def test_what_a_person_sees(secured_kafka: Secured, prefix: str, tmp_path: Path) -> None:
    """A student whose password is wrong, then one who may write progress only: status and doctor say it, others go on."""
    secured_kafka.grant([_read("S", *TOPICS), _read("S", PROGRESS, operation="Write")], prefix, {"S": "student"})
    folder = tmp_path / "work"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    home = {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    (tmp_path / "run").mkdir(mode=0o700)

    def colearner(*arguments: str, password: str, code: int | None = 0) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COLEARNER_")}
        done = subprocess.run(
            [str(Path(sys.executable).with_name("colearner")), *arguments],
            cwd=folder,
            env={**environment, **home, USER: "student", PASSWORD: password},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        said = " ".join((done.stdout + done.stderr).split())
        assert code is None or done.returncode == code, said
        assert wrong not in said
        assert right not in said
        return said

    wrong, right = "hunter2-Zürich", USERS["student"]
    bus = str(secured_kafka.url("SECURE", prefix))
    colearner("student", "init", "--session", "s-1", "--bus", bus, "--offline", password=wrong)
    colearner("progress", "--confidence", "topic=0.5", "--offline", password=wrong)
    colearner("stage", "note", "--note", "hello", "--offline", password=wrong)
    assert "does not take this user and password" in colearner("doctor", "--wait", "40", password=wrong, code=6)
    assert "does not take this user and password" in colearner("status", "--offline", password=wrong)

    colearner("sync", "--wait", "40", password=right, code=None)
    told = colearner("doctor", "--wait", "40", password=right, code=None)
    for topic in (EVENTS, SESSIONS):
        assert f"was refused: this user may not write to {prefix}{topic}" in told
    state = json.loads(colearner("status", "--json", "--offline", password=right))["sync"]
    assert (state["waiting"], state["refused"]) == (0, 2)  # init says session_started
    assert "2 events of yours refused by the bus" in colearner("status", "--offline", password=right)
