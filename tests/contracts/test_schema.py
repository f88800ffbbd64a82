"""JSON Schema, AsyncAPI and the page for people: complete, valid, and saying what judging does."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from colearner_ls.contracts.catalogue import CATALOGUE, TOPICS
from colearner_ls.contracts.envelope import Envelope
from colearner_ls.contracts.errors import BadInput, NotIJson
from colearner_ls.contracts.examples import EXAMPLES
from colearner_ls.contracts.ijson import decode
from colearner_ls.contracts.judging import Accepted, judge
from colearner_ls.contracts.schema import asyncapi, events_markdown, json_schema, main
from colearner_ls.contracts.timestamps import to_us
from colearner_ls.contracts.views import VIEWS
from tests.contracts.samples import envelopes, modest, raw, values
from tests.contracts.test_judging import HINT
from tests.contracts.test_judging import MALFORMED as MALFORMED_ENVELOPES
from tests.contracts.test_payloads import ACCEPTED, MALFORMED, any_actor, peer_event

PAGE = Path(__file__).parents[2] / "docs" / "events.md"
SCHEMA = json_schema()
EVENT = jsonschema.Draft202012Validator(SCHEMA)
BEYOND_THE_LANGUAGE = "before"
"""Part of the words for a range that ends before it starts."""


def refs(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for item in node.values():
            yield from refs(item)
    elif isinstance(node, list):
        for item in node:
            yield from refs(item)


def resolve(document: Any, ref: str) -> Any:
    assert ref.startswith("#/"), ref
    for part in ref[2:].split("/"):
        document = document[part.replace("~1", "/").replace("~0", "~")]
    return document


def test_the_json_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert len(list(refs(SCHEMA))) > 100
    for ref in refs(SCHEMA):
        assert resolve(SCHEMA, ref)


def test_it_has_every_payload_by_type_and_version_and_every_view() -> None:
    assert {(name, version) for name, by_version in SCHEMA["events"].items() for version in by_version} == {
        (row.name, str(row.version)) for row in CATALOGUE.values()
    }
    assert set(SCHEMA["views"]) == set(VIEWS)
    for name, row in CATALOGUE.items():
        properties = resolve(SCHEMA, SCHEMA["events"][name][str(row.version)]["$ref"])["properties"]
        assert set(EXAMPLES[name]) <= set(properties)
        assert all("description" in field for field in properties.values())
    assert set(SCHEMA["$defs"]["Envelope"]["properties"]) == set(Envelope.model_fields)


@pytest.mark.parametrize(("event_type", "payload"), ACCEPTED)
def test_the_schema_accepts_what_judging_accepts(event_type: str, payload: dict[str, Any]) -> None:
    EVENT.validate(peer_event(event_type, any_actor(event_type), payload))


@pytest.mark.parametrize(("event_type", "payload", "words"), MALFORMED)
def test_the_schema_refuses_what_judging_refuses(event_type: str, payload: dict[str, Any], words: str) -> None:
    valid = EVENT.is_valid(peer_event(event_type, any_actor(event_type), payload))
    assert valid is (words == BEYOND_THE_LANGUAGE)


@pytest.mark.parametrize("actor", ["coach", "student", "service"])
def test_the_schema_lets_an_ack_pass_that_says_nothing(actor: str) -> None:
    assert EVENT.is_valid(peer_event("exercise_assigned_ack", actor, {"status": "sent", "note": 3}))
    assert not EVENT.is_valid(peer_event("exercise_assigned_ack", actor, {"status": "seen"}))
    assert not EVENT.is_valid(peer_event("lifecycle", actor, {"status": "sent"}))


@pytest.mark.parametrize(("field", "value"), MALFORMED_ENVELOPES)
def test_the_schema_refuses_malformed_envelopes(field: str, value: Any) -> None:
    beyond_the_language = (isinstance(value, str) and value.endswith("\n")) or (field == "ts" and _is_time(value))
    assert EVENT.is_valid({**HINT, field: value}) is beyond_the_language


def _is_time(value: Any) -> bool:
    try:
        return to_us(value) != 0
    except (BadInput, TypeError):
        return False


@given(st.data())
@modest
def test_schema_and_judging_agree(data: st.DataObject) -> None:
    envelope = data.draw(envelopes())
    if data.draw(st.booleans()):
        part = data.draw(st.sampled_from([envelope, envelope["payload"]]))
        assume(part)
        name = data.draw(st.sampled_from(sorted(part)))
        assume(name != "ts")
        if data.draw(st.booleans()):
            part[name] = data.draw(values)
        else:
            del part[name]
    text = raw(envelope)
    try:
        seen = decode(text)
    except NotIJson:
        assume(False)
    assume(not any(isinstance(value, str) and value.endswith("\n") for value in envelope.values()))
    assert EVENT.is_valid(seen) is isinstance(judge(text), Accepted)


def test_the_asyncapi_document_hangs_together() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert set(document) == {
        "asyncapi",
        "info",
        "defaultContentType",
        "servers",
        "channels",
        "operations",
        "components",
    }
    for ref in refs(document):
        assert resolve(document, ref)
    assert [channel["address"] for channel in document["channels"].values()] == list(TOPICS)
    keys = [key for part in ("messages", "schemas") for key in document["components"][part]]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", key) for key in keys)


def test_every_topic_carries_the_messages_of_its_rows() -> None:
    document = asyncapi()
    for channel in document["channels"].values():
        assert set(channel["messages"]) == {
            row.name for row in CATALOGUE.values() if channel["address"] in row.topics.values()
        }
        for name, ref in channel["messages"].items():
            assert resolve(document, ref["$ref"])["name"] == name


def test_every_operation_is_someones_and_of_its_own_channel() -> None:
    document = asyncapi()
    sent = set()
    for name, operation in document["operations"].items():
        address = resolve(document, operation["channel"]["$ref"])["address"]
        assert operation["action"] == ("receive" if name.startswith("receive") else "send")
        assert operation["messages"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")
            event_type = message["$ref"].rsplit("/", 1)[1]
            if operation["action"] == "send":
                sent.add((event_type, name.split("Sends")[0], address))
    assert sent == {(row.name, actor, topic) for row in CATALOGUE.values() for actor, topic in row.topics.items()}
    assert sum(operation["action"] == "receive" for operation in document["operations"].values()) == len(TOPICS)


def test_the_schemas_of_asyncapi_are_draft_07_and_accept_their_examples() -> None:
    document = asyncapi()
    for name, schema in document["components"]["schemas"].items():
        jsonschema.Draft7Validator.check_schema(schema)
        assert not [node for node in nodes(schema) if "$ref" in node and len(node) > 1], name
    for message in document["components"]["messages"].values():
        whole = {**message["payload"], "components": document["components"]}
        for example in message["examples"]:
            jsonschema.Draft7Validator(whole).validate(example["payload"])
            assert not jsonschema.Draft7Validator(whole).is_valid({**example["payload"], "payload": []})
            assert isinstance(judge(raw(example["payload"])), Accepted)


def nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from nodes(item)


def test_the_page_in_the_repository_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == events_markdown(), "run: make docs"


def test_the_page_leads_somewhere_and_its_examples_are_events() -> None:
    page = events_markdown()
    headings = {line.lstrip("# ").lower() for line in page.splitlines() if line.startswith("#")}
    links = set(re.findall(r"\]\(#([^)]+)\)", page))
    assert links
    assert links <= headings
    assert set(CATALOGUE) <= headings
    envelope, *shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert isinstance(judge(raw(envelope)), Accepted)
    assert shown == [EXAMPLES[name] for name in CATALOGUE]
    for line in page.splitlines():
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)\|", line)) in (4, 5, 3), line


@pytest.mark.parametrize("form", ["json", "asyncapi", "events"])
def test_the_module_writes_each_form(form: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "colearner_ls.contracts.schema", form], capture_output=True, check=True
    )
    written = done.stdout.decode("utf-8")
    if form == "events":
        assert written == events_markdown()
    else:
        assert json.loads(written) == (json_schema() if form == "json" else asyncapi())


@pytest.mark.parametrize("arguments", [[], ["yaml"], ["json", "events"]])
def test_the_module_says_what_it_can_write(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "json, asyncapi or events" in capsys.readouterr().err
