"""Fooocus' metadata as JSON -> request: its own scheme, its older log-like one and that of the MRE fork. (Its other scheme is A1111's text.)

The picture was made from the full prompt, styles included, so that one is taken; Fooocus joins its parts in the same way when it writes A1111's text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.infotext import keys
from modules.infotext.foreign import samplers
from modules.infotext.foreign.values import first, items, mapping, number
from modules.infotext.reading import Draft, Reading

NOISE = "Fooocus draws its noise on the CPU."
EMPHASIS = "Fooocus weighs words by another rule; compel's is nearest to it."
REASONS: Mapping[str, str] = {
    "sharpness": "Fooocus' sharpening while it draws is not restored.",
    "adm_guidance": "Fooocus' guidance by picture size is not restored.",
    "adaptive_cfg": "Guidance that imitates another scale is not restored.",
    "freeu": "FreeU is not restored.",
    "performance": "Known by the number of steps.",
    "refiner_model": "A second model that takes over (refiner) is not restored.",
    "refiner_switch": "",
    "styles": "Styles are already part of the prompt.",
    "vae": keys.FILES,
    "inpaint_method": keys.MASK,
    "inpaint_engine_version": keys.MASK,
}
STEPS = {"quality": 60, "speed": 30, "extreme speed": 8, "lightning": 4, "hyper-sd": 4}
"""Of Fooocus' performance settings, for files that name only those."""


def is_fooocus(data: Mapping[str, Any]) -> bool:
    plain = {_plain(key) for key in data}
    return bool({"metadata_scheme", "full_prompt"} & plain) or bool(
        {"base_model", "base_model_name"} & plain and {"performance", "sampler", "sharpness"} & plain
    )


def read(value: object, size: tuple[int, int] = (0, 0)) -> Reading:
    data = {_plain(key): given for key, given in mapping(value).items()}
    draft = Draft("Fooocus")
    for key, full, negative in (("prompt", "full_prompt", False), ("negative_prompt", "full_negative_prompt", True)):
        parts = [part for part in items(data.get(full)) if isinstance(part, str)]
        prompt = ", ".join(parts) if parts else data.get(key)
        if prompt:
            draft.prompt(full if parts else key, prompt, negative=negative, note="With the words of its styles." if parts and parts != [data.get(key)] else "")
        if isinstance(prompt, str) and "(" in prompt.replace("\\(", ""):
            draft.values["text.emphasis"] = "compel"
            draft.say(EMPHASIS)
    samplers.take(draft, "sampler", data.get("sampler"), "scheduler", data.get("scheduler"), unsaid="Karras")
    performance = str(data.get("performance", "")).casefold()
    if data.get("steps") is not None:
        draft.take("steps", "steps", data["steps"])
    elif performance in STEPS:
        draft.take("performance", "steps", STEPS[performance], "The number of steps of this setting.", said=data["performance"])
    draft.take("guidance_scale", "cfg_scale", first(data, "guidance_scale", "cfg", "cfg_scale"))
    draft.take("seed", "seed", data.get("seed"))
    _size(draft, data)
    draft.model("base_model", first(data, "base_model", "base_model_name"))
    if data.get("base_model_hash"):
        draft.model_hash("base_model_hash", data["base_model_hash"])
    skip = number(data.get("clip_skip"))
    if skip and skip > 1:
        draft.take("clip_skip", "text.clip_skip", data["clip_skip"], "2 is SDXL's own default.")
    for key, reason in REASONS.items():
        if data.get(key) not in ("None", "Default (model)", 0, False) and reason and not (key == "performance" and "steps" in data):
            draft.leave(key, data.get(key), reason)
    for lora in items(data.get("loras")):
        name, weight, digest = (*items(lora), "", "", "")[:3]
        draft.lora("loras", name, weight, digest=digest)
    draft.fact("Version", data.get("version"))
    draft.noise("CPU", NOISE)
    return draft.reading(size)


def _plain(key: object) -> str:
    """`Base Model` and `base_model` are the same."""
    return str(key).strip().casefold().replace(" ", "_")


def _size(draft: Draft, data: Mapping[str, Any]) -> None:
    """`resolution` is text such as "(1152, 896)"; it is read as two numbers, never run as code."""
    sides = re.findall(r"\d{1,6}", str(data.get("resolution", ""))[:60])
    if len(sides) == 2:
        draft.size("resolution", *sides)
    elif data.get("width") is not None and data.get("height") is not None:
        draft.size("width x height", data["width"], data["height"])
