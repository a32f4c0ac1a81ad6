"""Any text that says how a picture was made -> request, with a table of what was restored. Finds out which tool wrote it; the tools' modules do the rest.

Never raises: what cannot be understood is shown as it is. Values from a picture set neither paths nor scripts nor settings.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from modules.infotext import a1111, grammar, own, postprocessed
from modules.infotext.files import XMP, Found
from modules.infotext.foreign import civitai, comfyui, drawthings, easydiffusion, fooocus, graph, invokeai, novelai, swarmui
from modules.infotext.foreign.values import loads, mapping
from modules.infotext.grammar import parse
from modules.infotext.reading import Draft, Reading, Row

__all__ = ["Found", "Reading", "Row", "parse", "read", "read_text"]

_log = logging.getLogger(__name__)
_DAMAGED = "The text of this picture could not be understood."


def read(found: Found, *, unsaid_noise: str = "NV") -> Reading:
    """What a picture file says. unsaid_noise: the noise source that A1111's text means when it names none."""
    return _safely(lambda: _read(found, unsaid_noise), found.chunks)


def read_text(text: str, *, unsaid_noise: str = "NV") -> Reading:
    """A pasted text: A1111's, or the JSON of any tool."""
    return _safely(lambda: _read_text(text, (0, 0), unsaid_noise), {"text": text})


def _safely(reader: Callable[[], Reading], texts: Mapping[str, str]) -> Reading:
    """A reader that stumbles over a hostile file must not take the page down; the texts are shown and the log has the place."""
    try:
        return reader()
    except Exception:
        _log.exception("a picture's text could not be read")
        draft = Draft("")
        draft.say(_DAMAGED)
        for key, value in texts.items():
            draft.leave(key, value, _DAMAGED)
        return draft.reading()


def _read(found: Found, unsaid_noise: str) -> Reading:
    """A text without parameters is a prompt only where A1111 keeps its text: cameras and phones write into UserComment too."""
    chunks, size = found.chunks, found.size
    if found.document and postprocessed.is_own(found.document):
        return postprocessed.read(found.document, _read(replace(found, document=found.document.get("of")), unsaid_noise))
    if own.is_own(found.document):
        return own.read(found.document or {})
    written = [found.parameters, chunks.get("parameters", "")]
    for text in written:
        if reading := _json(loads(text), size):
            return reading
    for text in written:
        if len(grammar.split(text)[2]) >= 3:
            source = "ComfyUI" if graph.is_prompt(chunks.get("prompt")) else ""
            return a1111.read(text, size, unsaid_noise=unsaid_noise, source=source)
    if reading := _by_name(chunks, size):
        return reading
    for text in chunks.values():
        if reading := _json(loads(text), size):
            return reading
    if written[1].strip():
        return a1111.read(written[1], size, unsaid_noise=unsaid_noise)
    draft = Draft("")
    draft.say("This picture does not say how it was made.")
    for key, text in chunks.items():
        draft.leave(key, text, "This does not say how the picture was made.")
    return draft.reading()


def _by_name(chunks: Mapping[str, str], size: tuple[int, int]) -> Reading | None:
    """Tools that are known by the names under which they write."""
    if easydiffusion.is_easy_diffusion(chunks) and not graph.is_prompt(chunks.get("prompt")):
        return easydiffusion.read(chunks, size)
    if mapping(chunks.get("invokeai_metadata")):
        return invokeai.read_metadata(chunks["invokeai_metadata"], size)
    if mapping(chunks.get("sd-metadata")):
        return invokeai.read_sd_metadata(chunks["sd-metadata"], size)
    if "Dream" in chunks:
        return invokeai.read_dream(chunks["Dream"], size)
    if chunks.get("Software") == "NovelAI" or {"uc", "v4_prompt"} & set(mapping(chunks.get("Comment"))):
        return novelai.read(chunks, size)
    prompt, workflow = (chunks.get(name) or _marked(chunks, name) for name in ("prompt", "workflow"))
    if graph.is_prompt(prompt) or graph.is_workflow(workflow):
        return comfyui.read(prompt, workflow, size)
    if data := drawthings.from_xmp(chunks.get(XMP, "")):
        return drawthings.read(data, size)
    return None


def _marked(chunks: Mapping[str, str], name: str) -> str:
    """Where there are no named chunks ComfyUI spreads its texts over EXIF tags and puts their names in front."""
    return next((text.partition(":")[2] for text in chunks.values() if text.startswith(f"{name}:{{")), "")


def _json(value: object, size: tuple[int, int]) -> Reading | None:
    """Tools that are known by what their JSON holds."""
    data: Mapping[str, Any] = mapping(value)
    if own.is_own(data):
        return own.read(data)
    if mapping(data.get("sui_image_params")):
        return swarmui.read(data, size)
    if civitai.is_civitai(data):
        return civitai.read(data, size)
    if fooocus.is_fooocus(data):
        return fooocus.read(data, size)
    if graph.is_prompt(data) or graph.is_workflow(data):
        return comfyui.read(data, data, size)
    if graph.is_prompt(data.get("prompt")) or graph.is_workflow(data.get("workflow")):
        return comfyui.read(data.get("prompt"), data.get("workflow"), size)
    if "positive_prompt" in data and {"app_version", "scheduler", "generation_mode"} & set(data):
        return invokeai.read_metadata(data, size)
    if mapping(data.get("image")) and {"model_weights", "app_id", "app_version"} & set(data):
        return invokeai.read_sd_metadata(data, size)
    if data.get("Software") == "NovelAI" or "Comment" in data and mapping(data["Comment"]):
        return novelai.read(data, size)
    if {"uc", "v4_prompt"} & set(data) and {"scale", "steps"} & set(data) and "c" not in data:
        return novelai.read({"Comment": data}, size)
    if easydiffusion.is_easy_diffusion(data):
        return easydiffusion.read(data, size)
    return drawthings.read(data, size) if drawthings.is_draw_things(data) else None


def _read_text(text: str, size: tuple[int, int], unsaid_noise: str) -> Reading:
    if reading := _json(loads(text.strip()), size):
        return reading
    if len(grammar.split(text)[2]) < 3:
        lines = easydiffusion.from_lines(text)
        if len(lines) > 3 and easydiffusion.is_easy_diffusion(lines):
            return easydiffusion.read(lines, size)
    return a1111.read(text, size, unsaid_noise=unsaid_noise)
