"""Easel's own JSON -> request, without loss. A document that this version does not wholly understand, or that was tampered with, is taken value by value."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from modules.core.errors import InvalidRequest
from modules.core.params import from_dict, walk
from modules.core.request import GenerationRequest
from modules.infotext.names import file_name
from modules.infotext.reading import Draft, Reading

FACTS = 100
"""Entries that are kept."""
SHOWN = {"prompt", "negative_prompt", "model", "sampler", "schedule", "steps", "width", "height", "cfg_scale", "seed"}
"""Parameters that the table shows even at their defaults."""

_PLACE = re.compile(r"[/\\]|^[A-Za-z]:|^\.*$")


def is_own(value: object) -> bool:
    return isinstance(value, Mapping) and "easel" in value and isinstance(value.get("request"), Mapping)


def read(document: Mapping[str, Any]) -> Reading:
    """document: `{"easel": version, "request": ..., "facts": {...}, "index": ...}`."""
    draft = Draft("Easel")
    request = _without_places(document["request"])
    try:
        whole: GenerationRequest | None = from_dict(GenerationRequest, request)
    except (InvalidRequest, RecursionError):
        whole = None
        draft.say("The picture's own record is not of this version of Easel, so it was taken value by value.")
    given = _flat(request)
    for field in walk(GenerationRequest):
        value = given.pop(field.name, None)
        if whole is None or value != field.default or field.name in SHOWN:
            draft.take(field.param.label, field.name, value)
    for name, value in given.items():
        draft.leave(name, value, "This version of Easel has no such parameter.")
    draft.fact("Easel", document.get("easel"))
    facts = document.get("facts")
    for key, value in list(facts.items())[:FACTS] if isinstance(facts, Mapping) else ():
        if isinstance(value, str | int | float):
            draft.fact(str(key), value)
    reading = draft.reading()
    return dataclasses.replace(reading, request=whole) if whole else reading


def _without_places(request: Mapping[str, Any]) -> dict[str, Any]:
    """Models and embeddings are named by file name and hash only, whatever the document says."""
    safe = dict(request)
    if isinstance(name := safe.get("model"), str) and name and _PLACE.search(name):
        safe["model"] = file_name(name)
    if isinstance(digest := safe.get("model_hash"), str) and not re.fullmatch(r"[0-9a-fA-F]*", digest):
        safe["model_hash"] = ""
    if isinstance(names := safe.get("embeddings"), Mapping):
        safe["embeddings"] = {file_name(str(name)) if _PLACE.search(str(name)) else str(name): digest for name, digest in names.items()}
    return safe


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Groups as dotted names; a mapping that is a parameter's own value stays whole."""
    names = {field.name for field in walk(GenerationRequest)}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping) and key not in names:
            found |= {f"{key}.{inner}": entry for inner, entry in value.items()}
        else:
            found[key] = value
    return found
