"""What diffusers alone makes of our files and our numbers: the same picture with a trained LoRA of every kind, and the same loss over the same noise, before and after."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from modules.core.training import Layers
from modules.engine.generate import Engine
from modules.training.curve import rows
from modules.training.order import seed_of
from tests.networks import tiny_xl
from tests.training.conftest import Train

LEVELS = 4
"""At which each picture is measured."""


@pytest.fixture(scope="module")
def models(home: Path, engine: Engine) -> Path:
    """Where a folder of each kind lies."""
    place = home / "models" / "Stable-diffusion"
    tiny_xl.save_folder(place / "large", tiny_xl.base(), "StableDiffusionXLPipeline")
    engine.shelf.refresh()  # type: ignore[attr-defined]
    return place


def pipeline_of(folder: Path) -> Any:
    """By diffusers' and transformers' own readers."""
    euler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace")
    parts: dict[str, Any] = {
        "vae": AutoencoderKL.from_pretrained(folder / "vae").float(),
        "text_encoder": CLIPTextModel.from_pretrained(folder / "text_encoder").float(),
        "tokenizer": CLIPTokenizer.from_pretrained(folder / "tokenizer"),
        "unet": UNet2DConditionModel.from_pretrained(folder / "unet").float(),
        "scheduler": euler,
    }
    pipeline: Any
    if (folder / "text_encoder_2").exists():
        parts["text_encoder_2"] = CLIPTextModelWithProjection.from_pretrained(folder / "text_encoder_2").float()
        parts["tokenizer_2"] = CLIPTokenizer.from_pretrained(folder / "tokenizer_2")
        pipeline = StableDiffusionXLPipeline(**parts, add_watermarker=False)
    else:
        pipeline = StableDiffusionPipeline(**parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize(
    ("model", "layers"), [("spread", "attention"), ("spread", "transformer"), ("spread", "everything"), ("large", "attention"), ("large", "everything")]
)
def test_a_lora_gives_the_same_picture_in_diffusers(train: Train, draw: Callable[..., bytes], home: Path, models: Path, model: str, layers: Layers) -> None:
    name = f"shared-{model}-{layers}"
    train(name=name, model=model, trigger="thing", learning__rate=0.1, steps=4, adapter__layers=layers, watching__measure_every=0)
    pipeline = pipeline_of(models / model)
    how = {"steps": 6, "sampler": "Euler", "cfg_scale": 4.0, "negative_prompt": "a dog"}

    def theirs() -> np.ndarray:
        with torch.inference_mode():
            image = pipeline(
                "a thing", negative_prompt="a dog", width=64, height=64, num_inference_steps=6, guidance_scale=4.0, generator=torch.Generator().manual_seed(1)
            )
        return np.asarray(image.images[0], float)

    def ours(prompt: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(draw(prompt, model=model, **how))), float)

    assert psnr(theirs(), plain := ours("a thing")) > 40
    pipeline.load_lora_weights(home / "models" / "Lora", weight_name=f"{name}.safetensors")
    with_it = ours(f"a thing <lora:{name}:1>")
    assert psnr(theirs(), with_it) > 40
    assert psnr(plain, with_it) < 35, "it does something"


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    apart = float(((one - other) ** 2).mean())
    return 99.0 if not apart else 10 * np.log10(255**2 / apart)


@pytest.mark.parametrize("held_out", [0.0, 0.4])
def test_the_measured_loss_is_what_an_independent_computation_gives(train: Train, home: Path, models: Path, held_out: float) -> None:
    name = f"measured-{held_out:g}"
    train(name=name, model="spread", steps=4, learning__rate=0.05, watching__measure_every=4, data__held_out=held_out)
    before, after = (row for row in rows(home / "training" / name / "curve.jsonl") if "measured" in row)
    assert (before["step"], after["step"]) == (0, 4) and before["held_out"] is after["held_out"] is bool(held_out)
    names = [f"{number}.png" for number in range(5)]
    if held_out:  # two of five, by the training's seed
        names = sorted(names, key=lambda name: seed_of(1, name))[:2]
    pipeline = pipeline_of(models / "spread")
    expected = measured(pipeline, home / "pictures", names)
    assert before["measured"] == pytest.approx(expected, rel=1e-4, abs=1e-4)
    pipeline.load_lora_weights(home / "models" / "Lora", weight_name=f"{name}.safetensors")
    learnt = measured(pipeline, home / "pictures", names)
    assert after["measured"] == pytest.approx(learnt, rel=1e-3, abs=1e-3)  # in the file numbers have half the digits
    assert abs(learnt["mse"] - expected["mse"]) > 0.01, "it is another one than before"


@torch.inference_mode()
def measured(pipeline: Any, pictures: Path, names: Sequence[str]) -> dict[str, float]:
    """Of noise that the formulas of DDPM put on the pictures, seen by a pipeline's networks."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0).float()
    tokens = partial(pipeline.tokenizer, padding="max_length", max_length=77, return_tensors="pt")
    answers, targets = [], []
    for name in names:
        pixels = torch.from_numpy(np.asarray(Image.open(pictures / name), np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        latent = pipeline.vae.encode(pixels).latent_dist.mean * 0.5
        context = pipeline.text_encoder(tokens(f"a {name[0]} thing").input_ids).last_hidden_state
        for level in range(LEVELS):
            dice = torch.Generator().manual_seed(seed_of(1, "measured", name, level))
            t = int((level + float(torch.rand((), generator=dice))) / LEVELS * 1000)
            noise = torch.randn(latent.shape[1:], generator=dice)[None]
            x = kept[t].sqrt() * latent + (1 - kept[t]).sqrt() * noise
            answers.append(pipeline.unet(x, t, encoder_hidden_states=context).sample)
            targets.append(noise)
    apart = torch.cat(answers) - torch.cat(targets)
    found = {"mse": apart.square().mean(), "rmse": apart.square().mean().sqrt(), "mae": apart.abs().mean()}
    found["r2"] = 1 - apart.square().sum() / (torch.cat(targets) - torch.cat(targets).mean()).square().sum()
    return {name: float(value) for name, value in found.items()}
