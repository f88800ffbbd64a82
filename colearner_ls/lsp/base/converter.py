"""The cattrs converter: lsprotocol's, plus pydantic models, minus pygls' namedtuples.

pydantic is not imported here (its import costs as much as the whole of asyncio): a class can only be a pydantic
model once somebody else has imported it.
"""

from __future__ import annotations

import sys
from typing import Any

from cattrs import Converter
from lsprotocol import converters


def make_converter() -> Converter:
    """A new converter for one protocol instance."""
    converter = converters.get_converter()
    converter.register_structure_hook_func(is_pydantic_model, _validate)
    converter.register_unstructure_hook_func(is_pydantic_model, _dump)
    return converter


def is_pydantic_model(cls: object) -> bool:
    """Whether ``cls`` is a pydantic model class."""
    pydantic = sys.modules.get("pydantic")
    model = getattr(pydantic, "BaseModel", None)
    return model is not None and isinstance(cls, type) and issubclass(cls, model)


def _validate(value: Any, cls: type[Any]) -> Any:
    return cls.model_validate(value)


def _dump(model: Any) -> Any:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)
