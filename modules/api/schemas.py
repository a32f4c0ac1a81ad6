"""Bodies and answers as openapi.json shows them. They are read by `bodies`, which refuses more politely than FastAPI; here is only their description."""

from __future__ import annotations

from typing import Any

from modules.core.params import adapter


def takes(kind: type, media: str = "application/json") -> dict[str, Any]:
    """`openapi_extra` for a route whose body is this model or dataclass; of any JSON object for `dict`, of a file for `bytes`."""
    if kind is bytes:
        return _body({"type": "string", "format": "binary"}, media)
    schema = adapter(kind).json_schema()
    return _body(_inlined(schema, schema.pop("$defs", {})), media)


def gives(kind: type) -> dict[str, Any]:
    """`openapi_extra` for a route that answers with this dataclass as JSON."""
    schema = adapter(kind).json_schema(mode="serialization")
    content = {"application/json": {"schema": _inlined(schema, schema.pop("$defs", {}))}}
    return {"responses": {"200": {"description": "As asked for.", "content": content}}}


def _body(schema: dict[str, Any], media: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media: {"schema": schema}}}}


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """With each `$ref` replaced by what it names: OpenAPI looks for parts in another place than JSON Schema."""
    if isinstance(schema, list):
        return [_inlined(one, parts) for one in schema]
    if not isinstance(schema, dict):
        return schema
    named = parts[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
    return {name: _inlined(value, parts) for name, value in {**named, **schema}.items() if name != "$ref"}
