"""Counts what torch does while the engine's own loop samples: operations, new tensors, and copies between the host and a device."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from modules.core.params import from_dict
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.conditioning import Conditioning, Span
from modules.engine.denoise import guided, wrapped
from modules.engine.feature import Feature
from modules.engine.features.watch import Pace, Watch
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.sample import sample
from modules.families.family import Cond, Family, Model
from modules.sampling.parameterization import Table
from modules.sampling.step import Denoise, Denoised, Step
from tests.networks import tiny

QUIET = {"Euler", "Heun", "LMS", "DPM2", "DPM++ 2M", "UniPC", "DEIS (diffusers)", "IPNDM (diffusers)"}
"""Samplers that draw no noise on the way."""
Worn = Callable[[Model, GenerationRequest], Feature]
aten = torch.ops.aten
PINS, COPIES = {aten.pin_memory, aten._pin_memory}, {aten.to, aten._to_copy, aten.copy_}
INDEXINGS = {aten.index, aten.index_put_, aten.index_put}
CPU = torch.device("cpu")


class Seen(TorchDispatchMode):
    """Every operation of torch. Per step: `operations`; `new`, tensors that are; `waits`, copies between the host and a device for which the host would wait;
    `sent`, those for which it would not. The device without memory, `meta`, stands for a card: here the host's memory can be pinned for it, and what is fetched
    from there is `fetched`, and is zeros."""

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
        elif (
            (told := named(func, args, kwargs))
            and func.overloadpacket in COPIES
            and given[0].is_meta
            and told.get("device") == CPU
            and told.get("non_blocking")
        ):
            self.steps[-1]["fetched"] += 1
            return torch.zeros(given[0].shape, dtype=given[0].dtype)
        else:
            out = func(*args, **kwargs)
        known, devices = {one.untyped_storage()._cdata for one in given}, {one.device for one in given if one.dim()}
        made = [one for one in tree_leaves(out) if isinstance(one, Tensor)]
        count = self.steps[-1]
        count["operations"] += 1
        count["new"] += sum(one.untyped_storage()._cdata not in known for one in made)
        copied = func.overloadpacket in COPIES and {one.device for one in given} != {one.device for one in made}
        if copied and named(func, args, kwargs).get("non_blocking") and any(args[0] is one for one in self._pinned):
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


def named(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(zip((one.name for one in func._schema.arguments), args, strict=False)) | kwargs


def unwatched(steps: int) -> Watch:
    return Watch(lambda event: None, lambda: Cancel.NONE, 0, 1, 0, steps, Pace(0))


def walked(
    engine: Engine, sampler: str, device: str, steps: int = 4, worn: Sequence[Worn] = (), channels: int = 4, watching: Callable[[int], Watch] = unwatched
) -> Seen:
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
        return counted(wrapped(guided(family, model, table, texts, request, features), [*features, watching(steps)]))

    with torch.inference_mode(), seen, Lists(seen):
        sample(stage, model, [request], denoise_with)
    return seen


class Mark:
    """Stands for an event of CUDA: what is queued there is done when it is asked for the second time, and took two milliseconds."""

    asked = 0

    def query(self) -> bool:
        self.asked += 1
        return self.asked > 1

    def elapsed_time(self, later: Mark) -> float:
        assert later.asked > 1
        return 2.0
