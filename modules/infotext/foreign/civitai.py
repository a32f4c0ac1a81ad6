"""Civitai's generator as JSON -> request: `extraMetadata` inside the ComfyUI graph in a JPEG's UserComment. (Its other form is A1111's text.)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.infotext import keys
from modules.infotext.foreign import comfyui, samplers, weights
from modules.infotext.foreign.values import first, items, mapping
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
    draft.leave("denoise", data.get("denoise"), keys.INIT)
    draft.fact("workflow", data.get("workflowId"))
    draft.noise("CPU", NOISE)
    return draft.reading(size)
