"""The API on one plain page, made from openapi.json. Loads nothing, from here or elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

STYLE = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}code{font-size:1.05em}td,th{padding:.15rem 1rem .15rem 0;text-align:left;vertical-align:top}"


def page(schema: dict[str, Any]) -> str:
    """HTML. Every address with its first sentence, its parameters and the fields of its body."""
    sections = [_operation(path, method, told) for path, methods in schema["paths"].items() for method, told in methods.items()]
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    head = (
        f"<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}: API</title><style>{STYLE}</style>"
    )
    return f"{head}<h1>{title}: API</h1><p>As a machine reads it: <a href=openapi.json>openapi.json</a>.</p>{''.join(sections)}</html>"


def _operation(path: str, method: str, told: dict[str, Any]) -> str:
    rows = [(one["name"], one.get("schema", {})) for one in told.get("parameters", ())]
    for content in told.get("requestBody", {}).get("content", {}).values():
        rows += content["schema"].get("properties", {}).items()
    fields = "".join(f"<tr><td><code>{escape(name)}</code><td>{escape(_kind(kind))}<td>{escape(_default(kind))}" for name, kind in rows)
    table = f"<details><summary>{len(rows)} fields</summary><table>{fields}</table></details>" if rows else ""
    return f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(told.get('description', ''))}</p>{table}"


def _kind(schema: dict[str, Any]) -> str:
    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    return " or ".join(kind for kind in kinds if kind and kind != "null")


def _default(schema: dict[str, Any]) -> str:
    return "" if schema.get("default") in (None, "") else f"default {schema['default']}"
