"""A request as A1111's parameter text, with its keys in its order. Knows no file format.

The keys come from the request's own declaration (`Param.text`); this module adds A1111's order, and `rules` when it leaves a key out.
A1111's order is partly the order in which its program reaches things; the second list below follows that.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from modules.core import levels
from modules.core.levels import Levels
from modules.core.params import Field, value_of, walk
from modules.core.request import GenerationRequest
from modules.infotext import control
from modules.infotext.grammar import EXACT_NEGATIVE, EXACT_PROMPT, NEGATIVE, quote, split
from modules.infotext.rules import OUTPAINT, RULES, SOFT
from modules.infotext.runs import second_pass

FIRST = (
    "Steps", "Sampler", "Schedule type", "CFG scale", "Distilled CFG Scale", "Image CFG scale", "Seed", "Face restoration", "Size", "Model hash", "Model", "FP8 weight",
    "Cache FP16 weight for LoRA", "VAE hash", "VAE", "Variation seed", "Variation seed strength", "Seed resize from", "Denoising strength",
    "Conditional mask weight", "Clip skip", "ENSD", "Token merging ratio", "Token merging ratio hr", "Init image hash", "RNG", "Tiling",
)  # fmt: skip
SCRIPTS = (
    "SD upscale overlap", "SD upscale upscaler", "Final denoising strength", "Denoising curve", "Decode prompt", "Decode negative prompt", "Decode CFG scale",
    "Decode steps", "Randomness", "Sigma Adjustment",
)  # fmt: skip
"""Scripts write these before the picture is begun, so they stand ahead of all that drawing it adds. They come through `extra`."""
THEN = (
    *SCRIPTS, *SOFT, "Mask mode", "Mask blur", "Inpaint area", "Masked area padding", "Masked content", *OUTPAINT, "Hires sampler", "Hires prompt",
    "Hires negative prompt", "Hires schedule type", "Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Old prompt editing timelines",
    "Lora hashes", "TI hashes", *control.KEYS, "Emphasis", "Downcast alphas_cumprod", "Noise Schedule", "Noise multiplier", "Discard penultimate sigma", "Schedule min sigma",
    "Schedule max sigma", "Schedule rho", "Schedule sigmas", "Schedule shift", "Beta schedule alpha", "Beta schedule beta", "SGM noise multiplier", "VAE upcast", "Extra noise", "Eta", "Eta DDIM", "Sigma churn",
    "Sigma tmin", "Sigma tmax", "Sigma noise", "Skip Early CFG", "NGMS", "NGMS all steps", "CFG interval start", "CFG interval end", "DeepCache interval", "First block cache", "Pad conds", "Refiner switch by sampling steps", "Hires refiner",
    "Refiner", "Refiner switch at", "CodeFormer weight", "SDXL crop top", "SDXL crop left", "Aesthetic score", "Negative aesthetic score", "Template", "Negative Template", "Extensions", "Module 1", "Module 2", "Module 3", "Module 4",
)  # fmt: skip
ALWAYS = ("Steps", "CFG scale", "Seed")


def infotext(request: GenerationRequest, *, version: str, extra: Mapping[str, object] | None = None, checkpoint: str = "") -> str:
    """The text of one picture. request: resolved and single, its prompts (those of a second pass, too) as A1111 shows them: styles merged, comments gone.

    extra: further keys in their order; a key that is there already, or that A1111 has a place for, keeps that place; None leaves it out.
    checkpoint: file stem of the model; the request's own name when empty.
    version: what `Version` says; it should begin with "Easel", or a reader takes it for a version of A1111.
    """
    keys: dict[str, object] = dict.fromkeys((*FIRST, *THEN))
    if second_pass(request):  # whose noise comes after the whole first pass
        del keys["Extra noise"]
    for field in walk(GenerationRequest):
        if field.param.text:
            keys[field.param.text] = _value(request, field)
    keys |= {key: rule(request) for key, rule in RULES.items()}
    keys["Model"] = checkpoint or request.model or None
    keys |= control.written(request.control)
    keys |= extra or {}
    keys |= _exact(request)
    keys["Version"] = version or None
    line = ", ".join(key if key == str(value) else f"{key}: {_shown(key, value)}" for key, value in keys.items() if value is not None)
    return f"{_prompts(request)}\n{line}".strip()


def _prompts(request: GenerationRequest) -> str:
    return request.prompt + (f"\n{NEGATIVE} {request.negative_prompt}" if request.negative_prompt else "")


def _exact(request: GenerationRequest) -> dict[str, object]:
    """The two extra keys, only where A1111's form would give back another prompt."""
    seen = split(f"{_prompts(request)}\nSteps: 1, Seed: 1, Size: 1x1")[:2]
    return {} if seen == (request.prompt, request.negative_prompt) else {EXACT_PROMPT: request.prompt, EXACT_NEGATIVE: request.negative_prompt}


def _shown(key: str, value: object) -> str:
    """The exact prompts are always quoted: spaces at their ends count."""
    return json.dumps(value, ensure_ascii=False) if key in (EXACT_PROMPT, EXACT_NEGATIVE) else quote(value)


def _value(request: GenerationRequest, field: Field) -> object:
    """The plain rule: a value that is not its default, or always for a few."""
    value = value_of(request, field)
    if field.type == Levels:
        return levels.written(value) or None
    if isinstance(value, int) and field.type is float:
        value = float(value)
    return value if field.param.text in ALWAYS or value != field.default else None
