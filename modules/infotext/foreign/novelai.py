"""NovelAI's metadata -> request: `Comment` JSON and its neighbours, as PNG chunks or hidden in the pixels.

Where A1111 has a conversion of its own (clip skip, ENSD, the default sampler) it is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import samplers, weights
from modules.infotext.foreign.values import first, items, mapping, text
from modules.infotext.reading import Draft, Reading

NOISE = "NovelAI draws its noise on NVIDIA cards, so the noise source is NV."
SERVICE = "NovelAI's models run on its own servers only; choose a checkpoint of the same kind."
IMPORT = "As A1111 imports NovelAI's pictures."
BRACES = "NovelAI's braces are now weights in A1111's form."
REASONS: Mapping[str, str] = {
    "strength": keys.INIT_ONLY,
    "noise": keys.INIT_ONLY,
    "image": keys.INIT,
    "mask": keys.MASK,
    "sm": "SMEA is not restored.",
    "sm_dyn": "SMEA is not restored.",
    "cfg_rescale": "Rescaled guidance is not restored.",
    "dynamic_thresholding": "Thresholds on guidance are not restored.",
    "uncond_scale": "A strength of the negative prompt is not restored.",
    "skip_cfg_above_sigma": "Guidance from a later step on is not restored.",
    "reference_strength_multiple": "Pictures that serve as prompts are not restored.",
    "reference_information_extracted_multiple": "Pictures that serve as prompts are not restored.",
    "controlnet_strength": keys.CONTROL,
}
USUAL = {"cfg_rescale": 0, "uncond_scale": 1, "controlnet_strength": 1, "noise": 0}
"""Values that change nothing."""


def read(chunks: Mapping[str, Any], size: tuple[int, int] = (0, 0)) -> Reading:
    """chunks: Title, Description, Software, Source, Comment, as far as there are."""
    draft = Draft("NovelAI")
    data = mapping(chunks.get("Comment"))
    v4 = mapping(mapping(data.get("v4_prompt")).get("caption"))
    v4_negative = mapping(mapping(data.get("v4_negative_prompt")).get("caption"))
    _prompt(
        draft, "prompt", first({"v4": v4.get("base_caption"), "comment": data.get("prompt"), "chunk": chunks.get("Description")}, "v4", "comment", "chunk"), v4
    )
    _prompt(
        draft,
        "uc",
        first({"v4": v4_negative.get("base_caption"), "uc": data.get("uc"), "long": data.get("negative_prompt")}, "v4", "uc", "long"),
        v4_negative,
        negative=True,
    )
    spacing = text(data.get("noise_schedule"))
    samplers.take(draft, "sampler", data.get("sampler") or "Euler a", "noise_schedule", spacing, unsaid="Uniform")
    draft.take("steps", "steps", data.get("steps"))
    draft.take("scale", "cfg_scale", data.get("scale"))
    draft.take("seed", "seed", data.get("seed"))
    if data.get("width") is not None and data.get("height") is not None:
        draft.size("width x height", data["width"], data["height"])
    draft.take("Clip skip", "text.clip_skip", 2, IMPORT)
    draft.take("ENSD", "solver.ensd", 31337, IMPORT)
    draft.leave("Source", chunks.get("Source"), SERVICE)
    dealt = _started(draft, data)
    for key, reason in REASONS.items():
        given = None if key in dealt else data.get(key)
        if given not in (False, 0) and given != USUAL.get(key):
            draft.leave(key, given, reason)
    draft.fact("Version", data.get("version"))
    draft.noise("NV", NOISE)
    return draft.reading(size)


def _started(draft: Draft, data: Mapping[str, Any]) -> set[str]:
    """Strength and noise are always written, so only the kind of request tells whether they acted. -> the keys that were dealt with."""
    kind = text(data.get("request_type"))
    if "Infilling" in kind or data.get("mask"):
        passes.begun(draft, "inpaintImg2ImgStrength", data.get("inpaintImg2ImgStrength"), masked=True)
        return {"inpaintImg2ImgStrength"}
    if "Img2Img" not in kind and not data.get("image"):
        return set()
    passes.begun(draft, "strength", data.get("strength"))
    draft.take("noise", "init.extra_noise", data.get("noise"), "NovelAI adds it in a way of its own.")
    return {"strength", "noise"}


def _prompt(draft: Draft, key: str, prompt: object, caption: Mapping[str, Any], *, negative: bool = False) -> None:
    """caption: of version 4, where each character has a prompt of its own; they are put behind the common one."""
    characters = [text(mapping(one).get("char_caption")) for one in items(caption.get("char_captions"))]
    whole = ", ".join(part for part in (text(prompt), *characters[:20]) if part)
    if not whole and negative:
        return
    written = weights.novelai(whole)
    note = "The characters' prompts are put behind the common one." if any(characters) else BRACES if written != whole else ""
    draft.prompt(key, written, negative=negative, note=note)
