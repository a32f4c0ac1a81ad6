"""Models that edit by instruction and models that draw after a depth map, beside diffusers' own pipelines: the same components, conditionings, noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionDepth2ImgPipeline, StableDiffusionInstructPix2PixPipeline
from PIL import Image
from torch import Tensor

from modules.catalog.scan import Library
from modules.core.errors import NotFound, Unsupported
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.companions import beside
from modules.engine.features.depth_model import DepthChannel
from modules.engine.features.edit_model import EditChannels
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.relay import Relay
from modules.engine.sample import sample, steps_of
from modules.engine.start import prepare
from modules.families.family import NetworkCall
from modules.networks import depth
from tests.engine.conftest import pixels
from tests.engine.refining import drawn, engine_of_two
from tests.engine.test_outpaint import kept
from tests.imaging import painting
from tests.networks import tiny, tiny_depth, tiny_xl

STEPS, CFG = 4, 6.0
CLOSE = 1e-5
ONE_PICTURE: dict[str, Any] = {"width": 64, "height": 64, "sampler": "Euler", "prompt": "make it blue", "negative_prompt": "a dog", "seed": 3}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data: Path = tmp_path_factory.mktemp("beside")
    place = data / "models" / "Stable-diffusion"
    tiny.save_single(place / "edits.safetensors", tiny.ldm_tensors(*tiny.parts(channels=8)))
    tiny.save_single(place / "edits-xl.safetensors", tiny_xl.ldm_tensors(tiny_xl.base(channels=8)))
    tiny.save_single(place / "deep.safetensors", tiny_xl.second_tensors(tiny_xl.second(channels=5)))
    return engine_of_two(data)


def wished(engine: Engine, **values: Any) -> tuple[GenerationRequest, Any]:
    wish: dict[str, Any] = {**ONE_PICTURE, "steps": STEPS, "cfg_scale": CFG, "init.image": kept(engine, painting.ramp(64, 64)), **values}
    return engine._resolved(with_values(GenerationRequest(), wish))


@pytest.mark.parametrize("scale", [1.0, 1.5, 3.0])
@torch.inference_mode()
def test_as_diffusers_edits(engine: Engine, scale: float) -> None:
    request, card = wished(engine, **{"model": "edits", "init.image_cfg": scale})
    assert card.variant == "pix2pix"
    with Relay(engine.models, request.precision, card, None, {}, []) as relay:
        (stage,) = plan(request, relay.record)
        stage = replace(stage, strength=None)  # diffusers begins with noise alone
        canvas = prepare(relay, stage, [request], engine.blobs)
        (channels,) = (feature for feature in canvas.features if isinstance(feature, EditChannels))
        ours = sample(stage, relay.bare, [request], lambda table: relay.denoiser(stage, table, [channels]))
        model = relay.acting.model
        texts = [relay.acting.family.encode(model, [text], request.text, {})[0].context[None] for text in (request.prompt, request.negative_prompt)]
        pipeline = StableDiffusionInstructPix2PixPipeline(
            vae=model.parts["vae"], text_encoder=None, tokenizer=None, unet=model.parts["unet"],
            scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        pipeline.set_progress_bar_config(disable=True)
        theirs = pipeline(
            prompt_embeds=texts[0], negative_prompt_embeds=texts[1], image=painting.ramp(64, 64), num_inference_steps=STEPS, guidance_scale=CFG,
            image_guidance_scale=scale, latents=torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(request.seed)), output_type="latent",
        ).images  # fmt: skip
    apart = (ours.cpu() - theirs).abs().max().item()
    print(f"at most {apart:.1e} apart, of latents up to {theirs.abs().max():.1f}")
    assert apart < CLOSE * theirs.abs().max().item()


@pytest.mark.parametrize("model", ["edits", "edits-xl"])
def test_a_picture_is_edited_and_its_text_says_how(engine: Engine, model: str) -> None:
    wish: dict[str, Any] = {**ONE_PICTURE, "model": model, "steps": 2, "init__image": kept(engine, painting.ramp(64, 64))}
    plain, closer = drawn(engine, **wish).pictures[0], drawn(engine, **wish, init__image_cfg=4.0).pictures[0]
    assert "Image CFG scale: 1.5" in plain.infotext and "Image CFG scale: 4.0" in closer.infotext
    assert not np.array_equal(pixels(plain), pixels(closer))
    parts = {**wish, "prompt": "a AND b"}
    batch = drawn(engine, **parts, batch_size=2).pictures
    assert drawn(engine, **{**parts, "seed": 4}).pictures[0].data == batch[1].data


def test_others_are_not_told_of_it(engine: Engine) -> None:
    made = drawn(engine, **ONE_PICTURE, model="tiny", steps=2, init__image=kept(engine, painting.ramp(64, 64)), init__image_cfg=4.0).pictures[0]
    assert made.request.init.image_cfg is None and "Image CFG" not in made.infotext


def test_without_a_picture_there_is_nothing_to_edit(engine: Engine) -> None:
    with pytest.raises(Unsupported, match="edits a picture by instruction, and there is none") as refused:
        drawn(engine, **ONE_PICTURE, model="edits")
    assert refused.value.field == "model"


def test_a_map_becomes_the_channel_that_diffusers_makes_of_it(engine: Engine) -> None:
    depth = painting.ramp(64, 64).convert("L")
    request, card = wished(engine, **{"model": "deep", "init.depth": kept(engine, depth)})
    assert card.variant == "depth"
    with torch.inference_mode(), Relay(engine.models, request.precision, card, None, {}, []) as relay:
        (stage,) = plan(request, relay.record)
        (channel,) = (feature for feature in prepare(relay, stage, [request], engine.blobs).features if isinstance(feature, DepthChannel))
        model = relay.acting.model
        pipeline = StableDiffusionDepth2ImgPipeline(**{part: model.parts[part] for part in ("vae", "unet")}, text_encoder=None, tokenizer=None,
                                                    scheduler=None, depth_estimator=None, feature_extractor=None)  # fmt: skip
        given = torch.from_numpy(np.asarray(depth, np.float32).copy())[None]
        theirs = pipeline.prepare_depth_map([painting.ramp(64, 64)], given, 1, False, torch.float32, "cpu")
        torch.testing.assert_close(channel.beside, theirs, atol=1e-6, rtol=0)
        x, context = torch.ones(2, 4, 8, 8), torch.ones(2, 77, tiny_xl.BIG)
        out = relay.acting.family.predict(model, channel.extend(NetworkCall(x, torch.tensor([5.0, 5.0]), context), None))  # type: ignore[arg-type]
        expected = model.parts["unet"](torch.cat([x, theirs.expand(2, -1, -1, -1)], 1), torch.tensor([5.0, 5.0]), encoder_hidden_states=context).sample
        torch.testing.assert_close(out, expected)


@pytest.mark.parametrize("strength", [0.5, 0.9])
@torch.inference_mode()
def test_as_diffusers_draws_after_depth(engine: Engine, strength: float) -> None:
    """From the start picture's latents, with the same noise, to the last step."""
    depth = painting.ramp(64, 64).convert("L").transpose(Image.Transpose.ROTATE_90)
    request, card = wished(engine, **{"model": "deep", "init.depth": kept(engine, depth), "init.strength": strength, "steps": 8})
    with Relay(engine.models, request.precision, card, None, {}, []) as relay:
        (stage,) = plan(request, relay.record)
        canvas = prepare(relay, stage, [request], engine.blobs)
        (channel,) = (feature for feature in canvas.features if isinstance(feature, DepthChannel))
        ours = sample(stage, relay.bare, [request], lambda table: relay.denoiser(stage, table, [channel]), canvas.latents)
        model = relay.acting.model
        assert model.prediction == "eps" and canvas.latents is not None
        texts = [relay.acting.family.encode(model, [text], request.text, {})[0].context[None] for text in (request.prompt, request.negative_prompt)]
        pipeline = StableDiffusionDepth2ImgPipeline(
            vae=model.parts["vae"], unet=model.parts["unet"], text_encoder=None, tokenizer=None, depth_estimator=None, feature_extractor=None,
            scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="linspace"),
        )  # fmt: skip
        pipeline.set_progress_bar_config(disable=True)
        pipeline.prepare_depth_map = partial(_mapped, pipeline.prepare_depth_map, [painting.ramp(64, 64)])
        theirs = pipeline(
            prompt_embeds=texts[0], negative_prompt_embeds=texts[1], image=canvas.latents, depth_map=torch.from_numpy(np.asarray(depth, np.float32).copy())[None],
            strength=steps_of(stage) / 8, num_inference_steps=8, guidance_scale=CFG, generator=torch.Generator().manual_seed(request.seed), output_type="latent",
        ).images  # fmt: skip
    apart = (ours.cpu() - theirs).abs().max().item()
    print(f"at most {apart:.1e} apart, of latents up to {theirs.abs().max():.1f}")
    assert apart < CLOSE * theirs.abs().max().item()
    assert (ours.cpu() - canvas.latents).abs().max() > 0.1, "something was drawn"


def _mapped(prepare: Callable[..., Tensor], images: list[Image.Image], image: Tensor, *told: Any) -> Tensor:
    """diffusers measures the picture to know the map's size; given as latents it must be told."""
    return prepare(images, *told)


def test_a_map_draws_from_text_from_a_picture_and_through_a_mask(engine: Engine) -> None:
    near, far = (kept(engine, image) for image in (painting.ramp(64, 64), painting.ramp(64, 64).transpose(Image.Transpose.FLIP_LEFT_RIGHT)))
    wish: dict[str, Any] = {**ONE_PICTURE, "model": "deep", "steps": 2}
    one, other = (pixels(drawn(engine, **wish, init__depth=depth).pictures[0]) for depth in (near, far))
    assert not np.array_equal(one, other)
    larger = drawn(engine, **wish, init__depth=near, hires__enabled=True, hires__upscaler="Latent", hires__scale=1.5).pictures[0]
    assert (larger.width, larger.height) == (96, 96)
    box = kept(engine, painting.box_mask(64, 64, (0, 0, 32, 64)))
    part = drawn(engine, **wish, init__depth=near, init__image=near, mask__image=box, mask__area="Only masked", mask__padding=0, mask__blur_x=0, mask__blur_y=0)
    kept_half = np.asarray(painting.ramp(64, 64).convert("RGB"))[:, 40:]
    assert np.array_equal(pixels(part.pictures[0])[:, 40:], kept_half)


def test_without_a_map_or_where_it_ends_it_is_refused(engine: Engine) -> None:
    with pytest.raises(Unsupported, match="draws after a depth map") as refused:
        drawn(engine, **ONE_PICTURE, model="deep", init__image=kept(engine, painting.ramp(64, 64)))
    assert refused.value.field == "init.depth"
    for model in ("deep", "edits"):
        with pytest.raises(Unsupported, match="cannot make a picture grow"):
            drawn(engine, **ONE_PICTURE, model=model, init__image=kept(engine, painting.ramp(64, 64)), outpaint__right=64)


def test_a_network_makes_the_map_of_a_start_picture_and_is_recorded(tmp_path: Path) -> None:
    tiny.save_single(tmp_path / "models" / "Stable-diffusion" / "deep.safetensors", tiny_xl.second_tensors(tiny_xl.second(channels=5)))
    place = tiny_depth.save(tmp_path / "models" / "annotators" / "near", tiny_depth.dpt())
    engine = engine_of_two(tmp_path)
    wish: dict[str, Any] = {**ONE_PICTURE, "model": "deep", "steps": 2, "init__image": kept(engine, painting.ramp(64, 64)), "init__strength": 1.0}
    made = drawn(engine, **wish).pictures[0]
    ((name, sha256),) = made.request.companions.items()
    assert name == "near" and len(sha256) == 64
    given = kept(engine, depth.load(place, "cpu").map(painting.ramp(64, 64)))
    ready = drawn(engine, **wish, init__depth=given).pictures[0]
    assert np.array_equal(pixels(ready), pixels(made)) and not ready.request.companions
    assert isinstance(engine.shelf, Library)
    assert beside(made.request, engine.shelf) == (made.request.companions, ""), "a picture that is read again keeps it"
    assert beside(with_values(made.request, {"companions": {"near": "", "ae": ""}}), engine.shelf) == ({"near": ""}, "")
    again = engine.run(made.request, lambda event: None, lambda: Cancel.NONE, save=False).pictures[0]
    assert again.data == made.data
    with pytest.raises(NotFound, match="network for depth"):
        drawn(engine, **wish, companions={"other": "0" * 64})
