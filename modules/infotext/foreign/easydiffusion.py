"""Easy Diffusion's metadata -> request: one PNG chunk per field, the same as JSON in EXIF, or `Label: value` lines of its text files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import samplers, weights
from modules.infotext.foreign.values import first
from modules.infotext.reading import Draft, Reading

NOISE = "Easy Diffusion draws its noise on the graphics card, most likely NVIDIA's, so the noise source is NV. If the picture comes out another one, try CPU."
LABELS: Mapping[str, str] = {
    "stable_diffusion_model": "use_stable_diffusion_model",
    "vae_model": "use_vae_model",
    "lora_model": "use_lora_model",
    "hypernetwork_model": "use_hypernetwork_model",
    "controlnet_model": "use_controlnet_model",
    "sampler": "sampler_name",
    "steps": "num_inference_steps",
    "use_upscaling": "use_upscale",
    "seamless_tiling": "tiling",
    "lora_strength": "lora_alpha",
}
"""The labels of its text form, in plain spelling -> its own names."""
FIELDS = {"seed": "seed", "num_inference_steps": "steps", "guidance_scale": "cfg_scale"}
REASONS: Mapping[str, str] = {
    "use_vae_model": keys.FILES,
    "use_lora_model": keys.LORA,
    "lora_alpha": keys.LORA,
    "use_hypernetwork_model": "Hypernetworks are not applied.",
    "use_controlnet_model": keys.CONTROL,
    "use_face_correction": "Repairing faces is not restored.",
    "use_upscale": "Later enlargement is not restored.",
}
_COMPEL = re.compile(r"[^\s+-][+-]+(?=[\s,)]|\Z)|\)\d")


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Either spelling as its own names; "None" means nothing."""
    found = {re.sub(r"[ -]", "_", str(key).strip().casefold()): value for key, value in values.items()}
    return {LABELS.get(key, key): value for key, value in found.items() if value not in (None, "None", "null", "")}


def is_easy_diffusion(values: Mapping[str, Any]) -> bool:
    found = plain(values)
    return "prompt" in found and bool({"use_stable_diffusion_model", "num_inference_steps"} & set(found))


def from_lines(text: str) -> dict[str, str]:
    """The text file beside a picture: `Label: value`, a line each."""
    return {key: value for key, mark, value in (line.partition(": ") for line in text.splitlines()[:200]) if mark}


def read(values: Mapping[str, Any], size: tuple[int, int] = (0, 0)) -> Reading:
    data = plain(values)
    draft = Draft("Easy Diffusion")
    for key, negative in (("prompt", False), ("negative_prompt", True)):
        prompt = data.get(key)
        if isinstance(prompt, str):
            written, near = weights.compel(prompt) if _COMPEL.search(prompt) else (prompt, "")
            draft.prompt(
                key, written, negative=negative, note=near or ("Written for compel; its weights are now in A1111's form." if written != prompt else "")
            )
            if written != prompt:
                draft.values["text.emphasis"] = "compel"
    samplers.take(draft, "sampler_name", data.get("sampler_name"), unsaid="Uniform")
    for key, name in FIELDS.items():
        draft.take(key, name, data.get(key))
    if data.get("width") is not None and data.get("height") is not None:
        draft.size("width x height", data["width"], data["height"])
    draft.model("use_stable_diffusion_model", first(data, "use_stable_diffusion_model"))
    if str(data.get("clip_skip", "")).casefold() == "true":
        draft.take("clip_skip", "text.clip_skip", 2, said=data["clip_skip"])
    if str(data.get("tiling", "")).casefold() == "xy":
        draft.take("tiling", "tiling", True, said=data["tiling"])
    elif str(data.get("tiling", "")).casefold() in ("x", "y"):
        draft.leave("tiling", data["tiling"], "Easel tiles in both directions or in none.")
    if "prompt_strength" in data:  # written only where there was a start picture
        passes.begun(draft, "prompt_strength", data["prompt_strength"])
    for key, reason in REASONS.items():
        draft.leave(key, data.get(key), reason)
    draft.noise("NV", NOISE)
    return draft.reading(size)
