"""Keys of A1111's text and of its dialects: other spellings of ours, and why the remaining ones cannot be restored. A table, no logic."""

from __future__ import annotations

import re

ALIASES = {
    "scheduler": "Schedule type",
    "schedule": "Schedule type",
    "clip-skip": "Clip skip",
    "variation strength": "Variation seed strength",
    "eta noise seed delta": "ENSD",
    "sampler eta delta": "ENSD",
    "negative guidance minimum sigma": "NGMS",
    "guidance scale": "CFG scale",
    "cfg": "CFG scale",
}
"""Casefolded spellings of A1111's keys."""

SILENT = {"version", "app", "user", "created date", "batch", "index", "parser", "pipeline", "operations", "exact prompt", "exact negative prompt"}
"""Keys that make no picture: they go to the facts."""

HIRES = "Hires fix (a second pass at a larger size) is not restored."
LORA = "LoRA files are not applied; a <lora:...> stays in the prompt."
MASK = "Inpainting is not restored: neither the picture nor the mask is in the file."
INIT = "The picture was made from another picture, which is not in the file."
INIT_ONLY = "Acts only where a picture is made from another one."
FILES = "Easel takes no file but the checkpoint from a picture."
SCRIPT = "Scripts are never taken from a picture."
CONTROL = "ControlNet is not restored: its guiding picture is not in the file."

REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"hires (distilled cfg|cfg|module)|hires|first pass|second pass|high-res", HIRES),
        (r"lora|lyco|add ?net", LORA),
        (r"mask|inpaint|soft inpainting|conditional mask", MASK),
        (r"init image|image cfg|denois|extra noise|noise multiplier|resize|outpaint|final denois", INIT),
        (r"vae|te$|unet$|module|text encoder|clip model", FILES),
        (
            r"script|[xyz] (type|values)|fixed [xyz]|sd upscale|decode|randomness|sigma adjustment|prompt matrix|loopback|wildcard|template|dynamic prompt",
            SCRIPT,
        ),
        (r"controlnet|control ", CONTROL),
        (r"adetailer|detailer|face restoration|codeformer|gfpgan", "Repairing faces is not restored."),
        (r"refine", "A second model that takes over (refiner) is not restored."),
        (r"token merging|tome|hypertile", "Token merging saves time and changes the picture a little; it is not restored."),
        (r"fp8|cache fp16|diffusion in low bits|precision", "Reduced precision is not restored."),
        (r"distilled cfg|guidance", "Guidance of distilled models (Flux) is not restored."),
        (r"unipc", "UniPC runs with A1111's defaults."),
        (r"pad conds v0", "The older way of matching prompts of unequal length is not restored."),
        (r"hypernet", "Hypernetworks are not applied."),
        (r"ti$|embeddings$", "The prompt names them."),
        (r"styles|raw prompt|raw negative", "Styles are already part of the prompt."),
        (r"upscal|postprocess", "Later enlargement is not restored."),
    )
)
UNKNOWN = "Easel has no such parameter."


def reason(key: str) -> str:
    """Why a key of the text does not reach the request."""
    return next((text for pattern, text in REASONS if pattern.match(key)), UNKNOWN)
