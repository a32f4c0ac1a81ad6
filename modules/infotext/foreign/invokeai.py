"""InvokeAI's metadata of all its generations -> request: `Dream` (1), `sd-metadata` (2), `invokeai_metadata` (3 and later).

Its prompts are written for compel, so they are read with emphasis "compel" where they hold weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import invokepass, samplers, weights
from modules.infotext.foreign.values import first, items, mapping, number, text
from modules.infotext.names import shown
from modules.infotext.reading import Draft, Reading

NOISE_CPU = "InvokeAI draws its noise on the CPU unless told otherwise."
NOISE_CARD = (
    "This version of InvokeAI drew its noise on the graphics card, most likely NVIDIA's, so the noise source is NV."
    " If the picture comes out another one, try CPU."
)
SYNTAX = "Written for compel; its weights are now in A1111's form."
HANDLED = {
    "app_version", "generation_mode", "model", "positive_prompt", "negative_prompt", "width", "height", "seed", "rand_device", "cfg_scale", "steps",
    "scheduler", "guidance", "clip_skip", "seamless_x", "seamless_y", "loras",
}  # fmt: skip
REASONS = {
    "controlnets": keys.CONTROL,
    "t2iAdapters": keys.CONTROL,
    "ipAdapters": "A picture that serves as a prompt is not restored.",
    "vae": keys.FILES,
    "strength": keys.INIT_ONLY,
    "init_image": keys.INIT,
    "hrf_enabled": keys.UNTOLD,
    "cfg_rescale_multiplier": "Rescaled guidance is not restored.",
    "positive_style_prompt": "A second prompt for SDXL's second text encoder is not restored.",
    "negative_style_prompt": "A second prompt for SDXL's second text encoder is not restored.",
}
REASONS_2 = {
    "init_image_path": keys.INIT,
    "strength": keys.INIT_ONLY,
    "mask_image_path": keys.MASK,
    "postprocessing": keys.ENLARGED,
    "variations": keys.UNKNOWN,
    "threshold": keys.UNKNOWN,
    "perlin": keys.UNKNOWN,
    "hires_fix": keys.UNTOLD,
}
"""Of version 2."""
_PROMPT_END = re.compile(r'"(?=\s+--?[A-Za-z]|\s*\Z)')
_FLAG = re.compile(r"(?:^|\s)--?([A-Za-z_]+)(?:[ =]*(\"[^\"]*\"|[^\s-]\S*|-[\d.]\S*))?")
_FLAGS = {"s": "steps", "S": "seed", "C": "cfg_scale"}
_LONG = ("seamless", "hires_fix")
_SWITCHES = {
    "U": "Later enlargement is not restored.",
    "G": "Repairing faces is not restored.",
    "I": keys.INIT,
    "f": keys.INIT_ONLY,
    "M": keys.MASK,
    "hires_fix": keys.UNTOLD,
}


def read_metadata(value: object, size: tuple[int, int] = (0, 0)) -> Reading:
    """`invokeai_metadata`, a JSON object or its text."""
    data = mapping(value)
    draft = Draft("InvokeAI")
    _prompt(draft, "positive_prompt", data.get("positive_prompt"))
    _prompt(draft, "negative_prompt", data.get("negative_prompt"), negative=True)
    _scheduler(draft, "scheduler", data.get("scheduler"))
    draft.take("steps", "steps", data.get("steps"))
    scale = data.get("cfg_scale")
    draft.take(
        "cfg_scale",
        "cfg_scale",
        items(scale)[0] if items(scale) else scale,
        "Guidance changed from step to step; the first value is used." if items(scale) else "",
    )
    draft.take("guidance", "guidance.distilled", data.get("guidance"))
    draft.take("seed", "seed", data.get("seed"))
    dealt = invokepass.read(draft, data)
    _model(draft, mapping(data.get("model")))
    skip = number(data.get("clip_skip"))
    if skip:
        draft.take("clip_skip", "text.clip_skip", int(skip) + 1, said=skip)
    _seamless(draft, data)
    if data.get("rand_device") in ("cuda", "cpu"):
        draft.take("rand_device", "noise_source", "NV" if data["rand_device"] == "cuda" else "CPU", said=data["rand_device"])
    else:
        draft.noise("CPU", NOISE_CPU)
    draft.fact("Version", data.get("app_version"))
    for lora in items(data.get("loras")):
        model = mapping(mapping(lora).get("model", mapping(lora).get("lora")))
        draft.lora("loras", first(model, "name", "model_name"), mapping(lora).get("weight", 1))
    draft.fact("generation_mode", data.get("generation_mode"))
    for key, entry in data.items():
        if key not in HANDLED and key not in dealt and entry not in (0, False):
            draft.leave(str(key), entry, REASONS.get(str(key), keys.HIRES if str(key).startswith("hrf") else keys.reason(str(key))))
    return draft.reading(size)


def read_sd_metadata(value: object, size: tuple[int, int] = (0, 0)) -> Reading:
    """`sd-metadata` of version 2."""
    data = mapping(value)
    image = mapping(data.get("image"))
    draft = Draft("InvokeAI")
    prompt = image.get("prompt")
    if not isinstance(prompt, str):
        prompt = ", ".join(text(mapping(part).get("prompt")) for part in items(prompt))
    _split_prompt(draft, prompt)
    _scheduler(draft, "sampler", image.get("sampler"))
    for key in ("steps", "cfg_scale", "seed"):
        draft.take(key, key, image.get(key))
    if image.get("width") is not None and image.get("height") is not None:
        draft.size("width x height", image["width"], image["height"])
    draft.model("model_weights", data.get("model_weights"))
    if data.get("model_hash"):
        draft.model_hash("model_hash", data["model_hash"])
    if image.get("seamless"):
        draft.take("seamless", "tiling", True)
    begun = image.get("type") == "img2img" or bool(image.get("init_image_path"))
    if begun:
        passes.begun(draft, "strength", image.get("strength"), masked=bool(image.get("mask_image_path")))
    for key, reason in REASONS_2.items():
        if image.get(key) not in (0, False) and not (begun and key == "strength"):
            draft.leave(key, image.get(key), reason)
    draft.fact("Version", data.get("app_version"))
    draft.noise("NV", NOISE_CARD)
    return draft.reading(size)


def read_dream(line: str, size: tuple[int, int] = (0, 0)) -> Reading:
    """`Dream` of version 1: `"prompt [negative]" -s 50 -S 1 -W 512 -H 512 -C 7.5 -A k_lms`."""
    draft = Draft("InvokeAI")
    line = line.strip()
    end = _PROMPT_END.search(line, 1) if line.startswith('"') else None
    prompt, rest = (line[1 : end.start()], line[end.end() :]) if end else (line.partition(" -")[0], " -" + line.partition(" -")[2])
    _split_prompt(draft, prompt)
    flags = {}
    for name, said in _FLAG.findall(rest)[:100]:
        name, said = (name, said) if len(name) == 1 or name in _LONG else (name[0], name[1:] + said)
        flags[name] = said.strip('"')
    if "I" in flags:
        passes.begun(draft, "-f", flags.get("f") or None, masked="M" in flags)
    for name, said in flags.items():
        if name == "f" and "I" in flags:
            continue
        if name in _FLAGS:
            draft.take(f"-{name}", _FLAGS[name], said)
        elif name == "seamless":
            draft.take("--seamless", "tiling", True)
        elif name not in "WHAn":
            draft.leave(f"-{name}", said or name, _SWITCHES.get(name, keys.UNKNOWN))
    if "W" in flags and "H" in flags:
        draft.size("-W -H", flags["W"], flags["H"])
    _scheduler(draft, "-A", flags.get("A"))
    draft.noise("NV", NOISE_CARD)
    return draft.reading(size)


def _split_prompt(draft: Draft, prompt: str) -> None:
    """Versions 1 and 2 keep the negative prompt in square brackets inside the prompt."""
    negatives = re.findall(r"(?<!\\)\[([^\[\]]*)\]", prompt)
    _prompt(draft, "prompt", re.sub(r"(?<!\\)\[[^\[\]]*\]", "", prompt).strip())
    if negatives:
        _prompt(draft, "negative prompt", ", ".join(part.strip() for part in negatives), negative=True)


def _prompt(draft: Draft, key: str, prompt: object, *, negative: bool = False) -> None:
    if not isinstance(prompt, str):
        return
    written, near = weights.compel(prompt)
    changed = written != prompt
    draft.prompt(key, written, negative=negative, note=near or (SYNTAX if changed else ""))
    if changed:
        draft.values["text.emphasis"] = "compel"


def _scheduler(draft: Draft, key: str, name: object) -> None:
    """`_k` at the end means Karras; without it the spacing is the model's own."""
    if isinstance(name, str) and name.endswith("_k"):
        samplers.take(draft, key, name.removesuffix("_k"), key, "karras")
    else:
        samplers.take(draft, key, name, unsaid="Uniform")


def _model(draft: Draft, model: Mapping[str, Any]) -> None:
    draft.model("model", first(model, "name", "model_name"))
    digest = text(model.get("hash"))
    kind, _, value = digest.rpartition(":")
    if value and kind in ("", "sha256"):
        draft.model_hash("model hash", value)
    else:
        draft.leave("model hash", digest, "Easel knows models by their sha256, not by this kind of hash.")


def _seamless(draft: Draft, data: Mapping[str, Any]) -> None:
    across, down = bool(data.get("seamless_x")), bool(data.get("seamless_y"))
    if across and down:
        draft.take("seamless_x, seamless_y", "tiling", True)
    elif across or down:
        draft.leave("seamless_x" if across else "seamless_y", shown(True), "Easel tiles in both directions or in none.")
