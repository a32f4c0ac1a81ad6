"""No feature lets a step wait for the device, and previews come all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from modules.core.blobs import Blobs
from modules.core.control import ControlMode, ControlUnit
from modules.core.options import Looks
from modules.core.records.samplers import SAMPLERS
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Progress
from modules.engine import wide
from modules.engine.feature import Feature
from modules.engine.features.control import AdapterControl, Control
from modules.engine.features.depth_model import DepthChannel
from modules.engine.features.edit_model import EditChannels
from modules.engine.features.inpaint import InpaintMask
from modules.engine.features.inpaint_model import InpaintChannels
from modules.engine.features.joint_control import JointControl
from modules.engine.features.shortcuts import Reuse, TokenMerging
from modules.engine.features.watch import Pace, Watch
from modules.engine.generate import Engine
from modules.engine.levels import levels_of
from modules.families.family import Model, NetworkCall
from modules.imaging.soft import Softness
from modules.networks.controlnet import ControlNet
from modules.networks.joint_control import JointControlNet
from modules.networks.t2i_adapter import Adapter
from modules.networks.taesd import Decoder
from modules.sampling.step import Step
from tests.engine.counting import QUIET, Lists, Seen, Worn, walked
from tests.engine.features.test_joint_control import flux_net, sd3_net
from tests.networks import tiny, tiny_control, tiny_joint


def masked(model: Model, request: GenerationRequest, soft: Softness | None = None) -> Feature:
    table = levels_of(model, request.spacing)
    return InpaintMask(torch.randn(1, 4, 8, 8), torch.rand(1, 8, 8), soft, SAMPLERS.get(request.sampler).timesteps, table)


def controlled(model: Model, request: GenerationRequest, mode: ControlMode = "Balanced") -> Feature:
    network = ControlNet(tiny_control.controlnet(tiny.parts()[0]).requires_grad_(False).to(model.device))
    return Control(ControlUnit(mode=mode), network, torch.rand(1, 3, 64, 64))


def adapted(model: Model, request: GenerationRequest) -> Feature:
    adapter = Adapter(tiny_control.t2i_adapter().requires_grad_(False).to(model.device), 8)
    return AdapterControl(ControlUnit(mode=ONE_SIDED), adapter, torch.rand(1, 3, 64, 64, device=model.device))


ONE_SIDED: ControlMode = "ControlNet is more important"
WORN: dict[str, tuple[str, Sequence[Worn], int]] = {
    "a mask": ("Euler", [masked], 4),
    "a mask before the network": ("DDIM", [masked], 4),
    "a soft mask": ("Euler a", [partial(masked, soft=Softness())], 4),
    "a ControlNet": ("Euler", [controlled], 4),
    "a ControlNet of one side": ("Euler", [partial(controlled, mode=ONE_SIDED)], 4),
    "a T2I-Adapter of one side": ("Euler", [adapted], 4),
    "an inpainting model": ("Euler", [lambda model, request: InpaintChannels(torch.rand(1, 5, 8, 8)), masked], 9),
    "a model that edits": ("Euler", [lambda model, request: EditChannels(torch.rand(1, 4, 8, 8))], 8),
    "a model of depth": ("Euler", [lambda model, request: DepthChannel(torch.rand(1, 1, 8, 8))], 5),
}


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("what", WORN)
def test_no_feature_lets_a_step_wait_for_the_device(engine: Engine, what: str) -> None:
    sampler, worn, channels = WORN[what]
    between = walked(engine, sampler, "meta", 4, worn, channels).between
    assert between and not any(step["waits"] for step in between)
    assert max(step["sent"] for step in between) <= (sampler not in QUIET)


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("shortcut", [TokenMerging(0.5), Reuse(deep_steps=2)], ids=["token merging", "DeepCache"])
def test_no_shortcut_lets_a_step_wait_for_the_device(engine: Engine, shortcut: Feature) -> None:
    with ExitStack() as standing:

        def attached(model: Model, request: GenerationRequest) -> Feature:
            standing.enter_context(shortcut.attach(model))
            return shortcut

        between = walked(engine, "Euler", "meta", 5, [attached]).between
    assert between and not any(step["waits"] for step in between)


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_no_controlnet_of_a_transformer_lets_a_step_wait_for_the_device(family: str) -> None:
    transformer = (tiny_joint.flux() if family == "flux" else tiny_joint.sd3(t5_too=False))["transformer"]
    made = flux_net(transformer, kinds=5) if family == "flux" else sd3_net(transformer)
    network = JointControlNet(made.to("meta"), family, 1 if family == "flux" else None)
    channels = transformer.config["in_channels"] // (4 if family == "flux" else 1)
    with torch.device("meta"):
        extra = {"pooled_projections": torch.zeros(2, transformer.config["pooled_projection_dim"]), "guidance": torch.zeros(2)}
        call = NetworkCall(torch.zeros(2, channels, 8, 8), torch.zeros(2), torch.zeros(2, 12, network.context), extra, negative=(False, True))
    control = JointControl(ControlUnit(mode=ONE_SIDED), network, torch.zeros(1, channels, 8, 8), transformer.config)
    with torch.inference_mode(), Seen() as seen, Lists(seen):
        for _ in range(3):
            seen.steps.append(Counter())
            control.extend(call, Step())
    assert seen.steps[1]["waits"] and not any(step["waits"] for step in seen.steps[2:])


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("decoded", [False, True])
def test_previews_come_though_no_step_waits_for_them(engine: Engine, monkeypatch: pytest.MonkeyPatch, decoded: bool) -> None:
    """Of twelve steps that take a second each, every second one brings a picture: it was begun at the one before."""
    clock, reports = [100.0], list[Progress]()
    monkeypatch.setattr("modules.engine.features.watch.time.monotonic", lambda: clock[0])

    class Slow(Feature):
        def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
            clock[0] += 1.0
            return call

    pace = Pace(1.0)
    decoder = Decoder(AutoencoderTiny(latent_channels=4).decoder.requires_grad_(False).to("meta"), 4, 0)

    def watching(steps: int) -> Watch:
        show = (lambda latents, side: decoder.pixels(latents, 4)) if decoded else None
        return Watch(reports.append, lambda: Cancel.NONE, 0, 1, 0, steps, pace, (), 32, show)

    between = walked(engine, "Euler", "meta", 12, [lambda model, request: Slow()], watching=watching).between
    assert not any(step["waits"] for step in between) and sum(step["fetched"] for step in between) >= 5
    previews = [one for one in reports if one.preview]
    assert [one.step for one in previews] == [2, 4, 6, 8, 10, 12]
    assert pace.costs == {decoded: pytest.approx(0.002)}, "what the device had of it; the second in which the host did other things is none of it"


@pytest.mark.usefixtures("card")
def test_previews_of_a_models_own_pipeline_are_not_waited_for_either(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock, reports = [100.0], list[Any]()
    monkeypatch.setattr("modules.engine.wide.time.monotonic", lambda: clock[0])

    def draw(model: Any, request: Any, prompts: Any, start: Any, told: Callable[[int, Tensor], bool]) -> None:
        for step in range(6):
            clock[0] += 1.0
            assert told(step + 1, torch.zeros(1, 16, 4, device="meta"))

    monkeypatch.setattr("modules.engine.wide.draw", draw)
    request = GenerationRequest(prompt="a cat", width=64, height=64, steps=6)
    with torch.inference_mode(), Seen() as seen:
        wide.drawn(cast(Model, None), request, (0, 1), Blobs(tmp_path), reports.append, lambda: Cancel.NONE, Looks(preview_interval=1.0))
    assert not seen.steps[0]["waits"] and seen.steps[0]["fetched"] == 3
    assert [one.step for one in reports if one.preview] == [2, 4, 6]
