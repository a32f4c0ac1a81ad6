"""Nine-channel models beside diffusers' own inpainting pipelines, of Stable Diffusion 1.x and of SDXL: same components, conditionings, noise and masks, the same
latents.

Both walk Euler over linearly spaced timesteps. The blending that A1111 adds step by step (`engine.features.inpaint`) is left out here: diffusers has none for
these models.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionInpaintPipeline, StableDiffusionXLInpaintPipeline

from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.engine.features.inpaint_model import InpaintChannels
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.relay import Relay
from modules.engine.sample import sample, steps_of
from modules.engine.start import prepare
from modules.families.family import Cond, Model, Setting
from tests.engine.refining import engine_of_two
from tests.engine.test_outpaint import kept
from tests.imaging import painting
from tests.networks import tiny, tiny_xl

STEPS, CFG = 10, 6.0
CLOSE = 1e-5


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data: Path = tmp_path_factory.mktemp("nine")
    tiny.save_single(data / "models" / "Stable-diffusion" / "nine.safetensors", tiny.ldm_tensors(*tiny.parts(channels=9)))
    tiny.save_single(data / "models" / "Stable-diffusion" / "nine-xl.safetensors", tiny_xl.ldm_tensors(tiny_xl.base(channels=9)))
    return engine_of_two(data)


def pipeline_of(model: Model, positive: Cond, negative: Cond) -> tuple[Any, dict[str, Any]]:
    """diffusers' own around a model's networks, and the texts as it takes them."""
    scheduler = EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace")
    made: dict[str, Any] = {"vae": model.parts["vae"], "unet": model.parts["unet"], "scheduler": scheduler, "text_encoder": None, "tokenizer": None}
    told = {"prompt_embeds": positive.context[None], "negative_prompt_embeds": negative.context[None]}
    if "text_encoder_2" not in model.parts:
        return StableDiffusionInpaintPipeline(**made, safety_checker=None, feature_extractor=None, requires_safety_checker=False), told
    pooled = {"pooled_prompt_embeds": positive.extra["text_embeds"][None], "negative_pooled_prompt_embeds": negative.extra["text_embeds"][None]}
    more = {"text_encoder_2": model.parts["text_encoder_2"], "tokenizer_2": None}  # by its width the pipeline knows how long the told sizes are
    return StableDiffusionXLInpaintPipeline(**made, **more, add_watermarker=False), {**told, **pooled}


@pytest.mark.parametrize("name", ["nine", "nine-xl"])
@pytest.mark.parametrize("strength", [0.5, 0.8])
@pytest.mark.parametrize("box", [None, (24, 8, 64, 40)])
@torch.inference_mode()
def test_as_diffusers_inpaints(engine: Engine, box: tuple[int, int, int, int] | None, strength: float, name: str) -> None:
    wish = {"prompt": "a cat", "negative_prompt": "a dog", "model": name, "width": 64, "height": 64, "steps": STEPS, "cfg_scale": CFG, "seed": 3}
    wish |= {"sampler": "Euler", "init.image": kept(engine, painting.ramp(64, 64)), "init.strength": strength, "mask.blur_x": 0, "mask.blur_y": 0}
    if box:
        wish["mask.image"] = kept(engine, painting.box_mask(64, 64, box))
    request, card = engine._resolved(with_values(GenerationRequest(), wish))
    with Relay(engine.models, request.precision, card, None, {}, []) as relay:
        (stage,) = plan(request, relay.record)
        canvas = prepare(relay, stage, [request], engine.blobs)
        (channels,) = (feature for feature in canvas.features if isinstance(feature, InpaintChannels))
        ours = sample(stage, relay.bare, [request], lambda table: relay.denoiser(stage, table, [channels]), canvas.latents)
        model = relay.acting.model
        (positive,), (negative,) = (
            relay.acting.family.encode(model, [text], request.text, {}, Setting(64, 64, negative=against))
            for text, against in ((request.prompt, False), (request.negative_prompt, True))
        )
        pipeline, texts = pipeline_of(model, positive, negative)
        pipeline.set_progress_bar_config(disable=True)
        assert canvas.latents is not None
        theirs = pipeline(
            **texts,
            image=canvas.latents,
            mask_image=painting.box_mask(64, 64, box or (0, 0, 64, 64)),
            masked_image_latents=channels.beside[:, 1:],
            height=64,
            width=64,
            strength=steps_of(stage) / STEPS,  # A1111 does one step more than the share; at 1 diffusers would begin with noise alone
            num_inference_steps=STEPS,
            guidance_scale=CFG,
            generator=torch.Generator().manual_seed(request.seed),
            output_type="latent",
        ).images
    apart = (ours.cpu() - theirs).abs().max().item()
    print(f"at most {apart:.1e} apart, of latents up to {theirs.abs().max():.1f}")
    assert apart < CLOSE * theirs.abs().max().item()
    assert (ours.cpu() - canvas.latents).abs().max() > 0.1, "something was drawn"
