"""The JSON Schema of cluster.yml, for editors."""

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from cluster.defaults import FILLED
from cluster.model import Cluster
from cluster.quantity import DURATION_PATTERN, SIZE_PATTERN, duration_text, size_text
from cluster.writing import json_text

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Schema(GenerateJsonSchema):
    """Writes a default as people would: `30s`, not 30.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        written = super().default_schema(schema)
        if isinstance(seen := written.get("default"), int | float):
            match written.get("pattern"):
                case str() as pattern if pattern == DURATION_PATTERN:
                    written["default"] = duration_text(seen)
                case str() as pattern if pattern == SIZE_PATTERN:
                    written["default"] = size_text(int(seen))
        return written


def schema_json() -> str:
    """Return the schema. An editor that follows it accepts what `load` accepts in shape.

    What only a look at the whole file can tell (unknown names, circles, room to repair) is not in it.
    """
    schema = Cluster.model_json_schema(by_alias=True, schema_generator=_Schema)
    for name, keys in FILLED.items():
        block = schema if name == "Cluster" else schema["$defs"][name]
        block["required"] = [key for key in block.get("required", []) if key not in keys]
        block["required"] or block.pop("required")
    for block in schema["$defs"].values():
        if "name" in block.get("required", []):
            block["required"].remove("name")
    return json_text({"$schema": DIALECT, **_plain(schema)})


def _plain(value: Any) -> Any:
    """Leave out the titles that only repeat a key."""
    if isinstance(value, dict):
        titled = isinstance(value.get("title"), str)
        return {k: _plain(v) for k, v in value.items() if not (titled and k == "title")}
    return [_plain(item) for item in value] if isinstance(value, list) else value
