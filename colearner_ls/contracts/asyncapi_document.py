"""The AsyncAPI 3.0 description of the topics and of what lies on them (https://www.asyncapi.com/docs/reference)."""

from __future__ import annotations

from typing import Any, Final

from colearner_ls import __version__
from colearner_ls.contracts.catalogue import CATALOGUE, TOPICS, EventType
from colearner_ls.contracts.examples import example_envelope
from colearner_ls.contracts.json_definitions import definitions

KAFKA_BINDING: Final = "0.5.0"
PARTITIONS: Final = 12
"""Partitions of a topic that we create (contracts.md, *Topics*); any number is read."""

_ACTORS: Final = ("coach", "student")


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI 3.0.0 document: a channel for every topic, a message for every row of the catalogue."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "colearner events",
            "version": __version__,
            "description": "A coach and a student work through a codebase together. What each of them says is an "
            "event; an event is written to one topic, and a reader takes any type from any topic.",
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "127.0.0.1:9092",
                "protocol": "kafka",
                "description": "Any Kafka; this address is an example.",
            }
        },
        "channels": {short_name(topic): _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {
            "messages": {row.name: _message(row) for row in CATALOGUE.values()},
            # AsyncAPI schemas are a superset of JSON Schema draft 07; a test holds the models to what both dialects share.
            "schemas": {"Headers": _headers(), **definitions("#/components/schemas/{model}", views=False)},
        },
    }


def short_name(topic: str) -> str:
    """Return the middle part of a topic's base name: ``assignments`` of ``colearner.assignments.v1``."""
    return topic.split(".")[1]


def _rows_on(topic: str, actors: tuple[str, ...] = _ACTORS) -> list[EventType]:
    return [row for row in CATALOGUE.values() if any(row.topics.get(actor) == topic for actor in actors)]


def _channel(topic: str) -> dict[str, Any]:
    return {
        "address": topic,
        "title": short_name(topic).capitalize(),
        "description": "The address may have a prefix. Other types may lie here too and are taken all the same.",
        "messages": {row.name: {"$ref": f"#/components/messages/{row.name}"} for row in _rows_on(topic)},
        "bindings": {
            "kafka": {
                "partitions": PARTITIONS,
                "topicConfiguration": {"retention.ms": -1},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for topic in TOPICS:
        name = short_name(topic)
        for actor in _ACTORS:
            rows = _rows_on(topic, (actor,))
            if rows:
                operations[f"{actor}Sends{name.capitalize()}"] = _operation("send", name, rows)
        operations[f"receive{name.capitalize()}"] = _operation("receive", name, _rows_on(topic))
    return operations


def _operation(action: str, channel: str, rows: list[EventType]) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{row.name}"} for row in rows],
    }


def _message(row: EventType) -> dict[str, Any]:
    actors = sorted(row.actors)
    own = {
        "type": "object",
        "properties": {
            "event_type": {"const": row.name},
            "actor": {"enum": actors},
            "version": {"const": row.version},
            "payload": {"$ref": f"#/components/schemas/{row.model}"},
        },
    }
    return {
        "name": row.name,
        "title": row.name,
        "summary": row.summary,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"allOf": [{"$ref": "#/components/schemas/Envelope"}, own]},
        "correlationId": {"location": "$message.payload#/correlation_id"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The session_id. Other implementations write no key."},
                "bindingVersion": KAFKA_BINDING,
            }
        },
        "examples": [{"name": actors[0], "payload": example_envelope(row.name, actors[0], version=row.version)}],
    }


def _headers() -> dict[str, Any]:
    described = {
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": {"type": "string", "description": "The event's id."},
        "ce_source": {"type": "string", "description": "/colearner/<actor>/<author>"},
        "ce_type": {"type": "string", "description": "colearner.<event_type>.v<version>"},
        "ce_time": {"type": "string", "format": "date-time", "description": "The event's ts."},
        "ce_subject": {"type": "string", "description": "The student_id, where known."},
        "content-type": {"type": "string", "const": "application/json"},
        "traceparent": {"type": "string", "description": "W3C trace context, where tracing is on."},
    }
    return {
        "type": "object",
        "description": "CloudEvents 1.0, Kafka binding, binary mode; a reader needs only the value.",
        "properties": described,
    }
