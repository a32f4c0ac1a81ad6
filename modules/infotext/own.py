"""Easel's own JSON -> request, without loss. A document that this version does not wholly understand, or that was tampered with, is taken value by value.

Start pictures and masks are references by content: on the machine where they lie the picture can be made again, elsewhere the engine says what is missing.
A script is request data (which requests to run), no code, so it may come back; only from here, never from another tool's text.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from modules.core.blobs import REFERENCE
from modules.core.errors import InvalidRequest
from modules.core.params import from_dict, named, walk
from modules.core.request import AUTOMATIC_VAE, GenerationRequest
from modules.infotext import control
from modules.infotext.coerce import Unusable, coerce
from modules.infotext.limits import DEPTH
from modules.infotext.names import file_name
from modules.infotext.reading import Draft, Reading

FACTS = 100
"""Entries that are kept."""
SHOWN = {"prompt", "negative_prompt", "model", "sampler", "schedule", "steps", "width", "height", "cfg_scale", "seed"}
"""Parameters that the table shows even at their defaults."""
UNSAID = {"as_is"}
"""Parameters that the table leaves out: every picture has them."""
REFERENCES = ("init.image", "init.color_from", "init.depth", "mask.image", "mask.latent")

_PLACE = re.compile(r"[/\\]|^[A-Za-z]:|^\.*$")


def is_own(value: object) -> bool:
    """Of a picture that was drawn; `postprocessed` reads the others."""
    return isinstance(value, Mapping) and "easel" in value and isinstance(value.get("request"), Mapping) and value.get("kind") in (None, GenerationRequest.KIND)


def read(document: Mapping[str, Any]) -> Reading:
    """document: `{"easel": version, "request": ..., "facts": {...}, "index": ...}`."""
    draft = Draft("Easel")
    request = _without_places(document["request"], draft)
    try:
        whole: GenerationRequest | None = from_dict(GenerationRequest, request)
    except (InvalidRequest, RecursionError):
        whole = None
        draft.say("The picture's own record is not of this version of Easel, so it was taken value by value.")
    given = _flat(request)
    for field in walk(GenerationRequest):
        value = given.pop(field.name, None)
        value = tuple(value) if isinstance(value, list) else value
        if whole is None or field.name in SHOWN or value != field.default and field.name not in UNSAID:
            draft.take(field.param.label, field.name, value, said=control.shown(value) or None if field.name == "control" else None)
    for name, value in given.items():
        draft.leave(name, value, "This version of Easel has no such parameter.")
    draft.fact("Easel", document.get("easel"))
    facts = document.get("facts")
    for key, value in list(facts.items())[:FACTS] if isinstance(facts, Mapping) else ():
        if isinstance(value, str | int | float):
            draft.fact(str(key), value)
    reading = draft.reading()
    return dataclasses.replace(reading, request=whole or reading.request, index=_index(document.get("index")))


def _index(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _without_places(request: Mapping[str, Any], draft: Draft) -> dict[str, Any]:
    """Models, upscalers and embeddings are named by file name and hash only, pictures by their content, whatever the document says."""
    safe = dict(request)
    if isinstance(name := safe.get("model"), str) and name and _PLACE.search(name):
        safe["model"] = file_name(name)
    if isinstance(digest := safe.get("model_hash"), str) and not re.fullmatch(r"[0-9a-fA-F]*", digest):
        safe["model_hash"] = ""
    if isinstance(name := safe.get("vae"), str) and _PLACE.search(name):
        safe["vae"] = file_name(name) or AUTOMATIC_VAE
    if isinstance(digest := safe.get("vae_hash"), str) and not re.fullmatch(r"[0-9a-fA-F]*", digest):
        safe["vae_hash"] = ""
    for files in ("embeddings", "companions"):
        if not isinstance(names := safe.get(files), Mapping):
            continue
        safe[files] = {file_name(str(name)) if _PLACE.search(str(name)) else str(name): digest for name, digest in names.items()}
    for group, last in (("hires", "upscaler"), ("init", "upscaler"), ("refiner", "checkpoint")):
        held = safe.get(group)
        if isinstance(held, Mapping) and isinstance(name := held.get(last), str) and name and _PLACE.search(name):
            safe[group] = {**held, last: file_name(name)}
    for dotted in REFERENCES:
        group, name = dotted.split(".")
        held = safe.get(group)
        if isinstance(held, Mapping) and held.get(name) and not (isinstance(held[name], str) and REFERENCE.fullmatch(held[name])):
            draft.leave(dotted, held[name], "This is no reference to a picture: sha256: and 64 hexadecimal digits.")
            safe[group] = {**held, name: ""}
    if "control" in safe:
        safe["control"] = control.without_places(safe["control"], draft.leave)
    try:
        coerce(named(GenerationRequest, "extensions"), safe.get("extensions", {}))
    except Unusable as problem:
        draft.leave("extensions", safe.pop("extensions"), str(problem))
    script = safe.get("script")
    if isinstance(script, Mapping) and "args" in script:
        try:
            coerce(named(GenerationRequest, "script.args"), script["args"])
        except Unusable as problem:
            draft.leave("script.args", script["args"], str(problem))
            safe["script"] = {**script, "args": {}}
    return safe


def _flat(tree: Mapping[str, Any], place: str = "", depth: int = 0) -> dict[str, Any]:
    """Groups as dotted names; a mapping that is a parameter's own value stays whole."""
    names = {field.name for field in walk(GenerationRequest)}
    found: dict[str, Any] = {}
    for key, value in tree.items():
        dotted = f"{place}{key}"
        if isinstance(value, Mapping) and dotted not in names and depth < DEPTH:
            found |= _flat(value, f"{dotted}.", depth + 1)
        else:
            found[dotted] = value
    return found
