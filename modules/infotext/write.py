"""A request as A1111's parameter text, with its keys in its order. Knows no file format.

The keys come from the request's own declaration (`Param.text`); this module adds A1111's order, and its rules for keys that it leaves out.
A1111's order is partly the order in which its program reaches things; the second list below follows that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from modules.core.params import Field, value_of, walk
from modules.core.records.samplers import SAMPLERS, SamplerRecord
from modules.core.request import GenerationRequest
from modules.infotext.grammar import EXACT_NEGATIVE, EXACT_PROMPT, NEGATIVE, quote, split

FIRST = (
    "Steps", "Sampler", "Schedule type", "CFG scale", "Image CFG scale", "Seed", "Face restoration", "Size", "Model hash", "Model", "FP8 weight",
    "Cache FP16 weight for LoRA", "VAE hash", "VAE", "Variation seed", "Variation seed strength", "Seed resize from", "Denoising strength",
    "Conditional mask weight", "Clip skip", "ENSD", "Token merging ratio", "Token merging ratio hr", "Init image hash", "RNG", "Tiling",
)  # fmt: skip
SOFT = (
    "Soft inpainting enabled", "Soft inpainting schedule bias", "Soft inpainting preservation strength", "Soft inpainting transition contrast boost",
    "Soft inpainting mask influence", "Soft inpainting difference threshold", "Soft inpainting difference contrast",
)  # fmt: skip
THEN = (
    *SOFT, "Mask mode", "Mask blur", "Inpaint area", "Masked area padding", "Masked content", "Hires sampler", "Hires prompt", "Hires negative prompt",
    "Hires schedule type", "Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Old prompt editing timelines", "TI hashes", "Emphasis", "Downcast alphas_cumprod", "Noise Schedule", "Noise multiplier", "Discard penultimate sigma", "Schedule min sigma",
    "Schedule max sigma", "Schedule rho", "Beta schedule alpha", "Beta schedule beta", "SGM noise multiplier", "Extra noise", "Eta", "Eta DDIM", "Sigma churn", "Sigma tmin",
    "Sigma tmax", "Sigma noise", "Skip Early CFG", "NGMS", "NGMS all steps", "Pad conds",
)  # fmt: skip
ALWAYS = ("Steps", "CFG scale", "Seed")


def infotext(request: GenerationRequest, *, version: str, extra: Mapping[str, object] | None = None, checkpoint: str = "") -> str:
    """The text of one picture. request: resolved and single, its prompts as A1111 shows them (styles merged, comments gone).

    extra: further keys in their order; a key that is there already keeps its place and takes the new value; None leaves it out.
    checkpoint: file stem of the model; the request's own name when empty.
    version: what `Version` says; it should begin with "Easel", or a reader takes it for a version of A1111.
    """
    keys: dict[str, object] = dict.fromkeys(FIRST)
    keys |= dict.fromkeys(THEN)
    for field in walk(GenerationRequest):
        if field.param.text:
            keys[field.param.text] = _value(request, field)
    record = SAMPLERS.find(request.sampler)
    for key, rule in RULES.items():
        keys[key] = rule(request, record)
    keys["Model"] = checkpoint or request.model or None
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
    if isinstance(value, int) and field.type is float:
        value = float(value)
    return value if field.param.text in ALWAYS or value != field.default else None


def _bracketed(request: GenerationRequest, marks: str) -> bool:
    return any(mark in text for mark in marks for text in (request.prompt, request.negative_prompt))


def _schedule(request: GenerationRequest, record: SamplerRecord | None) -> str:
    return record.schedule if record and request.schedule == "Automatic" else request.schedule


def _eta(key: str) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    def rule(request: GenerationRequest, record: SamplerRecord | None) -> object:
        eta = request.solver.eta
        return float(eta) if record and eta is not None and record.eta == key and eta != record.default_eta else None

    return rule


def _ensd(request: GenerationRequest, record: SamplerRecord | None) -> object:
    if not record or not record.uses_ensd or not request.solver.ensd:
        return None
    eta = record.default_eta if request.solver.eta is None else request.solver.eta
    return request.solver.ensd if eta != 0 else None


def _emphasis(request: GenerationRequest, record: SamplerRecord | None) -> object:
    """compel reads unweighted text in its own way too, so it is always said; the other modes differ only where there are brackets."""
    mode = request.text.emphasis
    return mode if mode == "compel" or mode != "Original" and _bracketed(request, "([") else None


def _beta(name: str) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    return lambda request, record: float(getattr(request.spacing, name)) if _schedule(request, record) == "Beta" else None


def _varied(value: Callable[[GenerationRequest], Any]) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    return lambda request, record: value(request) if request.variation.strength else None


def _begun(value: Callable[[GenerationRequest], Any]) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    """Said only of pictures made from another one."""
    return lambda request, record: value(request) if request.init.image else None


def _masked(value: Callable[[GenerationRequest], Any]) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    return lambda request, record: (value(request) or None) if request.init.image and request.mask.image else None


def _soft(name: str) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    def rule(request: GenerationRequest, record: SamplerRecord | None) -> object:
        if not (request.init.image and request.mask.image and request.mask.soft.enabled):
            return None
        value = getattr(request.mask.soft, name)
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return rule


def _hires(value: Callable[[GenerationRequest], Any]) -> Callable[[GenerationRequest, SamplerRecord | None], object]:
    """Said only when there is a second pass; what repeats the first one is left out."""
    return lambda request, record: (value(request) or None) if request.hires.enabled and not request.init.image else None


def _other(name: str) -> Callable[[GenerationRequest], object]:
    """A value of the second pass where it differs from the first one's."""
    return lambda request: getattr(request.hires, name) if getattr(request.hires, name) != getattr(request, name) else None


def _strength(request: GenerationRequest, record: SamplerRecord | None) -> object:
    if request.init.image:
        return float(request.init.strength)
    return float(request.hires.strength) if request.hires.enabled else None


RULES: Mapping[str, Callable[[GenerationRequest, SamplerRecord | None], object]] = {
    "Sampler": lambda request, record: record.name if record else request.sampler,
    "Schedule type": _schedule,
    "Size": lambda request, record: f"{request.width}x{request.height}",
    "Model hash": lambda request, record: request.model_hash[:10] or None,
    "Variation seed": _varied(lambda request: request.variation.seed),
    "Variation seed strength": _varied(lambda request: float(request.variation.strength)),
    "Seed resize from": lambda request, record: (
        f"{request.variation.width}x{request.variation.height}" if min(request.variation.width, request.variation.height) > 0 else None
    ),
    "ENSD": _ensd,
    "RNG": lambda request, record: request.noise_source if request.noise_source != "GPU" else None,
    "Old prompt editing timelines": lambda request, record: True if request.text.old_editing and _bracketed(request, "[") else None,
    "TI hashes": lambda request, record: ", ".join(f"{name}: {sha256[:12]}" for name, sha256 in request.embeddings.items()) or None,
    "Emphasis": _emphasis,
    "Discard penultimate sigma": lambda request, record: True if request.spacing.discard_penultimate and not (record and record.discard_penultimate) else None,
    "Beta schedule alpha": _beta("beta_alpha"),
    "Beta schedule beta": _beta("beta_beta"),
    "Denoising strength": _strength,
    "Noise multiplier": _begun(lambda request: float(request.init.noise_multiplier) if request.init.noise_multiplier != 1 else None),
    "Extra noise": lambda request, record: float(request.init.extra_noise) if request.init.extra_noise and (request.init.image or request.hires.enabled) else None,
    "Mask mode": _masked(lambda request: request.mask.invert and "Inpaint not masked"),
    "Mask blur": _masked(lambda request: request.mask.blur_x == request.mask.blur_y and request.mask.blur_x),
    "Inpaint area": _masked(lambda request: request.mask.area == "Only masked" and "Only masked"),
    "Masked area padding": _masked(lambda request: str(request.mask.padding) if request.mask.area == "Only masked" else None),
    "Masked content": _masked(lambda request: request.mask.content != "original" and request.mask.content),
    **dict(zip(SOFT, map(_soft, ("enabled", "bias", "preservation", "contrast", "influence", "threshold", "difference_contrast")), strict=True)),
    "Hires sampler": _hires(_other("sampler")),
    "Hires prompt": _hires(_other("prompt")),
    "Hires negative prompt": _hires(_other("negative_prompt")),
    "Hires schedule type": _hires(_other("schedule")),
    "Hires upscale": _hires(lambda request: float(request.hires.scale) if not (request.hires.width or request.hires.height) else None),
    "Hires resize": _hires(lambda request: f"{request.hires.width}x{request.hires.height}" if request.hires.width or request.hires.height else None),
    "Hires steps": _hires(lambda request: request.hires.steps),
    "Hires upscaler": _hires(lambda request: request.hires.upscaler),
    "Eta": _eta("Eta"),
    "Eta DDIM": _eta("Eta DDIM"),
}
"""Keys with a rule of their own; None leaves the key out."""
