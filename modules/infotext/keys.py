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
    "guidance": "Distilled CFG Scale",
}
"""Casefolded spellings of A1111's keys."""

SILENT = {"version", "app", "user", "created date", "batch", "index", "parser", "pipeline", "operations", "exact prompt", "exact negative prompt"}
"""Keys that make no picture: they go to the facts."""

BEGUN = (
    "This picture was made from another picture (img2img), which is not in the file. The values that acted on it are restored;"
    " to repeat the picture, give the start picture again. Without it Easel starts from noise."
)
PAINTED = (
    "This picture was made from another picture and a mask (inpainting), and neither is in the file. The values that acted on them are restored;"
    " to repeat the picture, give both again. Without them Easel starts from noise."
)
GROWN = (
    "This picture was made from another one that grew at its sides (outpainting), which is not in the file. The values that acted on it are restored;"
    " to repeat the picture, give the start picture again. Without it Easel starts from noise."
)
INIT = "This acted on the start picture, which is not in the file."
INIT_ONLY = "Acts only where a picture is made from another one."
MASK = "This acted on the masked part; neither the start picture nor its mask is in the file."
MASK_ONLY = "Acts only where a part of a picture is drawn anew."
HIRES = "Easel's second pass (hires fix) has no such value."
NEAR = "Easel's second pass (hires fix) is near this one, not the same."
GUIDED = "Easel's second pass has the guidance of the first."
SEEDED = "Easel's second pass has the seed of the first."
SECOND_MODEL = "Easel's second pass draws with the checkpoint of the first."
LATER = "Easel's second pass (hires fix) could not repeat this one."
UNTOLD = "A second pass at a larger size, of which the file says no more."
FIRST_SIZE = "The first pass's size is not in the file; it follows from the final one."
OWN_SIZE = "Taken from the picture itself."
SHARE = "That share of them was run."
ALONE = "Easel runs no second pass on a picture made from another one."
REFINER = "A second model that takes over (refiner) is not restored."
ENLARGED = "Later enlargement is not restored."
FACES = "Faces are restored by CodeFormer or GFPGAN."
FACE_WEIGHT = "CodeFormer's weight is not in the file; this is A1111's usual one, 0.5."
LORA = "A LoRA acts by <lora:name:weight> in the prompt; this one is not there."
NAMED = "It stands in the prompt now."
FILES = "Easel takes no file but the checkpoint from a picture."
MODULE = "No file of this name is here, or the checkpoint holds its own: what fits it is taken."
SCRIPT = "A script comes back only from Easel's own record, never from a text."
CONTROL = "ControlNet is not restored: its guiding picture is not in the file."

REASONS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"hires (distilled )?cfg", GUIDED),
        (r"hires checkpoint", SECOND_MODEL),
        (r"hires module", FILES),
        (r"hires refiner|refine", REFINER),
        (r"hires|first pass|second pass|high-res", HIRES),
        (r"lora|lyco|add ?net", LORA),
        (r"script|[xyz] (type|values)|fixed [xyz]|sd upscale|final denois|denoising curve|prompt matrix|loopback|outpaint", SCRIPT),
        (r"decode|randomness|sigma adjustment|wildcard|template|dynamic prompt", SCRIPT),
        (r"mask|inpaint|soft inpainting|conditional mask", MASK),
        (r"init image|image cfg|denois|extra noise|noise multiplier|resize", INIT),
        (r"vae|te$|unet$|module|text encoder|clip model", FILES),
        (r"controlnet|control ", CONTROL),
        (r"adetailer|detailer|codeformer|gfpgan", "Repairing faces is not restored."),
        (r"tome|hypertile", "It saves time and changes the picture a little; it is not restored."),
        (r"fp8|cache fp16|diffusion in low bits|precision", "Reduced precision is not restored."),
        (r"unipc", "UniPC runs with A1111's defaults."),
        (r"pad conds v0", "The older way of matching prompts of unequal length is not restored."),
        (r"hypernet", "Hypernetworks are not applied."),
        (r"ti$|embeddings$", "The prompt names them."),
        (r"styles|raw prompt|raw negative", "Styles are already part of the prompt."),
        (r"upscal|postprocess", ENLARGED),
    )
)
UNKNOWN = "Easel has no such parameter."


def reason(key: str) -> str:
    """Why a key of the text does not reach the request."""
    return next((text for pattern, text in REASONS if pattern.match(key)), UNKNOWN)
