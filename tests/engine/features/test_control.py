"""ControlNets and T2I-Adapters: wired as in diffusers' own pipelines, to 1e-5; and what our own modes do to them."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionAdapterPipeline, StableDiffusionControlNetPipeline, T2IAdapter
from PIL import Image
from torch import Tensor

from modules.core.control import ControlUnit
from modules.core.groups.passes import Hires
from modules.core.result import Cancel
from modules.engine.features.control import Control, acts, spread
from modules.engine.generate import Engine
from modules.families.family import NetworkCall
from modules.networks.controlnet import ControlNet
from modules.sampling.step import Step
from tests.engine import control_studio as studio
from tests.networks import tiny, tiny_control


@pytest.fixture(scope="module")
def nets() -> dict[str, ControlNetModel | T2IAdapter]:
    unet = tiny.parts()[0]
    return {
        "edges": tiny_control.controlnet(unet),
        "depth": tiny_control.controlnet(unet, seed=5),
        "sketch": tiny_control.t2i_adapter(),
    }


@pytest.fixture(scope="module")
def engine(nets: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    data = tmp_path_factory.mktemp("control")
    studio.checkpoint(data)
    place = data / "models" / "ControlNet"
    tiny_control.save_ldm(place / "edges.safetensors", nets["edges"])
    tiny_control.save_file_of(place / "depth.safetensors", nets["depth"])
    tiny_control.save_authors(place / "sketch.safetensors", nets["sketch"])
    return studio.engine(data)


def unit(engine: Engine, model: str, seed: int = 0, **values: Any) -> ControlUnit:
    return ControlUnit(model=model, image=studio.kept(engine, studio.picture(seed)), **values)


def drawn(engine: Engine, controlnet: Any, image: Any, **values: Any) -> Tensor:
    """Latents from diffusers' ControlNet pipeline."""
    return studio.drawn(StableDiffusionControlNetPipeline, engine, {"controlnet": controlnet}, image=image, **values)


def test_one_controlnet_is_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any]) -> None:
    found = studio.latents(engine, studio.wish(unit(engine, "edges", weight=0.8)))
    assert studio.near(found, drawn(engine, nets["edges"], studio.picture(0), controlnet_conditioning_scale=0.8))
    assert not studio.near(found, studio.latents(engine, studio.wish()))


def test_several_with_weights_starts_and_ends_are_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any]) -> None:
    units = (unit(engine, "edges", weight=0.8, start=0.25), unit(engine, "depth", 1, weight=1.4, end=0.7))
    expected = drawn(
        engine,
        [nets["edges"], nets["depth"]],
        [studio.picture(0), studio.picture(1)],
        controlnet_conditioning_scale=[0.8, 1.4],
        control_guidance_start=[0.25, 0.0],
        control_guidance_end=[1.0, 0.7],
    )
    assert studio.near(studio.latents(engine, studio.wish(*units)), expected)


def test_a_t2i_adapter_is_wired_as_in_diffusers(engine: Engine, nets: dict[str, Any]) -> None:
    expected = studio.drawn(StableDiffusionAdapterPipeline, engine, {"adapter": nets["sketch"]}, image=studio.picture(0), adapter_conditioning_scale=0.6)
    assert studio.near(studio.latents(engine, studio.wish(unit(engine, "sketch", weight=0.6))), expected)


def test_an_adapter_beside_a_controlnet_adds_to_it(engine: Engine) -> None:
    one, other = unit(engine, "sketch"), unit(engine, "edges")
    found = [studio.latents(engine, studio.wish(*units)) for units in ((one,), (other,), (one, other), (other, one))]
    assert not torch.equal(found[0], found[1]) and not torch.equal(found[2], found[1])
    assert studio.near(found[2], found[3])


def said(network: ControlNet, mode: Any, negative: tuple[bool, ...] = (False, True), **values: Any) -> list[Tensor]:
    """What a unit adds to a call of two rows: to each output of the UNet's first half, and to its middle."""
    torch.manual_seed(9)
    wish = ControlUnit(mode=mode, weight=2.0, **values)
    call = NetworkCall(
        torch.randn(1, 4, 8, 8).expand(2, -1, -1, -1), torch.full((2,), 5.0), torch.randn(1, 77, tiny.WIDTH).expand(2, -1, -1), negative=negative
    )
    extra = Control(wish, network, torch.rand(1, 3, 64, 64)).extend(call, Step()).extra
    return [*extra["down_block_additional_residuals"], extra["mid_block_additional_residual"]] if extra else []


@torch.inference_mode()
def test_the_modes_weigh_layers_and_sides(nets: dict[str, Any]) -> None:
    network = ControlNet(nets["edges"])
    balanced = said(network, "Balanced")
    plain = network.residuals(torch.zeros(1, 4, 8, 8), torch.zeros(1), torch.zeros(1, 77, tiny.WIDTH), torch.zeros(1, 3, 64, 64))
    assert [output.shape[1:] for output in balanced] == [output.shape[1:] for output in (*plain[0], plain[1])]
    falling = [0.825 ** (len(balanced) - 1 - place) for place in range(len(balanced))]
    for output, whole, share in zip(said(network, "My prompt is more important"), balanced, falling, strict=True):
        assert torch.allclose(output, whole * share) and output[1].any()
    for output, whole, share in zip(said(network, "ControlNet is more important"), balanced, falling, strict=True):
        assert torch.allclose(output[0], whole[0] * share, atol=1e-5) and not output[1].any()
    assert all(bool(output[1].any()) for output in said(network, "ControlNet is more important", (False, False)))
    assert said(network, "ControlNet is more important", (True, True)) == []


@torch.inference_mode()
def test_a_network_that_averages_speaks_for_the_prompts_side_alone(nets: dict[str, Any]) -> None:
    made = tiny_control.controlnet(tiny.parts()[0], global_pool_conditions=True)
    for output in said(ControlNet(made), "Balanced"):
        assert output.shape[2:] == (1, 1) and output[0].any() and not output[1].any()


@pytest.mark.parametrize("mode", ["My prompt is more important", "ControlNet is more important"])
@pytest.mark.parametrize("model", ["edges", "sketch"])
def test_each_mode_is_another_picture(engine: Engine, mode: str, model: str) -> None:
    balanced = unit(engine, model)
    found, plain = (studio.latents(engine, studio.wish(one)) for one in (replace(balanced, mode=mode), balanced))  # type: ignore[arg-type]
    assert found.isfinite().all() and not torch.equal(found, plain)


@pytest.mark.parametrize("start, end, expected", [(0, 1, [0, 1, 2, 3]), (0.5, 1, [2, 3]), (0, 0.5, [0, 1]), (0.25, 0.75, [1, 2]), (0, 0, []), (0.3, 0.8, [2])])
def test_it_acts_within_its_share_of_the_steps(start: float, end: float, expected: list[int]) -> None:
    wish = ControlUnit(start=start, end=end)
    assert [index for index in range(4) if acts(wish, Step(index=index, total=4))] == expected
    assert not acts(ControlUnit(weight=0), Step())


def test_rows_that_are_left_out_get_nothing() -> None:
    assert torch.equal(spread(torch.ones(1, 2), torch.tensor([1]), 3), torch.tensor([[0.0, 0], [1, 1], [0, 0]]))


def test_a_network_that_reads_another_text_is_left_alone(nets: dict[str, Any]) -> None:
    feature = Control(ControlUnit(), ControlNet(nets["edges"]), torch.zeros(1, 3, 64, 64))
    call = NetworkCall(torch.zeros(1, 4, 8, 8), torch.zeros(1), torch.zeros(1, 77, tiny.WIDTH + 1))
    assert feature.extend(call, Step()) is call


def test_the_same_in_a_batch_and_alone_and_without_it_as_before(engine: Engine) -> None:
    before = studio.latents(engine, studio.wish())

    def run(**values: Any) -> list[bytes]:
        result = engine.run(studio.wish(unit(engine, "edges"), **values), lambda event: None, lambda: Cancel.NONE, save=False)
        return [picture.data for picture in result.pictures]

    together = run(batch_size=2)
    assert run()[0] != together[1]
    (alone,) = run(seed=4)
    assert Image.open(io.BytesIO(alone)).tobytes() == Image.open(io.BytesIO(together[1])).tobytes()
    assert torch.equal(studio.latents(engine, studio.wish()), before)


def test_in_the_second_pass_alone(engine: Engine) -> None:
    hires = Hires(enabled=True, scale=1.5, steps=2)

    def run(*units: ControlUnit) -> bytes:
        (picture,) = engine.run(studio.wish(*units, hires=hires), lambda event: None, lambda: Cancel.NONE, save=False).pictures
        return Image.open(io.BytesIO(picture.data)).tobytes()

    found = {which: run(unit(engine, "edges", hires=which)) for which in ("Both", "Low res only", "High res only")}
    assert len({*found.values(), run()}) == 4
