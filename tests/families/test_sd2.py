"""Stable Diffusion 2.x: folder and single file, its text, its prediction, and a picture of diffusers' own pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline
from torch import Tensor

from modules.catalog import cards
from modules.core.groups.sampling import Text
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Cond, Model, NetworkCall
from modules.families.sd2 import predicts_velocity
from tests.families.test_sdxl import YAML, state
from tests.networks import tiny, tiny_xl

FAMILY = FAMILIES_BY_NAME["sd2"]


@pytest.fixture(scope="module")
def networks() -> tiny_xl.Networks:
    return tiny_xl.second()


@pytest.fixture(scope="module")
def single(networks: tiny_xl.Networks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save_single(tmp_path_factory.mktemp("sd2") / "single.safetensors", tiny_xl.second_tensors(networks), YAML)


@pytest.fixture(scope="module")
def model(single: Path) -> Model:
    return FAMILY.load(cards.checkpoint(single), "cpu", torch.float32)


def conds(model: Model, *texts: str, embeddings: dict[str, Tensor] | None = None, **text: object) -> list[Cond]:
    return FAMILY.encode(model, texts, replace(Text(), **text), embeddings or {})  # type: ignore[arg-type]


def test_folder_and_single_file_are_equal_to_the_bit(networks: tiny_xl.Networks, model: Model, tmp_path: Path) -> None:
    folder = tiny_xl.save_folder(tmp_path / "folder", networks, "StableDiffusionPipeline", {"prediction_type": "v_prediction"})
    card = cards.checkpoint(folder)
    assert (card.family, card.prediction, card.guessed) == ("sd2", "v", False)
    other = FAMILY.load(card, "cpu", torch.float32)
    assert other.prediction == "v"
    ours, theirs = state(model), state(other)
    assert set(ours) == set(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_text_is_the_last_layer_but_one_through_the_final_norm(model: Model) -> None:
    vocabulary = model.parts["vocabulary"]
    words = vocabulary.encode("a red pear")
    tokens = torch.tensor([[vocabulary.bos, *words, vocabulary.eos, *[0] * (75 - len(words))]])
    plain = conds(model, "a red pear")[0].context
    assert torch.equal(plain, model.parts["text_encoder"](tokens).last_hidden_state[0])
    assert torch.equal(plain, conds(model, "a red pear", clip_skip=2)[0].context)
    assert not torch.allclose(plain, conds(model, "a (red:1.4) pear")[0].context, atol=1e-3)
    changed = conds(model, "a red pear", embeddings={"red": torch.ones(1, tiny_xl.BIG)})[0].context
    assert not torch.allclose(plain, changed, atol=1e-3)


@pytest.mark.parametrize(("shift", "prediction"), [(0.5, "eps"), (-3.0, "v")])
def test_the_prediction_of_a_file_that_does_not_say_it_is_measured(tmp_path: Path, shift: float, prediction: str) -> None:
    """By what the network answers to noise: about the noise itself, or much less."""
    tensors = tiny_xl.second_tensors(tiny_xl.second())
    tensors["model.diffusion_model.out.2.weight"].zero_()
    tensors["model.diffusion_model.out.2.bias"].fill_(shift)
    card = cards.checkpoint(tiny.save_single(tmp_path / "x.safetensors", tensors, ""))
    assert card.guessed
    model = FAMILY.load(card, "cpu", torch.float32)
    assert model.prediction == prediction and predicts_velocity(model) is (prediction == "v")
    said = cards.checkpoint(tiny.save_single(tmp_path / "y.safetensors", {**tensors, "v_pred": torch.zeros(1)}, ""))
    assert FAMILY.load(said, "cpu", torch.float32).prediction == "v"


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_a_picture_is_that_of_diffusers_own_pipeline(networks: tiny_xl.Networks, model: Model, kind: str) -> None:
    """The same conditionings, noise and Euler steps; the largest difference of the latents is below 1e-5 of their deviation."""
    positive, negative = conds(model, "a pear", "blurry")
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace", prediction_type=kind)
    pipeline = StableDiffusionPipeline(
        **networks, tokenizer=None, scheduler=scheduler, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = pipeline(
        prompt_embeds=positive.context[None], negative_prompt_embeds=negative.context[None], num_inference_steps=4, guidance_scale=5.0,
        height=64, width=64, latents=noise, output_type="latent",
    ).images  # fmt: skip
    scheduler.set_timesteps(4)
    x = noise * scheduler.init_noise_sigma
    with torch.inference_mode():
        for time in scheduler.timesteps:
            rows = torch.cat([scheduler.scale_model_input(x, time)] * 2)
            low, high = FAMILY.predict(model, NetworkCall(rows, time.expand(2), torch.stack([negative.context, positive.context]))).chunk(2)
            x = scheduler.step(low + 5.0 * (high - low), time, x).prev_sample
    assert float((x - expected).abs().max()) < 1e-5 * float(expected.std())
