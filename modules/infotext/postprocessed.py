"""A picture that Extras made: its own request, and beside it what its source said of how that was made.

A1111 keeps the source's text (`parameters`) and says what it did in a chunk `postprocessing`; Easel does likewise, and its own JSON holds both.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from modules.core.blobs import REFERENCE
from modules.core.errors import InvalidRequest
from modules.core.extras import ExtrasRequest
from modules.core.params import from_dict, to_dict, value_of, walk
from modules.infotext.grammar import quote
from modules.infotext.names import clean, file_name, shown
from modules.infotext.reading import Reading, Row

CHUNK = "postprocessing"
"""Name of A1111's chunk."""
NOT_READ = "The picture's own record of how it was enlarged is not of this version of Easel."
HIDDEN = ("images", "names")


def document(request: ExtrasRequest, facts: Mapping[str, str], source: Mapping[str, Any] | None, version: str) -> dict[str, Any]:
    """Easel's JSON for such a picture. source: what the picture it was made from carries."""
    return {"easel": version, "kind": ExtrasRequest.KIND, "request": to_dict(request), "facts": dict(facts), "of": dict(source) if source else None}


def text(done: Mapping[str, object]) -> str:
    """A1111's text of what was done."""
    return ", ".join(f"{key}: {quote(value)}" for key, value in done.items())


def is_own(value: object) -> bool:
    return isinstance(value, Mapping) and "easel" in value and value.get("kind") == ExtrasRequest.KIND and isinstance(value.get("request"), Mapping)


def read(value: Mapping[str, Any], inner: Reading) -> Reading:
    """inner: what the source's own texts say. -> that, with what makes this very picture again, and rows for it in front."""
    try:
        request = from_dict(ExtrasRequest, _without_places(value["request"]))
    except (InvalidRequest, RecursionError):
        return dataclasses.replace(inner, notes=[*inner.notes, NOT_READ])
    if not request.images or not all(REFERENCE.fullmatch(image) for image in request.images):
        return dataclasses.replace(inner, notes=[*inner.notes, NOT_READ])
    rows = [
        Row(clean(f"Extras: {field.param.label}"), shown(value_of(request, field)))
        for field in walk(ExtrasRequest)
        if field.name not in HIDDEN and (value_of(request, field) != field.default or field.name == "upscaler")
    ]
    rows += [Row("Extras: Picture", image) for image in request.images]
    facts = value.get("facts")
    known = {clean(str(name)): shown(fact) for name, fact in facts.items()} if isinstance(facts, Mapping) else {}
    return dataclasses.replace(inner, rows=[*rows, *inner.rows], facts={"Easel": shown(value.get("easel")), **known}, wish=request)


def _without_places(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Upscalers are named by file name, whatever the document says."""
    names = {name: file_name(told) for name in ("upscaler", "second") if isinstance(told := tree.get(name), str) and re.search(r"[/\\]", told)}
    return {**tree, **names}
