"""SwarmUI's `sui_image_params` JSON -> request. It runs ComfyUI, whose prompts and noise it shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import samplers, weights
from modules.infotext.foreign.comfyui import EMPHASIS, NOISE
from modules.infotext.foreign.values import first, items, mapping, number
from modules.infotext.reading import Draft, Reading

FIELDS: Mapping[str, str] = {
    "seed": "seed",
    "steps": "steps",
    "cfgscale": "cfg_scale",
    "fluxguidancescale": "guidance.distilled",
    "variationseed": "variation.seed",
    "variationseedstrength": "variation.strength",
}
REASONS: tuple[tuple[str, str], ...] = (
    ("lora", keys.LORA),
    ("refiner", keys.REFINER),
    ("controlnet", keys.CONTROL),
    ("initimage", keys.INIT),
    ("mask", keys.MASK_ONLY),
    ("vae", keys.FILES),
)
HANDLED = {
    "prompt", "negativeprompt", "model", "width", "height", "sampler", "comfyuisampler", "scheduler", "comfyuischeduler", "swarm_version", "clipstopatlayer",
    "aspectratio", "seamlesstileable", "images", "loras", "loraweights", "loratencweights", *FIELDS,
}  # fmt: skip


def read(value: object, size: tuple[int, int] = (0, 0)) -> Reading:
    whole = mapping(value)
    data = mapping(whole.get("sui_image_params"))
    draft = Draft("SwarmUI")
    for key, negative in (("prompt", False), ("negativeprompt", True)):
        prompt = data.get(key)
        if isinstance(prompt, str) and (prompt or not negative):
            written = weights.comfy(prompt)
            draft.prompt(key, written, negative=negative, note="Characters that mean something only here are escaped." if written != prompt else "")
            if "(" in written.replace("\\(", ""):
                draft.values["text.emphasis"] = "compel"
                draft.say(EMPHASIS)
    scheduler = first(data, "scheduler", "comfyuischeduler")
    samplers.take(draft, "sampler", first(data, "sampler", "comfyuisampler"), "scheduler", scheduler, unsaid="Normal")
    for key, name in FIELDS.items():
        draft.take(key, name, data.get(key))
    if data.get("width") is not None and data.get("height") is not None:
        draft.size("width x height", data["width"], data["height"])
    draft.model("model", data.get("model"))
    for entry in items(whole.get("sui_models")):
        if mapping(entry).get("param") == "model":
            draft.leave("hash", mapping(entry).get("hash"), "SwarmUI hashes the weights alone, Easel the whole file.")
    layer = number(data.get("clipstopatlayer"))
    if layer is not None and layer < -1:
        draft.take("clipstopatlayer", "text.clip_skip", int(max(-layer, -99)), said=layer)
    if str(data.get("seamlesstileable", "")).casefold() == "true":
        draft.take("seamlesstileable", "tiling", True)
    sides = [items(data.get(key)) for key in ("loraweights", "loratencweights")]
    for place, lora in enumerate(items(data.get("loras"))):
        unet, te = (side[place] if place < len(side) else None for side in sides)
        draft.lora("loras", lora, 1 if unet is None else unet, te)
    dealt = HANDLED | _passes(draft, data)
    for key, given in data.items():
        if key not in dealt:
            draft.leave(str(key), given, next((reason for start, reason in REASONS if str(key).startswith(start)), keys.UNKNOWN))
    draft.fact("Version", data.get("swarm_version"))
    draft.noise("CPU", NOISE)
    return draft.reading(size)


def _passes(draft: Draft, data: Mapping[str, Any]) -> set[str]:
    """A start picture, else the refiner where it is a second pass with the same model. -> the keys that were dealt with."""
    refining = {key for key in data if str(key).startswith("refiner")}
    if "initimagecreativity" in data:
        passes.begun(draft, "initimagecreativity", data["initimagecreativity"])
        for key in sorted(refining):
            draft.leave(key, data[key], keys.ALONE)
        return refining | {"initimagecreativity"}
    share, model = number(data.get("refinercontrolpercentage")), data.get("refinermodel")
    if data.get("refinermethod") != "PostApply" or share is None or not 0 <= share <= 1 or model not in (None, "", "(Use Base)", data.get("model")):
        return set()
    if share == 0:
        for key in sorted(refining):
            draft.leave(key, data[key], keys.ENLARGED)
        return refining
    draft.values["hires.enabled"] = True
    draft.take("refinercontrolpercentage", "hires.strength", share, keys.NEAR)
    draft.take("refinerupscale", "hires.scale", data.get("refinerupscale", 1))
    steps = number(first(data, "refinersteps", "steps"))
    if steps is not None:
        draft.take("refinersteps", "hires.steps", max(1, round(steps * share)), keys.SHARE, said=steps)
    if "refinerupscalemethod" in data:
        method = data["refinerupscalemethod"]
        passes.upscaler(draft, "refinerupscalemethod", method.removeprefix("model-") if isinstance(method, str) else method)
    samplers.take(draft, "refinersampler", data.get("refinersampler"), "refinerscheduler", data.get("refinerscheduler"), group="hires.")
    if number(data.get("refinercfgscale")) != number(data.get("cfgscale")):
        draft.leave("refinercfgscale", data.get("refinercfgscale"), keys.GUIDED)
    dealt = {"refinermethod", "refinercontrolpercentage", "refinerupscale", "refinersteps", "refinerupscalemethod", "refinersampler", "refinerscheduler"}
    return dealt | {"refinermodel", "refinercfgscale"}
