"""JSON Schema from the models: all definitions, and the one schema that an event must meet."""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from colearner_ls.contracts.catalogue import CATALOGUE, EventType, model_for
from colearner_ls.contracts.envelope import Envelope
from colearner_ls.contracts.views import VIEWS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMA_ID: Final = "urn:colearner:schema:v1"


def definitions(ref_template: str, *, views: bool = True) -> dict[str, Any]:
    """Return model name → JSON Schema of the envelope, all payloads and their parts, and the views if wanted.

    ``ref_template`` says how they refer to each other, with ``{model}`` where the name goes.
    """
    models = [Envelope, *(model_for(name) for name in CATALOGUE), *(VIEWS.values() if views else ())]
    _, schema = models_json_schema([(model, "validation") for model in models], ref_template=ref_template)
    found: dict[str, Any] = schema["$defs"]
    return {name: found[name] for name in sorted(found)}


def json_schema() -> dict[str, Any]:
    """Return one JSON Schema (2020-12) document.

    Validated against it, an event is judged as by `judging.judge`, save what the language cannot say: duplicate names,
    sizes, dates that no calendar has, and a range that ends before it starts. ``events`` has type → version → payload,
    ``views`` has verb or method → what it gives.
    """
    return {
        "$schema": DIALECT,
        "$id": SCHEMA_ID,
        "title": "A colearner event",
        "$ref": "#/$defs/Event",
        "events": {row.name: {str(row.version): _ref(row.model)} for row in CATALOGUE.values()},
        "views": {name: _ref(model.__name__) for name, model in VIEWS.items()},
        "$defs": {"Event": _event(), **definitions("#/$defs/{model}")},
    }


def _ref(model: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{model}"}


def _event() -> dict[str, Any]:
    return {
        "title": "Event",
        "description": "An envelope whose payload and actor are as its row of the catalogue says. Events of other "
        "types and of newer versions pass: they are kept, and have no effect.",
        "allOf": [_ref("Envelope"), *(_row(row) for row in CATALOGUE.values())],
    }


def _row(row: EventType) -> dict[str, Any]:
    versions = [None, *range(1, row.version + 1)]
    condition: dict[str, Any] = {
        "required": ["event_type"],
        "properties": {"event_type": {"const": row.name}, "version": {"enum": versions}},
    }
    if row.name.endswith("_ack"):
        sent = {"required": ["status"], "properties": {"status": {"const": "sent"}}}
        condition["not"] = {"properties": {"payload": sent}}
    then = {"properties": {"actor": {"enum": sorted(row.actors)}, "payload": _ref(row.model)}}
    return {"if": condition, "then": then}
