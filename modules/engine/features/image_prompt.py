"""IP-Adapters at work: pictures beside the prompt, from one step to another, in all layers or in those that carry style or composition.

Which layers carry what: InstantStyle (Wang et al. 2024) for SDXL; for Stable Diffusion 1.x the levels at the same places, as InvokeAI takes them.
The negative prompt's side looks at no picture (plain) or at an empty one (the others), as in diffusers' pipelines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from modules.core.control import ControlUnit, Injection
from modules.engine.feature import Feature
from modules.engine.features.control import acts
from modules.families.family import Model, NetworkCall
from modules.networks.ip_adapter import IPAdapter
from modules.networks.ip_attention import Look, Sight, cross_attentions, seeing
from modules.sampling.step import Step


class Prompted(NamedTuple):
    """A picture ready to be looked at. shown, empty: tokens [1, T, D] of the prompt's side and of the negative one's."""

    unit: ControlUnit
    adapter: IPAdapter
    shown: Tensor
    empty: Tensor


@dataclass(eq=False)
class ImagePrompts(Feature):
    """load: for the model that they are to stand on; nothing for one that they do not fit (a refiner). Stands on the model for the whole run;
    `Looking` says what acts in a stage."""

    load: Callable[[Model], Sequence[Prompted]]
    prompted: Sequence[Prompted] = field(default=(), init=False)
    sight: Sight = field(default_factory=Sight, init=False)
    shares: Sequence[Sequence[float]] = field(default=(), init=False)

    @contextmanager
    def attach(self, model: Model) -> Iterator[None]:
        with ExitStack() as standing:
            prompted = self.load(model)
            if prompted:
                unet = model.parts["unet"]
                names = [name for name, _ in cross_attentions(unet)]
                self.shares = [[share(name, one.unit.injection, names, unet.config) for name in names] for one in prompted]
                self.sight = standing.enter_context(seeing(unet, [one.adapter for one in prompted]))
            self.prompted = prompted
            try:
                yield
            finally:
                self.prompted, self.sight, self.shares = (), Sight(), ()


@dataclass(frozen=True, eq=False)
class Looking(Feature):
    """What of the attached pictures acts in one stage."""

    prompts: ImagePrompts
    wanted: Callable[[ControlUnit], bool]

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        looks: list[Look | None] = []
        for one, shares in zip(self.prompts.prompted, self.prompts.shares, strict=True):
            here = self.wanted(one.unit) and acts(one.unit, step)
            looks.append(Look(_rows(one, call), [one.unit.weight * share for share in shares]) if here else None)
        self.prompts.sight.looks = looks
        return call


def share(name: str, injection: Injection, names: Sequence[str], unet: Mapping[str, Any]) -> float:
    """1 for an attention that carries what is wished, 0 for the others. names: of all cross-attentions."""
    if injection == "Whole picture":
        return 1.0
    downs, ups = ([int(found[1]) for other in names if (found := re.match(rf"{side}_blocks\.(\d+)\.", other))] for side in ("down", "up"))
    # SDXL's levels are deep, and one attention of a level is enough
    second = ".attentions.1." if unet.get("addition_embed_type") == "text_time" else "."
    if injection == "Style only":
        return float(bool(ups) and name.startswith(f"up_blocks.{min(ups)}{second}"))
    deepest = bool(downs) and name.startswith(f"down_blocks.{max(downs)}{second}")
    return float(deepest or second == "." and name.startswith("mid_block."))


def _rows(one: Prompted, call: NetworkCall) -> Tensor:
    shown, empty = (tokens.to(call.x.device, call.x.dtype) for tokens in (one.shown, one.empty))
    return torch.cat([empty if call.negative and call.negative[row] else shown for row in range(len(call.x))])
