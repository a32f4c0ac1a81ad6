"""What diffusers alone makes of our files and our numbers: the same picture with a trained LoRA, and the same loss over the same noise."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

from modules.training.curve import rows
from modules.training.order import seed_of
from tests.training.conftest import Train

LEVELS = 4
"""At which each picture is measured."""


@pytest.fixture
def spread(home: Path) -> Path:
    return home / "models" / "Stable-diffusion" / "spread"


def test_a_lora_gives_the_same_picture_in_diffusers(train: Train, draw: Callable[..., bytes], home: Path, spread: Path) -> None:
    train(name="shared", model="spread", trigger="thing", learning__rate=0.1, steps=8)
    euler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace")
    pipeline = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(spread / "vae").float(),
        text_encoder=CLIPTextModel.from_pretrained(spread / "text_encoder").float(),
        tokenizer=CLIPTokenizer.from_pretrained(spread / "tokenizer"),
        unet=UNet2DConditionModel.from_pretrained(spread / "unet").float(),
        scheduler=euler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    how = {"steps": 6, "sampler": "Euler", "cfg_scale": 4.0, "negative_prompt": "a dog"}

    def theirs() -> np.ndarray:
        with torch.inference_mode():
            image = pipeline(
                "a thing", negative_prompt="a dog", width=64, height=64, num_inference_steps=6, guidance_scale=4.0, generator=torch.Generator().manual_seed(1)
            )
        return np.asarray(image.images[0], float)

    def ours(prompt: str) -> np.ndarray:
        return np.asarray(Image.open(io.BytesIO(draw(prompt, model="spread", **how))), float)

    assert psnr(theirs(), plain := ours("a thing")) > 40
    pipeline.load_lora_weights(home / "models" / "Lora", weight_name="shared.safetensors")
    with_it = ours("a thing <lora:shared:1>")
    assert psnr(theirs(), with_it) > 40
    assert psnr(plain, with_it) < 35, "it does something"


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    apart = float(((one - other) ** 2).mean())
    return 99.0 if not apart else 10 * np.log10(255**2 / apart)


@pytest.mark.parametrize("held_out", [0.0, 0.4])
def test_the_measured_loss_is_what_an_independent_computation_gives(train: Train, home: Path, spread: Path, held_out: float) -> None:
    name = f"measured-{held_out:g}"
    train(name=name, model="spread", steps=1, data__held_out=held_out)
    (told,) = (row for row in rows(home / "training" / name / "curve.jsonl") if row["step"] == 0 and "measured" in row)
    assert told["held_out"] is bool(held_out)
    unet, vae = UNet2DConditionModel.from_pretrained(spread / "unet").float(), AutoencoderKL.from_pretrained(spread / "vae").float()
    encoder, tokenizer = CLIPTextModel.from_pretrained(spread / "text_encoder").float(), CLIPTokenizer.from_pretrained(spread / "tokenizer")
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0).float()
    names = [f"{number}.png" for number in range(5)]
    if held_out:  # two of five, by the training's seed
        names = sorted(names, key=lambda name: seed_of(1, name))[:2]
    answers, targets = [], []
    for name in names:
        pixels = torch.from_numpy(np.asarray(Image.open(home / "pictures" / name), np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        words = tokenizer([f"a {name[0]} thing"], padding="max_length", max_length=77, return_tensors="pt").input_ids
        with torch.inference_mode():
            latent = vae.encode(pixels).latent_dist.mean * 0.5
            context = encoder(words).last_hidden_state
            for level in range(LEVELS):
                dice = torch.Generator().manual_seed(seed_of(1, "measured", name, level))
                t = int((level + float(torch.rand((), generator=dice))) / LEVELS * 1000)
                noise = torch.randn(latent.shape[1:], generator=dice)[None]
                x = kept[t].sqrt() * latent + (1 - kept[t]).sqrt() * noise
                answers.append(unet(x, t, encoder_hidden_states=context).sample)
                targets.append(noise)
    apart = torch.cat(answers) - torch.cat(targets)
    expected = {"mse": apart.square().mean(), "rmse": apart.square().mean().sqrt(), "mae": apart.abs().mean()}
    expected["r2"] = 1 - apart.square().sum() / (torch.cat(targets) - torch.cat(targets).mean()).square().sum()
    assert told["measured"] == pytest.approx({name: float(value) for name, value in expected.items()}, rel=1e-4, abs=1e-4)
