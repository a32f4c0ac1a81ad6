"""Requests as A1111's text: the whole line for chosen ones, each key's own rule, and the way there and back for any."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings

from modules.core.params import value_of, walk, with_values
from modules.core.records.samplers import SAMPLERS, resolved_schedule
from modules.core.request import GenerationRequest, Guidance, Solver, Spacing, Text, Variation
from modules.infotext.read import read_text
from modules.infotext.write import infotext
from tests.infotext.conftest import requests

BASE = GenerationRequest(prompt="a cat", seed=7, steps=12, sampler="Euler", model="m", model_hash="0123456789abcdef", noise_source="GPU")


def line(**values: Any) -> str:
    request = with_values(BASE, {name.replace("__", "."): value for name, value in values.items()})
    return infotext(request, version="v", checkpoint="m").split("\n")[-1]


def test_plain() -> None:
    assert infotext(dataclasses.replace(BASE, negative_prompt="dog"), version="Easel 1", checkpoint="stem") == (
        "a cat\nNegative prompt: dog\n"
        "Steps: 12, Sampler: Euler, Schedule type: Automatic, CFG scale: 7.0, Seed: 7, Size: 512x512, Model hash: 0123456789, Model: stem, Version: Easel 1"
    )


def test_everything_in_order() -> None:
    request = GenerationRequest(
        prompt="(a) [b:c:3]", sampler="Euler a", schedule="Beta", steps=5, seed=1, width=64, height=72, cfg_scale=3.5, model="m", model_hash="ab" * 32, tiling=True,
        noise_source="NV", embeddings={"e": "cd" * 32}, variation=Variation(seed=2, strength=0.25, width=128, height=256),
        text=Text(emphasis="No norm", clip_skip=2, old_editing=True), solver=Solver(eta=0.5, churn=1, tmin=2, tmax=3, noise=1.5, ensd=31337),
        spacing=Spacing(sigma_min=0.1, sigma_max=9, rho=5, discard_penultimate=True, sgm_noise=True, noise_schedule="Zero Terminal SNR", downcast_alphas=True),
        guidance=Guidance(min_sigma=2, min_sigma_all=True, skip_early=0.25, pad_conds=True),
    )  # fmt: skip
    assert infotext(request, version="v1.10.1", extra={"User": "u", "Denoising strength": 0.5, "Gone": None}).split("\n")[1] == (
        "Steps: 5, Sampler: Euler a, Schedule type: Beta, CFG scale: 3.5, Seed: 1, Size: 64x72, Model hash: ababababab, Model: m, Variation seed: 2, "
        "Variation seed strength: 0.25, Seed resize from: 128x256, Denoising strength: 0.5, Clip skip: 2, ENSD: 31337, RNG: NV, Tiling: True, "
        'Old prompt editing timelines: True, TI hashes: "e: cdcdcdcdcdcd", Emphasis: No norm, Downcast alphas_cumprod: True, Noise Schedule: Zero Terminal SNR, '
        "Discard penultimate sigma: True, Schedule min sigma: 0.1, Schedule max sigma: 9.0, Schedule rho: 5.0, Beta schedule alpha: 0.6, Beta schedule beta: 0.6, "
        "SGM noise multiplier: True, Eta: 0.5, Sigma churn: 1.0, Sigma tmin: 2.0, Sigma tmax: 3.0, Sigma noise: 1.5, Skip Early CFG: 0.25, NGMS: 2.0, "
        "NGMS all steps: True, Pad conds: True, User: u, Version: v1.10.1"
    )


@pytest.mark.parametrize(
    "values, there, absent",
    [
        ({"sampler": "DPM++ 2M"}, "Schedule type: Karras", "Automatic"),
        ({"sampler": "DPM++ 2M SDE"}, "Schedule type: Exponential", "Automatic"),
        ({"sampler": "DPM++ 2M", "schedule": "Uniform"}, "Schedule type: Uniform", "Karras"),
        ({"noise_source": "CPU"}, "RNG: CPU", "?"),
        ({"noise_source": "GPU"}, "Steps", "RNG"),
        ({"text__clip_skip": 1}, "Steps", "Clip skip"),
        ({"text__emphasis": "Ignore"}, "Steps", "Emphasis"),
        ({"text__emphasis": "Ignore", "prompt": "(cat)"}, "Emphasis: Ignore", "?"),
        ({"text__emphasis": "Ignore", "negative_prompt": "[cat]"}, "Emphasis: Ignore", "?"),
        ({"text__emphasis": "Original", "prompt": "(cat)"}, "Steps", "Emphasis"),
        ({"text__emphasis": "compel"}, "Emphasis: compel", "?"),
        ({"solver__ensd": 31337}, "Steps", "ENSD"),
        ({"solver__ensd": 31337, "sampler": "Euler a"}, "ENSD: 31337", "?"),
        ({"solver__ensd": 31337, "sampler": "Euler a", "solver__eta": 0}, "Eta: 0.0", "ENSD"),
        ({"solver__eta": 1, "sampler": "Euler a"}, "Steps", "Eta"),
        ({"solver__eta": 0.5}, "Steps", "Eta"),
        ({"solver__eta": 1, "sampler": "DDIM"}, "Eta DDIM: 1.0", "?"),
        ({"solver__eta": 0, "sampler": "DDIM"}, "Steps", "Eta"),
        ({"spacing__discard_penultimate": True, "sampler": "DPM2"}, "Steps", "Discard"),
        ({"spacing__beta_alpha": 0.5}, "Steps", "Beta"),
        ({"variation__seed": 5}, "Steps", "Variation"),
        ({"variation__width": 128}, "Steps", "Seed resize"),
        ({"cfg_scale": 5}, "CFG scale: 5.0", "?"),
    ],
)
def test_rules(values: dict[str, Any], there: str, absent: str) -> None:
    text = line(**values)
    assert there in text
    assert absent not in text


def test_a_key_of_the_extras_takes_its_place() -> None:
    text = infotext(BASE, version="v", extra={"Schedule type": "Karras", "Lora hashes": "a: 1, b: 2", "Bare": "Bare"}, checkpoint="m").split("\n")[-1]
    assert "Sampler: Euler, Schedule type: Karras, CFG scale" in text
    assert text.endswith('Lora hashes: "a: 1, b: 2", Bare, Version: v')


def test_prompts_that_the_form_cannot_hold_are_written_out() -> None:
    assert "Exact" not in infotext(BASE, version="v")
    text = infotext(dataclasses.replace(BASE, prompt="a\nNegative prompt: b "), version="v")
    assert 'Exact prompt: "a\\nNegative prompt: b ", Exact negative prompt: "", Version: v' in text


@pytest.mark.parametrize("name", [field.name for field in walk(GenerationRequest) if field.param.text])
def test_every_declared_key_is_written(name: str) -> None:
    """A field that names a key of A1111's text reaches the text once it is not at its default."""
    other: dict[str, Any] = {
        "sampler": "Heun", "schedule": "Simple", "text.emphasis": "No norm", "noise_source": "NV", "spacing.noise_schedule": "Zero Terminal SNR",
        "embeddings": {"e": "ab" * 32}, "model": "n", "model_hash": "cd" * 32, "solver.ensd": 1, "variation.strength": 0.5, "variation.seed": 9, "width": 640,
    }  # fmt: skip
    field = next(field for field in walk(GenerationRequest) if field.name == name)
    value = other.get(name, True if field.type is bool else (field.param.minimum or 0) + 2 if field.type is int else 0.5)
    request = with_values(dataclasses.replace(BASE, prompt="(a) [b]", sampler="Euler a"), {"variation.strength": 0.25, "schedule": "Beta"} | {name: value})
    assert f"{field.param.text}: " in infotext(request, version="v")


def carried(request: GenerationRequest) -> GenerationRequest:
    """What of a request A1111's text can say: what has no effect or no key falls back to its default."""
    record = SAMPLERS.get(request.sampler)
    kept = {
        field.name: value_of(request, field) for field in walk(GenerationRequest) if field.param.text or field.name in ("prompt", "negative_prompt", "height")
    }
    kept["schedule"] = resolved_schedule(request.sampler, request.schedule)
    kept["model_hash"] = request.model_hash[:10]
    kept["embeddings"] = {name: sha256[:12] for name, sha256 in request.embeddings.items()}
    default = GenerationRequest()
    if not request.variation.strength:
        kept["variation.seed"] = default.variation.seed
    if min(request.variation.width, request.variation.height) > 0:
        kept |= {"variation.width": request.variation.width, "variation.height": request.variation.height}
    eta = request.solver.eta if record.eta and request.solver.eta != record.default_eta else None
    kept["solver.eta"] = eta
    used_eta = record.default_eta if request.solver.eta is None else request.solver.eta
    if not record.uses_ensd or used_eta == 0:
        kept["solver.ensd"] = 0
    both = request.prompt + request.negative_prompt
    if request.text.emphasis != "compel" and "(" not in both and "[" not in both:
        kept["text.emphasis"] = "Original"
    if "[" not in both:
        kept["text.old_editing"] = False
    if record.discard_penultimate:
        kept["spacing.discard_penultimate"] = False
    if kept["schedule"] != "Beta":
        kept |= {"spacing.beta_alpha": 0.6, "spacing.beta_beta": 0.6}
    if "#" in both:
        kept["text.comments"] = False
    return with_values(default, kept)


@settings(deadline=None)
@given(requests())
def test_there_and_back(request: GenerationRequest) -> None:
    reading = read_text(infotext(request, version="Easel 1"))
    assert reading.source == "Easel"
    assert reading.request == carried(request)


@settings(deadline=None)
@given(requests())
def test_written_again_it_is_the_same_text(request: GenerationRequest) -> None:
    text = infotext(request, version="Easel 1")
    assert infotext(read_text(text).request, version="Easel 1") == text
