"""What a step costs, counted and not timed: it never waits for the device, copies nothing to or from it, and takes as much memory as the step before."""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modules.core.params import from_dict
from modules.core.records.samplers import SAMPLERS
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.conditioning import Conditioning, Span
from modules.engine.denoise import guided, wrapped
from modules.engine.features.watch import Pace, Watch
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.sample import sample
from modules.families.family import Cond, Family, Model
from modules.sampling.parameterization import Table
from modules.sampling.step import Denoise, Denoised, Step
from tests.networks import tiny

LOOKS = {"DPM adaptive"}
"""Samplers whose next step depends on the error of this one."""
QUIET = {"Euler", "Heun", "LMS", "DPM2", "DPM++ 2M", "UniPC"}
"""Samplers that draw no noise on the way."""
MOST_OPERATIONS = 16
"""Of torch, in a step of Euler with guidance, beside the network's own."""


class Seen(TorchDispatchMode):
    """Every operation of torch: per step, how many copies from one device to another, how many tensors that are new, and how many operations."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Counter[str]] = [Counter()]

    @property
    def between(self) -> list[Counter[str]]:
        """From the second call of the network to the one before the last: at the first one texts go to the device, and behind the last stands the end."""
        return self.steps[2:-1]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        known, devices = {one.untyped_storage()._cdata for one in given}, {one.device for one in given if one.dim()}
        made = [one for one in tree_leaves(out) if isinstance(one, Tensor)]
        count = self.steps[-1]
        count["operations"] += 1
        count["copies"] += any(one.device not in devices for one in made) and bool(devices)
        count["new"] += sum(one.untyped_storage()._cdata not in known for one in made)
        return out


def parts_of(engine: Engine) -> dict[str, Any]:
    return engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32").model.parts


def walked(engine: Engine, sampler: str, device: str, steps: int = 4) -> Seen:
    """Samples by the engine's own loop, with a negative prompt, guidance and a watch, on the tiny UNet."""
    loaded = engine.models.load(engine.shelf.hashed(engine.shelf.checkpoint("tiny")), "fp32")
    request = from_dict(GenerationRequest, {"prompt": "a cat", "width": 64, "height": 64, "steps": steps, "seed": 1, "sampler": sampler})
    unet = loaded.model.parts["unet"]
    model: Model = replace(loaded.model, device=device, parts={"unet": unet if device == "cpu" else copy.deepcopy(unet).to(device)})
    family: Family = loaded.family
    stage = plan(request, model.record, 512)[0]
    texts = Conditioning([1.0], [Span(10**6, (Cond(torch.randn(77, tiny.WIDTH)),), Cond(torch.randn(77, tiny.WIDTH)))], None)
    seen = Seen()

    def counted(denoise: Denoise) -> Denoise:
        def count(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
            seen.steps.append(Counter())
            return denoise(x, sigma, step)

        return count

    def denoise_with(table: Table) -> Denoise:
        watch = Watch(lambda event: None, lambda: Cancel.NONE, 0, 1, 0, steps, Pace(0))
        return counted(wrapped(guided(family, model, table, texts, request, ()), [watch]))

    with torch.inference_mode(), seen:
        sample(stage, model, [request], denoise_with)
    return seen


@pytest.mark.parametrize("sampler", [one.name for one in SAMPLERS if one.name not in LOOKS])
def test_no_step_waits_for_the_device(engine: Engine, sampler: str) -> None:
    """On a device without memory whatever would look at a number fails: `item`, `cpu`, `nonzero`, a comparison that is branched on."""
    between = walked(engine, sampler, "meta").between
    assert between and max(step["copies"] for step in between) <= (0 if sampler in QUIET else 1), "fresh noise comes from the host, nothing else"


def test_what_looks_at_a_number_would_be_found(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modules.engine.denoise.combine", lambda answers, guide: answers[0] * float(answers[0].max()))
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        walked(engine, "Euler", "meta")


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
