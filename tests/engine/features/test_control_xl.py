"""Control units on SDXL: a ControlNet wired as in diffusers' own pipeline, to 1e-5; a T2I-Adapter and an IP-Adapter beside it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import StableDiffusionXLAdapterPipeline, StableDiffusionXLControlNetPipeline
from torch import Tensor

from modules.core.control import ControlUnit
from modules.engine.generate import Engine
from modules.families.family import Setting
from modules.sampling.scheduler import SamplerScheduler
from tests.engine import control_studio as studio
from tests.networks import tiny_control, tiny_xl


@pytest.fixture(scope="module")
def networks() -> Any:
    return tiny_xl.base()


@pytest.fixture(scope="module")
def nets(networks: Any) -> dict[str, Any]:
    return {"edges": tiny_control.controlnet(networks["unet"]), "sketch": tiny_control.t2i_adapter("full_adapter_xl")}


@pytest.fixture(scope="module")
def engine(networks: Any, nets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("xl")
    tiny_xl.save_folder(data / "models" / "Stable-diffusion" / "xl", networks, "StableDiffusionXLPipeline")
    place = data / "models" / "ControlNet"
    tiny_control.save_file_of(place / "edges.safetensors", nets["edges"])
    tiny_control.save_ldm(place / "ldm.safetensors", nets["edges"])
    tiny_control.save_file_of(place / "sketch.safetensors", nets["sketch"])
    tiny_control.save(place / "look.safetensors", tiny_control.ip_adapter(networks["unet"]))
    vision = {name: tensor.contiguous() for name, tensor in tiny_control.image_encoder().state_dict().items()}
    tiny_control.save(data / "models" / "clip_vision" / "clip.safetensors", vision)
    return studio.engine(data)


def unit(engine: Engine, model: str, **values: Any) -> ControlUnit:
    return ControlUnit(model=model, image=studio.kept(engine, studio.picture(0)), **values)


def arguments(engine: Engine) -> tuple[dict[str, Any], dict[str, Any]]:
    """What diffusers' pipelines are made with, and called with: the engine's own networks and conditionings."""
    loaded = engine.models.load(engine.shelf.checkpoint("xl"), "fp32")
    request = studio.wish()
    (positive,), (negative,) = (
        loaded.family.encode(loaded.model, [text], request.text, {}, one)
        for text, one in ((request.prompt, Setting(64, 64)), (request.negative_prompt, Setting(64, 64, negative=True)))
    )
    parts = {name: loaded.model.parts[name] for name in ("unet", "vae", "text_encoder", "text_encoder_2")}
    told: dict[str, Tensor] = {
        "prompt_embeds": positive.context[None], "negative_prompt_embeds": negative.context[None],
        "pooled_prompt_embeds": positive.extra["text_embeds"][None], "negative_pooled_prompt_embeds": negative.extra["text_embeds"][None],
    }  # fmt: skip
    size = (studio.SIDE, studio.SIDE)
    made = {**parts, "tokenizer": None, "tokenizer_2": None, "scheduler": SamplerScheduler(sampler="Euler")}
    return made, {
        **told, "image": studio.picture(0), "num_inference_steps": studio.STEPS, "guidance_scale": 7.0, "output_type": "latent", "original_size": size,
        "target_size": size, "crops_coords_top_left": (0, 0), "generator": torch.Generator().manual_seed(3), "height": studio.SIDE, "width": studio.SIDE,
    }  # fmt: skip


@pytest.mark.parametrize("file", ["edges", "ldm"])
def test_a_controlnet_is_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any], file: str) -> None:
    made, called = arguments(engine)
    pipe = StableDiffusionXLControlNetPipeline(**made, controlnet=nets["edges"], add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(**called, controlnet_conditioning_scale=0.8, control_guidance_end=0.7).images
    assert studio.near(studio.latents(engine, studio.wish(unit(engine, file, weight=0.8, end=0.7))), expected)


def test_a_t2i_adapter_is_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any]) -> None:
    made, called = arguments(engine)
    pipe = StableDiffusionXLAdapterPipeline(**made, adapter=nets["sketch"])
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(**called, adapter_conditioning_scale=0.6).images
    assert studio.near(studio.latents(engine, studio.wish(unit(engine, "sketch", weight=0.6))), expected)


def test_all_kinds_at_once_in_the_modes(engine: Engine) -> None:
    units = (unit(engine, "edges", mode="ControlNet is more important"), unit(engine, "sketch"), unit(engine, "look", injection="Style only"))
    found = studio.latents(engine, studio.wish(*units))
    assert found.isfinite().all() and not torch.equal(found, studio.latents(engine, studio.wish(*units[:2])))
