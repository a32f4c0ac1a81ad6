"""Control units on SDXL, ControlNets of several kinds and IP-Adapters too: wired as in diffusers' own pipelines, to 1e-5. And a ControlNet of SD 2.x."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import (
    StableDiffusionControlNetPipeline,
    StableDiffusionXLAdapterPipeline,
    StableDiffusionXLControlNetPipeline,
    StableDiffusionXLControlNetUnionPipeline,
    StableDiffusionXLPipeline,
)
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessor

from modules.core.control import ControlUnit
from modules.core.errors import InvalidRequest, Unsupported
from modules.core.result import Cancel
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
    unet = networks["unet"]
    return {"edges": tiny_control.controlnet(unet), "sketch": tiny_control.t2i_adapter("full_adapter_xl"), "union": tiny_control.controlnet_union(unet)}


@pytest.fixture(scope="module")
def engine(networks: Any, nets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("xl")
    tiny_xl.save_folder(data / "models" / "Stable-diffusion" / "xl", networks, "StableDiffusionXLPipeline")
    place = data / "models" / "ControlNet"
    tiny_control.save_file_of(place / "edges.safetensors", nets["edges"])
    tiny_control.save_ldm(place / "ldm.safetensors", nets["edges"])
    tiny_control.save_file_of(place / "sketch.safetensors", nets["sketch"])
    tiny_control.save_file_of(place / "union.safetensors", nets["union"])
    tiny_control.save_folder(place / "several", nets["union"])
    for kind in ("plain", "plus"):
        tiny_control.save(place / f"{kind}.safetensors", tiny_control.ip_adapter(networks["unet"], kind))
    tiny_control.save_image_encoder(data / "models" / "clip_vision" / "clip.safetensors")
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
    units = (unit(engine, "edges", mode="ControlNet is more important"), unit(engine, "sketch"), unit(engine, "plain", injection="Style only"))
    found = studio.latents(engine, studio.wish(*units))
    assert found.isfinite().all() and not torch.equal(found, studio.latents(engine, studio.wish(*units[:2])))


@pytest.mark.parametrize("kind", ["plain", "plus"])
def test_an_ip_adapter_is_wired_as_in_diffusers(engine: Engine, networks: Any, kind: str) -> None:
    """On a UNet of its own: loading an adapter changes it."""
    made, called = arguments(engine)
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    own = {"unet": tiny_xl.base()["unet"], "image_encoder": tiny_control.image_encoder(), "feature_extractor": processor}
    pipe = StableDiffusionXLPipeline(**{**made, **own}, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    file = engine.shelf.named("ip-adapter", kind).path
    pipe.load_ip_adapter(str(file.parent), subfolder="", weight_name=file.name, image_encoder_folder=None)
    pipe.unet.float()
    pipe.set_ip_adapter_scale(0.7)
    expected = pipe(**{name: value for name, value in called.items() if name != "image"}, ip_adapter_image=called["image"]).images
    found = studio.latents(engine, studio.wish(unit(engine, kind, weight=0.7)))
    assert studio.near(found, expected)
    assert not studio.near(found, studio.latents(engine, studio.wish()))


UNIONS: list[tuple[str, dict[str, Any], int]] = [("union", {"union": "Depth"}, 1), ("several", {"union": "Segmentation"}, 5)]


@pytest.mark.parametrize("file, values, number", UNIONS)
def test_a_controlnet_of_several_kinds_is_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any], file: str, values: dict[str, Any], number: int) -> None:
    made, called = arguments(engine)
    pipe = StableDiffusionXLControlNetUnionPipeline(**made, controlnet=nets["union"], add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        **{name: value for name, value in called.items() if name != "image"}, control_image=[called["image"]], control_mode=[number],
        controlnet_conditioning_scale=0.8, control_guidance_end=0.7,
    ).images  # fmt: skip
    assert studio.near(studio.latents(engine, studio.wish(unit(engine, file, weight=0.8, end=0.7, **values))), expected)


def test_the_kind_of_the_picture_counts_and_the_preprocessor_tells_it(engine: Engine) -> None:
    def run(**values: Any) -> Any:
        return engine.run(studio.wish(unit(engine, "union", **values), steps=2), lambda event: None, lambda: Cancel.NONE, save=False)

    by_itself, chosen, other = run(module="canny"), run(module="canny", union="Hard Edge"), run(module="canny", union="OpenPose")
    assert by_itself.request.control[0].union == "Hard Edge" and "Union Control Type: Hard Edge" in by_itself.pictures[0].infotext
    assert by_itself.request == chosen.request and by_itself.pictures[0].data == chosen.pictures[0].data
    assert Image.open(io.BytesIO(chosen.pictures[0].data)).tobytes() != Image.open(io.BytesIO(other.pictures[0].data)).tobytes()
    with pytest.raises(InvalidRequest, match="does not say which"):
        run()
    with pytest.raises(Unsupported, match="Tile is none of them"):
        run(module="tile_resample")


def test_a_controlnet_of_stable_diffusion_2_is_wired_as_in_diffusers(tmp_path: Path) -> None:
    networks = tiny_xl.second()
    net = tiny_control.controlnet(networks["unet"])
    tiny_xl.save_folder(tmp_path / "models" / "Stable-diffusion" / "second", networks, "StableDiffusionPipeline", {"prediction_type": "epsilon"})
    tiny_control.save_ldm(tmp_path / "models" / "ControlNet" / "edges.safetensors", net)
    engine = studio.engine(tmp_path)
    expected = studio.drawn(StableDiffusionControlNetPipeline, engine, {"controlnet": net}, image=studio.picture(0), controlnet_conditioning_scale=0.8)
    assert studio.near(studio.latents(engine, studio.wish(unit(engine, "edges", weight=0.8))), expected)
