"""Civitai's generator as JSON -> request: `extraMetadata` inside the ComfyUI graph in a JPEG's UserComment. (Its other form is A1111's text.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import comfyui, samplers, weights
from modules.infotext.foreign.values import first, items, mapping, number, text
from modules.infotext.reading import Draft, Reading

NOISE = "Civitai's generator runs ComfyUI, which draws its noise on the CPU."


def is_civitai(data: Mapping[str, Any]) -> bool:
    return bool(mapping(data.get("extraMetadata")))


def read(value: object, size: tuple[int, int] = (0, 0)) -> Reading:
    data = mapping(mapping(value).get("extraMetadata"))
    draft = Draft("Civitai")
    for names, negative in ((("prompt",), False), (("negativePrompt", "negative_prompt"), True)):
        prompt = first(data, *names)
        if isinstance(prompt, str):
            draft.prompt(
                names[0],
                weights.comfy(prompt),
                negative=negative,
                note="" if weights.comfy(prompt) == prompt else "Characters that mean something only here are escaped.",
            )
            if "(" in prompt.replace("\\(", ""):
                draft.values["text.emphasis"] = "compel"
                draft.say(comfyui.EMPHASIS)
    samplers.take(draft, "sampler", data.get("sampler"), "scheduler", data.get("scheduler"))
    for key, name in (("steps", "steps"), ("cfgScale", "cfg_scale"), ("seed", "seed"), ("clipSkip", "text.clip_skip")):
        draft.take(key, name, data.get(key))
    if data.get("width") is not None and data.get("height") is not None:
        draft.size("width x height", data["width"], data["height"])
    for resource in items(data.get("resources"))[:50]:
        draft.leave("resources", resource, "Civitai names models by its own numbers, not by file or hash.")
    _passes(draft, data, size)
    draft.fact("workflow", data.get("workflowId"))
    draft.noise("CPU", NOISE)
    return draft.reading(size)


def _passes(draft: Draft, data: Mapping[str, Any], size: tuple[int, int]) -> None:
    """The workflow's name says what `denoise` belongs to. The size of a second pass is named by its enlargement, else it is the picture's own."""
    workflow, denoise = text(data.get("workflowId")), data.get("denoise")
    steps = [mapping(step) for step in items(data.get("transformations"))[:50]]
    target = next(((step["upscaleWidth"], step["upscaleHeight"]) for step in (data, *steps) if {"upscaleWidth", "upscaleHeight"} <= set(step)), size)
    if workflow.startswith("img2img"):
        passes.begun(draft, "denoise", denoise)
    elif "hires" in workflow and denoise is not None and all((number(side) or 0) > 0 for side in target):
        draft.values["hires.enabled"] = True
        draft.take("denoise", "hires.strength", denoise, keys.NEAR)
        draft.size("upscaleWidth x upscaleHeight", target[0], target[1], "" if target is not size else keys.OWN_SIZE, names=("hires.width", "hires.height"))
    else:
        draft.leave("denoise", denoise, keys.LATER if "hires" in workflow else keys.INIT_ONLY)
