"""What a step costs, counted and not timed: it never waits for the device, copies nothing to or from it, and takes as much memory as the step before."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modules.core.control import ControlMode, ControlUnit
from modules.core.params import from_dict
from modules.core.records.samplers import SAMPLERS
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.conditioning import Conditioning, Span
from modules.engine.denoise import guided, wrapped
from modules.engine.feature import Feature
from modules.engine.features.control import Control
from modules.engine.features.depth_model import DepthChannel
from modules.engine.features.edit_model import EditChannels
from modules.engine.features.inpaint import InpaintMask
from modules.engine.features.inpaint_model import InpaintChannels
from modules.engine.features.watch import Pace, Watch
from modules.engine.generate import Engine
from modules.engine.levels import levels_of
from modules.engine.plan import plan
from modules.engine.sample import sample
from modules.families.family import Cond, Family, Model
from modules.imaging.soft import Softness
from modules.networks.controlnet import ControlNet
from modules.sampling.parameterization import Table
from modules.sampling.step import Denoise, Denoised, Step
from tests.networks import tiny, tiny_control

LOOKS = {"DPM adaptive"}
"""Samplers whose next step depends on the error of this one."""
QUIET = {"Euler", "Heun", "LMS", "DPM2", "DPM++ 2M", "UniPC", "DEIS (diffusers)", "IPNDM (diffusers)"}
"""Samplers that draw no noise on the way."""
Worn = Callable[[Model, GenerationRequest], Feature]
aten = torch.ops.aten
PINS, COPIES = {aten.pin_memory, aten._pin_memory}, {aten.to, aten._to_copy, aten.copy_}
INDEXINGS = {aten.index, aten.index_put_, aten.index_put}
MOST_OPERATIONS = 16
"""Of torch, in a step of Euler with guidance, beside the network's own."""


class Seen(TorchDispatchMode):
    """Every operation of torch. Per step: `operations`; `new`, tensors that are; `waits`, copies between the host and a device for which the host would wait;
    `sent`, those for which it would not. The device without memory, `meta`, stands for a card: here the host's memory can be pinned for it."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Counter[str]] = [Counter()]
        self._pinned: list[Tensor] = []
        self._made: list[Tensor] = []

    @property
    def between(self) -> list[Counter[str]]:
        """From the second call of the network to the one before the last: at the first one texts go to the device, and behind the last stands the end."""
        return self.steps[2:-1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        if func.overloadpacket in PINS:
            out = args[0].clone()
            self._pinned.append(out)
        else:
            out = func(*args, **kwargs)
        known, devices = {one.untyped_storage()._cdata for one in given}, {one.device for one in given if one.dim()}
        made = [one for one in tree_leaves(out) if isinstance(one, Tensor)]
        count = self.steps[-1]
        count["operations"] += 1
        count["new"] += sum(one.untyped_storage()._cdata not in known for one in made)
        copied = func.overloadpacket in COPIES and {one.device for one in given} != {one.device for one in made}
        told = dict(zip((one.name for one in func._schema.arguments), args, strict=False)) | kwargs
        if copied and told.get("non_blocking") and any(args[0] is one for one in self._pinned):
            count["sent"] += 1
        else:
            count["waits"] += copied or len(devices) > 1 or self._of_a_list(func, given[1:])
        self._made += [one for one in made if not one.is_floating_point()]
        return out

    def _of_a_list(self, func: Any, indices: Sequence[Tensor]) -> bool:
        """An index that no operation made: torch makes one of a Python list on the device, before it is looked up."""
        return func.overloadpacket in INDEXINGS and any(not any(one is other for other in self._made) for one in indices if not one.is_floating_point())


@dataclass
class Lists(TorchFunctionMode):
    """What torch makes of Python's numbers on a device, which no operation shows either: the host waits for that, too."""

    seen: Seen

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        self.seen.steps[-1]["waits"] += func in (torch.tensor, torch.as_tensor) and out.device.type != "cpu"
        return out


def parts_of(engine: Engine) -> dict[str, Any]:
    return engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32").model.parts


def walked(engine: Engine, sampler: str, device: str, steps: int = 4, worn: Sequence[Worn] = (), channels: int = 4) -> Seen:
    """Samples by the engine's own loop, with a negative prompt, guidance and a watch, on the tiny UNet. worn: features beside those, made for the model."""
    loaded = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32")
    request = from_dict(GenerationRequest, {"prompt": "a cat", "width": 64, "height": 64, "steps": steps, "seed": 1, "sampler": sampler})
    unet = loaded.model.parts["unet"] if channels == 4 else tiny.parts(channels=channels)[0].requires_grad_(False)
    parts = {"unet": unet if device == "cpu" else copy.deepcopy(unet).to(device)}
    model: Model = replace(loaded.model, device=device, parts=parts, beside=channels - 4)
    family: Family = loaded.family
    stage = plan(request, model.record, 512)[0]
    texts = Conditioning([1.0], [Span(10**6, (Cond(torch.randn(77, tiny.WIDTH)),), Cond(torch.randn(77, tiny.WIDTH)))], None)
    features, seen = [make(model, request) for make in worn], Seen()

    def counted(denoise: Denoise) -> Denoise:
        def count(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
            seen.steps.append(Counter())
            return denoise(x, sigma, step)

        return count

    def denoise_with(table: Table) -> Denoise:
        watch = Watch(lambda event: None, lambda: Cancel.NONE, 0, 1, 0, steps, Pace(0))
        return counted(wrapped(guided(family, model, table, texts, request, features), [*features, watch]))

    with torch.inference_mode(), seen, Lists(seen):
        sample(stage, model, [request], denoise_with)
    return seen


def masked(model: Model, request: GenerationRequest, soft: Softness | None = None) -> Feature:
    table = levels_of(model, request.spacing)
    return InpaintMask(torch.randn(1, 4, 8, 8), torch.rand(1, 8, 8), soft, SAMPLERS.get(request.sampler).timesteps, table)


def guided_by(mode: ControlMode) -> Worn:
    def made(model: Model, request: GenerationRequest) -> Feature:
        network = ControlNet(tiny_control.controlnet(tiny.parts()[0]).requires_grad_(False).to(model.device))
        return Control(ControlUnit(mode=mode), network, torch.rand(1, 3, 64, 64))

    return made


WORN: dict[str, tuple[Sequence[Worn], int]] = {
    "a mask": ([masked], 4),
    "a soft mask": ([partial(masked, soft=Softness())], 4),
    "a ControlNet": ([guided_by("Balanced")], 4),
    "a ControlNet of one side": ([guided_by("ControlNet is more important")], 4),
    "an inpainting model": ([lambda model, request: InpaintChannels(torch.rand(1, 5, 8, 8)), masked], 9),
    "a model that edits": ([lambda model, request: EditChannels(torch.rand(1, 4, 8, 8))], 8),
    "a model of depth": ([lambda model, request: DepthChannel(torch.rand(1, 1, 8, 8))], 5),
}


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The device without memory is handled as a card is."""
    monkeypatch.setattr("modules.sampling.noise.PINNING", ("meta",))


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("sampler", [one.name for one in SAMPLERS if one.name not in LOOKS])
def test_no_step_waits_for_the_device(engine: Engine, sampler: str) -> None:
    """On a device without memory whatever would look at a number fails: `item`, `cpu`, `nonzero`, a comparison that is branched on."""
    between = walked(engine, sampler, "meta").between
    assert between and not any(step["waits"] for step in between)
    assert max(step["sent"] for step in between) <= (sampler not in QUIET), "fresh noise comes from the host, nothing else"


@pytest.mark.usefixtures("card")
@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("what", WORN)
def test_no_feature_lets_a_step_wait_for_the_device(engine: Engine, what: str, sampler: str) -> None:
    between = walked(engine, sampler, "meta", 4, *WORN[what]).between
    assert between and not any(step["waits"] for step in between)
    assert max(step["sent"] for step in between) <= (sampler not in QUIET)


def test_what_looks_at_a_number_would_be_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.engine.denoise.combine", lambda answers, guide: answers[0] * float(answers[0].max()))
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        walked(engine, "Euler", "meta")


def test_a_copy_that_is_waited_for_would_be_found() -> None:
    there, host = torch.zeros(4, 3, device="meta"), torch.randn(3)
    with Seen() as seen, Lists(seen):
        for index, work in enumerate(
            (
                lambda: host.to("meta"),
                lambda: host.to("meta", non_blocking=True),  # not pinned: the driver reads it before it returns
                lambda: there[[0, 2]],
                lambda: there[torch.tensor([0, 2])],
                lambda: torch.tensor([0, 2], device="meta"),
                lambda: there[0].copy_(host),
            )
        ):
            work()
            assert (seen.steps[-1]["waits"], seen.steps[-1]["sent"]) == (index + 1, 0)
        host.pin_memory().to("meta", non_blocking=True)
        assert (seen.steps[-1]["waits"], seen.steps[-1]["sent"]) == (6, 1)


@pytest.mark.parametrize("sampler", ["Euler", "Euler a", "DPM++ 2M", "DDIM"])
def test_a_step_takes_as_much_as_the_one_before_however_many_there_are(engine: Engine, sampler: str) -> None:
    few, many = (walked(engine, sampler, "cpu", steps).between[1:] for steps in (5, 9))
    assert len({tuple(sorted(step.items())) for step in (*few, *many)}) == 1


def test_beside_the_network_a_step_is_a_handful_of_operations(engine: Engine) -> None:
    unet, alone = parts_of(engine)["unet"], Seen()
    with torch.inference_mode(), alone:
        unet(torch.zeros(2, 4, 8, 8), torch.zeros(2), encoder_hidden_states=torch.zeros(2, 77, tiny.WIDTH), return_dict=False)
    inside = alone.steps[0]["operations"] - 4  # the zeros
    assert {step["operations"] - inside for step in walked(engine, "Euler", "cpu").between} <= set(range(MOST_OPERATIONS + 1))
