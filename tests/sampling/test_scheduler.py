"""Our samplers behind diffusers' scheduler interface, in real pipelines of tiny random components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    DEISMultistepScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    KDPM2DiscreteScheduler,
    LMSDiscreteScheduler,
    SASolverScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    TCDScheduler,
    UNet2DConditionModel,
)
from torch import Tensor

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.groups.sampling import Spacing
from modules.core.records.samplers import SAMPLERS as RECORDS
from modules.sampling.guidance import combine, guide
from modules.sampling.noise import PictureNoise
from modules.sampling.parameterization import Table, c_in, scaled_linear, scales, x0_from
from modules.sampling.samplers import SAMPLERS
from modules.sampling.scheduler import SamplerScheduler
from modules.sampling.schedules import ddim_timesteps, schedule_for
from modules.sampling.step import Denoised, SamplerOptions, Step, drive
from tests.sampling.gaussian import Gaussian

SHAPE = (4, 8, 8)
SEEDS = [11, 12]
SCALE = 3.0
BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SWAPPABLE = [record.name for record in RECORDS if not record.alone]


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8, block_out_channels=(8, 16), layers_per_block=1, norm_num_groups=4, cross_attention_dim=8, attention_head_dim=2,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8, 8, 8), norm_num_groups=4, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    )  # fmt: skip
    return {"unet": unet.eval(), "vae": vae.eval(), "text_encoder": None, "tokenizer": None, "safety_checker": None, "feature_extractor": None}


@pytest.fixture(scope="module")
def texts() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {"prompt_embeds": torch.randn(2, 5, 8, generator=generator), "negative_prompt_embeds": torch.randn(2, 5, 8, generator=generator)}


def generators() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in SEEDS]


def near(found: Tensor, expected: Tensor) -> bool:
    """To 1e-5 of the largest value: a random network leaves the noise in, so latents are in the tens."""
    return found.shape == expected.shape and float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def drawn(parts: dict[str, Any], texts: dict[str, Tensor], scheduler: Any, steps: int, **values: Any) -> Tensor:
    """Latents from diffusers' own pipeline."""
    pipe = StableDiffusionPipeline(**parts, scheduler=scheduler, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    arguments = {"height": 64, "width": 64, "guidance_scale": SCALE, "generator": generators(), "output_type": "latent", **texts, **values}
    return pipe(num_inference_steps=steps, **arguments).images


def driven(parts: dict[str, Any], texts: dict[str, Tensor], name: str, steps: int, schedule: str = "Automatic") -> Tensor:
    """Latents from our own loop, as the engine's."""
    table, record = Table(scaled_linear()), RECORDS.get(name)
    sigmas = schedule_for(name, schedule, steps, table, Spacing())
    bounds = (float(sigmas[sigmas > 0].min()), float(sigmas.max()))
    own = SamplerOptions(eta=record.default_eta, steps=steps, alphas_cumprod=table.alphas_cumprod, timesteps=ddim_timesteps(steps), sigma_range=bounds)
    noise = PictureNoise(SEEDS, SHAPE, sigma_range=bounds)
    start = 1.0 if record.timesteps else torch.sqrt(1 + sigmas[0] ** 2) if record.diffusers else sigmas[0]
    x = noise.first() * start

    @torch.no_grad()
    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        def x0(context: Tensor) -> Tensor:
            return x0_from("eps", parts["unet"](x * c_in(sigma), table.to_t(sigma), context).sample, x, scales(sigma))

        guided = combine([x0(texts["prompt_embeds"]), x0(texts["negative_prompt_embeds"])], guide([1.0], SCALE))
        return Denoised(guided, guided, x)

    return drive(SAMPLERS[name](x, sigmas, noise, own), denoise, Step())


@pytest.mark.parametrize("name", SWAPPABLE)
def test_a_pipeline_draws_what_our_loop_draws(parts: dict[str, Any], texts: dict[str, Tensor], name: str) -> None:
    found, expected = drawn(parts, texts, SamplerScheduler(sampler=name), 6), driven(parts, texts, name, 6)
    assert near(found, expected)


@pytest.mark.parametrize(
    ("name", "steps", "schedule"), [("Restart", 22, "Automatic"), ("DPM++ 2M", 5, "KL Optimal"), ("Euler a", 5, "DDIM"), ("Heun", 1, "Karras")]
)
def test_other_schedules_and_counts(parts: dict[str, Any], texts: dict[str, Tensor], name: str, steps: int, schedule: str) -> None:
    found, expected = drawn(parts, texts, SamplerScheduler(sampler=name, schedule=schedule), steps), driven(parts, texts, name, steps, schedule)
    assert near(found, expected)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("DDPM (diffusers)", DDPMScheduler(**BETAS, clip_sample=False, timestep_spacing="trailing")),
        ("DEIS (diffusers)", DEISMultistepScheduler(**BETAS)),
        ("TCD (diffusers)", TCDScheduler(**BETAS)),
        ("SA-Solver (diffusers)", SASolverScheduler(**BETAS)),
    ],
)
@pytest.mark.parametrize("steps", [1, 20])
def test_diffusers_own_classes_draw_what_our_loop_draws_with_them(parts: dict[str, Any], texts: dict[str, Tensor], name: str, theirs: Any, steps: int) -> None:
    """Their pipeline with their scheduler as it is, against our loop."""
    found, expected = driven(parts, texts, name, steps), drawn(parts, texts, theirs, steps, **({"eta": 0.3} if name.startswith("TCD") else {}))
    assert near(found, expected)


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("Euler", EulerDiscreteScheduler), ("Heun", HeunDiscreteScheduler), ("LMS", LMSDiscreteScheduler), ("DPM2", KDPM2DiscreteScheduler)],
)
def test_diffusers_own_schedulers_agree(parts: dict[str, Any], texts: dict[str, Tensor], name: str, theirs: Any) -> None:
    """10 steps fall on whole timesteps (999 is 9 times 111), where "linspace" means the same levels."""
    other = theirs(**BETAS, timestep_spacing="linspace")
    other.set_timesteps(10)
    levels = schedule_for("Euler", "Uniform", 10, Table(scaled_linear()), Spacing()).tolist()
    expected = drawn(parts, texts, other, 10)
    assert near(drawn(parts, texts, SamplerScheduler(sampler=name), 10, sigmas=levels), expected)


def test_a_picture_is_the_same_alone(parts: dict[str, Any], texts: dict[str, Tensor]) -> None:
    for name in ("Euler a", "DPM++ 2M SDE"):
        batch = drawn(parts, texts, SamplerScheduler(sampler=name), 4)
        second = {key: value[1:] for key, value in texts.items()}
        alone = drawn(parts, second, SamplerScheduler(sampler=name), 4, generator=generators()[1:])
        assert near(batch[1:], alone)


@pytest.mark.parametrize("name", SWAPPABLE)
def test_img2img_starts_in_the_middle_or_says_why_not(parts: dict[str, Any], texts: dict[str, Tensor], name: str) -> None:
    pipe = StableDiffusionImg2ImgPipeline(**parts, scheduler=SamplerScheduler(sampler=name), requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    arguments = {"image": image, "strength": 0.5, "num_inference_steps": 8, "guidance_scale": SCALE, "generator": generators(), "output_type": "latent"}
    if name in ("UniPC", "PLMS", "DPM fast"):
        with pytest.raises(Unsupported, match=name):
            pipe(**arguments, **texts)
        return
    found = pipe(**arguments, **texts).images
    assert found.shape == (2, *SHAPE) and found.isfinite().all()


def test_starting_in_the_middle_is_walking_the_rest() -> None:
    """Euler from the level of its third timestep on, by hand."""
    model, scheduler = Gaussian(), SamplerScheduler(sampler="Euler", prediction_type="sample")
    scheduler.set_timesteps(6)
    scheduler.set_begin_index(2)
    clean, noise = torch.full((2, *SHAPE), 0.4), torch.ones(2, *SHAPE)
    x = expected = scheduler.add_noise(clean, noise, scheduler.timesteps[2:3])
    assert torch.allclose(x, clean + float(scheduler.sigmas[2]) * noise)
    for index, t in enumerate(scheduler.timesteps[2:], start=2):
        sigma = scheduler.sigmas[index]
        assert torch.allclose(scheduler.scale_model_input(x, t), x * c_in(sigma))
        x = scheduler.step(model.denoise(x, sigma, Step()).x0, t, x, return_dict=False)[0]
        following = float(scheduler.sigmas[index + 1]) if index < 5 else 0.0
        expected = expected + (expected - model.denoise(expected, sigma, Step()).x0) / sigma * (following - sigma)
        assert torch.allclose(x, expected, atol=1e-5)
    assert scheduler.step_index == 6


def test_a_step_goes_on_from_the_sample_it_is_given() -> None:
    """Inpainting pipelines paste the known part back between two steps."""
    scheduler = SamplerScheduler(sampler="Euler", prediction_type="sample")
    scheduler.set_timesteps(3)
    clean = torch.zeros(1, *SHAPE)
    scheduler.step(clean, scheduler.timesteps[0], torch.full((1, *SHAPE), 14.0))
    found = scheduler.step(clean, scheduler.timesteps[1], torch.full((1, *SHAPE), 2.0)).prev_sample
    assert torch.allclose(found, torch.full_like(found, 2.0 * float(scheduler.sigmas[2] / scheduler.sigmas[1])), rtol=1e-4)


def test_noise_of_training_timesteps_is_the_models() -> None:
    scheduler = SamplerScheduler()
    clean, noise = torch.zeros(2, *SHAPE), torch.ones(2, *SHAPE)
    found = scheduler.add_noise(clean, noise, torch.tensor([500, 999]))
    assert found[:, 0, 0, 0].tolist() == pytest.approx([1.6183, 14.6146], abs=1e-4)


def test_half_precision_stays_outside() -> None:
    scheduler = SamplerScheduler(sampler="DPM++ 2M", prediction_type="v_prediction")
    scheduler.set_timesteps(2)
    found = scheduler.step(torch.ones(1, *SHAPE).half(), scheduler.timesteps[0], torch.ones(1, *SHAPE).half()).prev_sample
    assert found.dtype == torch.float16 and found.isfinite().all()
    assert scheduler.scale_model_input(found, scheduler.timesteps[1]).dtype == torch.float16


def test_configuration_travels(tmp_path: Path) -> None:
    scheduler = SamplerScheduler.from_config(EulerDiscreteScheduler(**BETAS, prediction_type="v_prediction").config, sampler="DPM++ SDE", schedule="Karras")
    scheduler.save_pretrained(tmp_path)
    again = SamplerScheduler.from_pretrained(tmp_path)
    for one in (scheduler, again):
        assert (one.config.sampler, one.config.schedule, one.config.prediction_type, one.order) == ("DPM++ SDE", "Karras", "v_prediction", 2)
    assert SamplerScheduler(rescale_betas_zero_snr=True).table.sigma_max > 4000
    assert SamplerScheduler(trained_betas=[0.1, 0.2], num_train_timesteps=2).alphas_cumprod.tolist() == pytest.approx([0.9, 0.72])
    assert len(SamplerScheduler(beta_schedule="linear", beta_start=0.0001, beta_end=0.02)) == 1000


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(Unsupported, match="DPM adaptive"):
        SamplerScheduler(sampler="DPM adaptive")
    with pytest.raises(Unsupported, match="flow"):
        SamplerScheduler(prediction_type="flow")
    with pytest.raises(Unsupported, match="squaredcos"):
        SamplerScheduler(beta_schedule="squaredcos_cap_v2")
    with pytest.raises(InvalidRequest, match="Near it"):
        SamplerScheduler(sampler="Eular")
    with pytest.raises(Unsupported, match="DDIM"):
        SamplerScheduler(sampler="DDIM").set_timesteps(sigmas=[3.0, 1.0, 0.0])


@pytest.mark.parametrize("name", SWAPPABLE)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_few_steps(name: str, steps: int) -> None:
    scheduler = SamplerScheduler(sampler=name)
    scheduler.set_timesteps(steps)
    x = torch.ones(1, *SHAPE) * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        x = scheduler.step(scheduler.scale_model_input(x, t) * 0.1, t, x).prev_sample
    assert x.isfinite().all() and (len(scheduler.timesteps) > 0 or name in ("DDIM", "DDIM CFG++", "PLMS"))
