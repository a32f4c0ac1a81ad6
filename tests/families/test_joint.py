"""FLUX and Stable Diffusion 3 as the engine meets them, against diffusers' own pipelines on the same tiny networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxPipeline, StableDiffusion3Pipeline
from torch import Tensor
from transformers import CLIPTokenizer

from modules.catalog.card import Card
from modules.catalog.scan import CLIP_VOCABULARY
from modules.core.groups.sampling import Guidance, Text
from modules.core.request import GenerationRequest
from modules.engine.conditioning import conditioning
from modules.engine.denoise import guided
from modules.engine.feature import Feature
from modules.engine.features.distilled import DistilledGuidance
from modules.engine.features.inpaint_model import seen
from modules.engine.levels import levels_of
from modules.engine.plan import Stage
from modules.engine.sample import sample
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Family, Model
from tests.networks import tiny_joint

SIZE = (6, 10)
"""Latents: 48 x 80 pixels."""


def loaded(place: Path, family: str, dtype: torch.dtype = torch.float32) -> tuple[Family, Model]:
    functions = FAMILIES_BY_NAME[family]
    return functions, functions.load(Card(path=place, name=place.name, family=family), "cpu", dtype)


def drawn(family: Family, model: Model, request: GenerationRequest, *further: Feature) -> tuple[Tensor, Tensor]:
    """The finished latents, and the noise that they were begun with."""
    stage = Stage("base", (16, *SIZE), request)
    texts = conditioning(family, model, request, {})
    features = [*further, *([DistilledGuidance(request.guidance.distilled)] if model.record.name == "flux" else [])]
    with torch.no_grad():
        latents = sample(stage, model, [request], lambda table: guided(family, model, levels_of(model, request.spacing), texts, request, features))
    return latents, torch.randn(16, *SIZE, generator=torch.Generator().manual_seed(request.seed))[None]


@pytest.mark.parametrize("dev", [True, False], ids=["dev", "schnell"])
def test_flux_draws_what_diffusers_pipeline_draws(tmp_path: Path, dev: bool) -> None:
    parts = tiny_joint.flux(guidance=dev)
    place = tiny_joint.save_folder(tmp_path / "flux", "FluxPipeline", parts, tiny_joint.DEV if dev else tiny_joint.SCHNELL)
    family, model = loaded(place, "flux")
    request = GenerationRequest(prompt="a red pear", sampler="Euler", steps=5, seed=7, guidance=Guidance(distilled=2.5))
    latents, noise = drawn(family, model, request)
    pipeline = FluxPipeline(**parts, scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(place / "scheduler"), tokenizer=None, tokenizer_2=None)
    (cond,) = family.encode(model, ["a red pear"], Text(), {})
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        prompt_embeds=cond.context[None],
        pooled_prompt_embeds=cond.extra["pooled_projections"][None],
        latents=FluxPipeline._pack_latents(noise, 1, 16, *SIZE),
        height=SIZE[0] * 8,
        width=SIZE[1] * 8,
        num_inference_steps=5,
        guidance_scale=2.5,
        output_type="latent",
    ).images
    theirs = FluxPipeline._unpack_latents(theirs, SIZE[0] * 8, SIZE[1] * 8, 8)
    assert (latents - theirs).abs().max() < 2e-5
    pixels = family.decode(model, latents)
    with torch.no_grad():
        own = parts["vae"].decode(theirs / 0.3611 + 0.1159).sample
    assert pixels.shape == (1, 3, 48, 80) and (pixels - own).abs().max() < 1e-4


def test_flux_reads_its_texts_as_diffusers_does(tmp_path: Path) -> None:
    parts = tiny_joint.flux()
    place = tiny_joint.save_folder(tmp_path / "flux", "FluxPipeline", parts, tiny_joint.DEV)
    family, model = loaded(place, "flux")
    (cond,) = family.encode(model, ["a red pear, on a table"], Text(), {})
    words = CLIPTokenizer.from_pretrained(CLIP_VOCABULARY)("a red pear, on a table", padding="max_length", max_length=77, return_tensors="pt").input_ids
    with torch.no_grad():
        pooled = parts["text_encoder"](words).pooler_output[0]
        tokens = model.parts["t5_vocabulary"].encode("a red pear, on a table")
        states = parts["text_encoder_2"](torch.tensor([[*tokens, 1, *[0] * (511 - len(tokens))]])).last_hidden_state[0]
    assert torch.equal(cond.extra["pooled_projections"], pooled) and torch.equal(cond.context, states)


@pytest.mark.parametrize("medium", [True, False], ids=["3.5", "3.0"])
@pytest.mark.parametrize("with_t5", [True, False], ids=["t5", "without t5"])
def test_sd3_draws_what_diffusers_pipeline_draws(tmp_path: Path, medium: bool, with_t5: bool) -> None:
    parts = tiny_joint.sd3(medium, with_t5)
    place = tiny_joint.save_folder(tmp_path / "sd3", "StableDiffusion3Pipeline", parts, tiny_joint.SD3)
    family, model = loaded(place, "sd3")
    request = GenerationRequest(prompt="a red pear", negative_prompt="blue", sampler="Euler", steps=5, seed=7, cfg_scale=4.5)
    latents, noise = drawn(family, model, request)
    tokenizers: dict[str, Any] = {name: CLIPTokenizer.from_pretrained(place / name) for name in ("tokenizer", "tokenizer_2")}
    networks = {"text_encoder_3": None, **parts}
    pipeline = StableDiffusion3Pipeline(
        **networks, **tokenizers, scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(place / "scheduler"), tokenizer_3=Words(model) if with_t5 else None
    )
    pipeline.set_progress_bar_config(disable=True)
    theirs = pipeline(
        "a red pear",
        negative_prompt="blue",
        latents=noise,
        height=SIZE[0] * 8,
        width=SIZE[1] * 8,
        num_inference_steps=5,
        guidance_scale=4.5,
        output_type="latent",
    ).images
    assert (latents - theirs).abs().max() < 5e-5


def test_fill_draws_what_diffusers_pipeline_draws(tmp_path: Path) -> None:
    parts = tiny_joint.flux(channels=384)
    with torch.no_grad():  # so that the autoencoder's draw is its mean
        parts["vae"].encoder.conv_out.weight[16:] = 0
        parts["vae"].encoder.conv_out.bias[16:] = -30
    place = tiny_joint.save_folder(tmp_path / "fill", "FluxFillPipeline", parts, tiny_joint.DEV)
    family, model = loaded(place, "flux")
    assert model.beside == 80
    request = GenerationRequest(prompt="a pear", sampler="Euler", steps=4, seed=7, guidance=Guidance(distilled=30.0))
    noise = torch.Generator().manual_seed(1)
    pixels = torch.rand(1, 3, SIZE[0] * 8, SIZE[1] * 8, generator=noise) * 2 - 1
    mask = (torch.rand(1, 1, SIZE[0] * 8, SIZE[1] * 8, generator=noise) > 0.5).float()
    relay = type("Acting", (), {"acting": type("Loaded", (), {"model": model}), "encode_image": staticmethod(lambda shown: family.encode_image(model, shown))})
    latents, start = drawn(family, model, request, *seen(relay, pixels, mask, 1.0))  # type: ignore[arg-type]
    (cond,) = family.encode(model, ["a pear"], Text(), {})
    pipeline = FluxFillPipeline(**parts, scheduler=FlowMatchEulerDiscreteScheduler.from_pretrained(place / "scheduler"), tokenizer=None, tokenizer_2=None)
    pipeline.set_progress_bar_config(disable=True)
    size = {"height": SIZE[0] * 8, "width": SIZE[1] * 8}
    theirs = pipeline(
        prompt_embeds=cond.context[None],
        pooled_prompt_embeds=cond.extra["pooled_projections"][None],
        image=(pixels + 1) / 2,
        mask_image=mask,
        latents=FluxPipeline._pack_latents(start, 1, 16, *SIZE),
        num_inference_steps=4,
        guidance_scale=30.0,
        output_type="latent",
        **size,
    ).images
    assert (latents - FluxPipeline._unpack_latents(theirs, *size.values(), 8)).abs().max() < 5e-5


class Words:
    """T5's bundled vocabulary in the form in which diffusers' pipeline asks for it."""

    def __init__(self, model: Model) -> None:
        self._vocabulary = model.parts["t5_vocabulary"]

    def __call__(self, texts: list[str], padding: str = "", max_length: int = 0, **options: object) -> Any:
        rows = [[*self._vocabulary.encode(text), 1] for text in texts]
        length = max_length if padding == "max_length" else max(map(len, rows))
        return type("Answer", (), {"input_ids": torch.tensor([row + [0] * (length - len(row)) for row in rows])})


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_half_precision_computes_near_the_whole(tmp_path: Path, family: str) -> None:
    """The timestep above all: half precision has three digits of it."""
    flux = family == "flux"
    parts = tiny_joint.flux() if flux else tiny_joint.sd3(t5_too=False)
    place = tiny_joint.save_folder(tmp_path / family, "FluxPipeline" if flux else "StableDiffusion3Pipeline", parts, tiny_joint.DEV if flux else tiny_joint.SD3)
    request = GenerationRequest(prompt="a red pear", sampler="Euler", steps=3, seed=7, cfg_scale=1.0 if flux else 4.0)
    whole, half = (drawn(*loaded(place, family, dtype), request)[0] for dtype in (torch.float32, torch.bfloat16))
    assert half.dtype == torch.float32 and bool(half.isfinite().all())
    assert float((half - whole).abs().mean()) < 0.05
