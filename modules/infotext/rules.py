"""What A1111 writes under a key of its text, and when it leaves the key out, where the plain rule (a value that is not its default) does not hold.

Knows the request and nothing of the text's form. Rules: those of AUTOMATIC1111 1.10.1, as observed. Where its rule would hide something that changes a
second pass, the key is written all the same: a text must be enough to make its picture again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from modules.core.groups.faces import RestoredFaces
from modules.core.records.samplers import SamplerRecord
from modules.core.request import GenerationRequest, templates
from modules.infotext.runs import runs, second_pass

Rule = Callable[[GenerationRequest], object]
"""None leaves the key out."""

SOFT: Mapping[str, str] = {
    "Soft inpainting enabled": "enabled",
    "Soft inpainting schedule bias": "bias",
    "Soft inpainting preservation strength": "preservation",
    "Soft inpainting transition contrast boost": "contrast",
    "Soft inpainting mask influence": "influence",
    "Soft inpainting difference threshold": "threshold",
    "Soft inpainting difference contrast": "difference_contrast",
}
"""Keys of soft inpainting, in their order -> fields of `request.mask.soft`."""

OUTPAINT: Mapping[str, str] = {f"Outpaint {name}": name for name in ("left", "right", "up", "down", "fill", "continuity", "feather")}
"""Easel's own keys of a picture that grew -> fields of `request.outpaint`."""


def _records(request: GenerationRequest) -> list[SamplerRecord]:
    return [run.record for run in runs(request) if run.record]


def _bracketed(request: GenerationRequest, marks: str) -> bool:
    texts = [request.prompt, request.negative_prompt]
    texts += [request.hires.prompt, request.hires.negative_prompt] if second_pass(request) else []
    return any(mark in text for mark in marks for text in texts)


def _eta(key: str) -> Rule:
    def rule(request: GenerationRequest) -> object:
        eta = request.solver.eta
        acts = any(record.eta == key and eta != record.default_eta for record in _records(request))
        return float(eta) if eta is not None and acts else None

    return rule


def _ensd(request: GenerationRequest) -> object:
    etas = [record.default_eta if request.solver.eta is None or not record.eta else request.solver.eta for record in _records(request) if record.uses_ensd]
    return request.solver.ensd or None if any(etas) else None


def _emphasis(request: GenerationRequest) -> object:
    """compel reads unweighted text in its own way too, so it is always said; the other modes differ only where there are brackets."""
    mode = request.text.emphasis
    return mode if mode == "compel" or mode != "Original" and _bracketed(request, "([") else None


def _discarded(request: GenerationRequest) -> object:
    """Said only where it changes a sampler that would not do so of its own."""
    own = all(record.discard_penultimate for record in _records(request))
    return True if request.spacing.discard_penultimate and not (own and _records(request)) else None


def _sigma(name: str, unsaid: float) -> Rule:
    """Left out of pictures asked for through A1111's API with a value of the request's own, as there."""
    return lambda request: float(value) if request.solver.named and (value := getattr(request.solver, name)) != unsaid else None


def _beta(name: str) -> Rule:
    return lambda request: float(getattr(request.spacing, name)) if any(run.schedule == "Beta" for run in runs(request)) else None


def _varied(value: Callable[[GenerationRequest], Any]) -> Rule:
    return lambda request: value(request) if request.variation.strength else None


def _begun(value: Callable[[GenerationRequest], Any]) -> Rule:
    """Said only of pictures made from another one."""
    return lambda request: value(request) if request.init.image else None


def _masked(value: Callable[[GenerationRequest], Any]) -> Rule:
    """Said only of pictures drawn anew in part; 0, "" and False are left out."""
    return lambda request: (value(request) or None) if request.init.image and request.mask.image else None


def _soft(name: str) -> Rule:
    """All of them or none; whole numbers without a fraction."""

    def rule(request: GenerationRequest) -> object:
        if not (request.init.image and request.mask.image and request.mask.soft.enabled):
            return None
        value = getattr(request.mask.soft, name)
        return int(value) if isinstance(value, float) and value.is_integer() else value

    return rule


def _outpainted(name: str) -> Rule:
    """Said only of pictures that grew: the sides that did, and how."""
    always = ("fill", "continuity", "feather")
    return lambda request: value if request.outpaints and ((value := getattr(request.outpaint, name)) or name in always) else None


def _hires(value: Callable[[GenerationRequest], Any]) -> Rule:
    """Said only when there is a second pass."""
    return lambda request: (value(request) or None) if second_pass(request) else None


def _other(name: str) -> Callable[[GenerationRequest], object]:
    """A prompt of the second pass where it differs from the first one's."""
    return lambda request: getattr(request.hires, name) if getattr(request.hires, name) != getattr(request, name) else None


def _unlike(name: str) -> Callable[[GenerationRequest], object]:
    """The second pass's sampler or schedule, as it acts, where it differs from the first one's."""

    def value(request: GenerationRequest) -> object:
        first, second = (getattr(run, name) for run in runs(request))
        return second if second != first else None

    return value


def _strength(request: GenerationRequest) -> object:
    if request.outpaints:
        return float(request.outpaint.strength)
    if request.init.image:
        return float(request.init.strength)
    return float(request.hires.strength) if request.hires.enabled else None


def _extra_noise(request: GenerationRequest) -> object:
    return float(request.init.extra_noise) if request.init.extra_noise and (request.init.image or request.hires.enabled) else None


def _refined(value: Callable[[GenerationRequest], Any]) -> Rule:
    """Said only where another checkpoint takes over."""
    return lambda request: value(request) if request.refiner.checkpoint else None


def _refiner(request: GenerationRequest) -> str:
    digest = request.refiner.checkpoint_hash[:10]
    return f"{request.refiner.checkpoint} [{digest}]" if digest else request.refiner.checkpoint


def _recorded(request: GenerationRequest) -> object:
    """What extensions recorded, as JSON: lossless. The templates are said before it under the keys that readers of A1111's texts know."""
    return json.dumps(request.extensions, ensure_ascii=False) if request.extensions else None


def _template(name: str) -> Rule:
    return lambda request: templates(request).get(name) or None


def _size(width: int, height: int) -> str:
    return f"{width}x{height}"


def _codeformer_weight(request: GenerationRequest) -> object:
    """A1111 keeps it among its settings and never says it; what is not its default is said here, for without it the faces are others."""
    faces = request.faces
    return float(faces.weight) if faces.restore and faces.restorer != "GFPGAN" and faces.weight != RestoredFaces().weight else None


def _module(number: int) -> Rule:
    """Forge's keys: the file names of text encoders and VAE that were taken from the user's folders."""
    return lambda request: next(iter(list(request.companions)[number - 1 : number]), None)


RULES: Mapping[str, Rule] = {
    "Sampler": lambda request: runs(request)[0].sampler,
    "Schedule type": lambda request: runs(request)[0].schedule,
    "Face restoration": lambda request: request.faces.restorer if request.faces.restore else None,
    "CodeFormer weight": _codeformer_weight,
    "Size": lambda request: _size(request.width, request.height),
    "Model hash": lambda request: request.model_hash[:10] or None,
    "FP8 weight": lambda request: "Enable" if request.storage == "fp8" else None,
    "Weights kept in": lambda request: request.storage if request.storage not in ("full", "fp8") else None,
    "VAE hash": lambda request: request.vae_hash[:10] or None,
    "VAE": lambda request: request.vae if request.vae_hash else None,
    "Variation seed": _varied(lambda request: request.variation.seed),
    "Variation seed strength": _varied(lambda request: float(request.variation.strength)),
    "Seed resize from": lambda request: (
        _size(request.variation.width, request.variation.height) if min(request.variation.width, request.variation.height) > 0 else None
    ),
    "Denoising strength": _strength,
    "ENSD": _ensd,
    "RNG": lambda request: request.noise_source if request.noise_source != "GPU" else None,
    **{key: _soft(name) for key, name in SOFT.items()},
    "Mask mode": _masked(lambda request: request.mask.invert and "Inpaint not masked"),
    "Mask blur": _masked(lambda request: request.mask.blur_x == request.mask.blur_y and request.mask.blur_x),
    "Inpaint area": _masked(lambda request: request.mask.area == "Only masked" and "Only masked"),
    "Masked area padding": _masked(lambda request: str(request.mask.padding) if request.mask.area == "Only masked" else None),
    "Masked content": _masked(lambda request: request.mask.content != "original" and request.mask.content),
    **{key: _outpainted(name) for key, name in OUTPAINT.items()},
    "Hires sampler": _hires(_unlike("sampler")),
    "Hires prompt": _hires(_other("prompt")),
    "Hires negative prompt": _hires(_other("negative_prompt")),
    "Hires schedule type": _hires(_unlike("schedule")),
    "Hires upscale": _hires(lambda request: float(request.hires.scale) if not (request.hires.width or request.hires.height) else None),
    "Hires resize": _hires(lambda request: _size(request.hires.width, request.hires.height) if request.hires.width or request.hires.height else None),
    "Hires steps": _hires(lambda request: request.hires.steps),
    "Token merging ratio hr": _hires(lambda request: request.shortcuts.merging_hires),
    "Hires upscaler": _hires(lambda request: request.hires.upscaler),
    "Old prompt editing timelines": lambda request: True if request.text.old_editing and _bracketed(request, "[") else None,
    **{f"Module {number}": _module(number) for number in range(1, 5)},
    "TI hashes": lambda request: ", ".join(f"{name}: {sha256[:12]}" for name, sha256 in request.embeddings.items()) or None,
    "Lora hashes": lambda request: ", ".join(f"{name.replace(':', '').replace(',', '')}: {digest[:12]}" for name, digest in request.loras.items()) or None,
    "Emphasis": _emphasis,
    "Conditional mask weight": _begun(
        lambda request: float(request.init.mask_weight) if request.init.mask_weight != 1 else None
    ),  # the model's kind decides it
    "Image CFG scale": _begun(lambda request: None if request.init.image_cfg is None else float(request.init.image_cfg)),
    "Noise multiplier": _begun(lambda request: float(request.init.noise_multiplier) if request.init.noise_multiplier != 1 else None),
    "Discard penultimate sigma": _discarded,
    "Beta schedule alpha": _beta("beta_alpha"),
    "Beta schedule beta": _beta("beta_beta"),
    "Extra noise": _extra_noise,
    "Eta": _eta("Eta"),
    "Eta DDIM": _eta("Eta DDIM"),
    "Sigma churn": _sigma("churn", 0),
    "Sigma tmin": _sigma("tmin", 0),
    "Sigma tmax": _sigma("tmax", 0),
    "Sigma noise": _sigma("noise", 1),
    "Refiner switch by sampling steps": _refined(lambda request: request.refiner.by_steps or None),
    "Hires refiner": _refined(lambda request: request.refiner.passes if second_pass(request) and request.refiner.passes != "second pass" else None),
    "Refiner": _refined(_refiner),
    "Refiner switch at": _refined(lambda request: float(request.refiner.switch_at)),
    "Template": _template("prompt"),
    "Negative Template": _template("negative_prompt"),
    "Extensions": _recorded,
}
"""Keys in A1111's order."""
