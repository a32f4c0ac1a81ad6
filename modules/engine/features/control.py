"""A ControlNet or T2I-Adapter at work: what it says is added to the network's call, at the steps, in the layers and on the side of the guidance that are wished.

Weights by layer: Zhang et al.'s guess mode, 0.825 for each layer further from the middle; their code leaves out the negative prompt's side, too.
The first and last step: diffusers' ControlNet pipelines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from modules.core.control import ControlUnit
from modules.engine.feature import Feature
from modules.engine.features.once import Once
from modules.families.family import NetworkCall
from modules.networks.controlnet import Guide
from modules.networks.t2i_adapter import Adapter
from modules.sampling.step import Step

FALLOFF = 0.825
ROWS = 12
"""Outputs of the UNet's first half, before its middle; those of Stable Diffusion 1.x, where a level has three."""
TOLD = ("text_embeds", "time_ids")
"""What a call of SDXL carries beside its text; its ControlNets want it, too."""
DOWN, MIDDLE, LEVELS = "down_block_additional_residuals", "mid_block_additional_residual", "down_intrablock_additional_residuals"
Rows = Tensor | slice
"""Of a call: int64 on its device, for a list would be copied there anew at every use; or all."""
ALL = slice(None)


def acts(unit: ControlUnit, step: Step) -> bool:
    """Whether a unit acts in a step: it lies within the wished share of all steps."""
    total = max(step.total, 1)
    return unit.weight > 0 and step.index / total >= unit.start and (step.index + 1) / total <= unit.end


@dataclass(frozen=True, eq=False)
class Control(Feature):
    """hint: [1, c, H, W] float32, the map at the size that is drawn."""

    unit: ControlUnit
    network: Guide
    hint: Tensor
    _once: Once = field(default_factory=Once, init=False)

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        """Leaves a network of another family alone, one that takes over in the middle of a run (a refiner)."""
        if not acts(self.unit, step) or call.context.shape[-1] != self.network.context:
            return call
        rows = side(call, self.unit.mode == "ControlNet is more important" or self.network.pooled, self._once)
        if rows is None:
            return call
        part = part_of(call, rows, TOLD)
        device, dtype = part.x.device, part.x.dtype
        hint = self._once((device, dtype), lambda: self.hint.to(device, dtype)).expand(len(part.x), -1, -1, -1)
        told = {name: tensor.to(dtype) for name, tensor in part.extra.items()}
        down, middle = self.network.residuals(part.x, part.timesteps, part.context, hint, told)
        said = [*down, middle]
        # 12 - i of 13 outputs; of networks with fewer ones, as far from the middle
        layered = self.unit.mode != "Balanced"
        scales = [self.unit.weight * (FALLOFF ** (len(said) - 1 - place) if layered else 1.0) for place in range(len(said))]
        said = [spread(output * scale, rows, len(call.x)) for output, scale in zip(said, scales, strict=True)]
        extra = {DOWN: summed(call.extra.get(DOWN), said[:-1]), MIDDLE: summed([call.extra[MIDDLE]] if MIDDLE in call.extra else None, said[-1:])[0]}
        return call._replace(extra={**call.extra, **extra})


class AdapterControl(Feature):
    """A T2I-Adapter looks at its picture once, whatever the step."""

    def __init__(self, unit: ControlUnit, network: Adapter, hint: Tensor) -> None:
        self.unit = unit
        self.features = network.features(hint)
        self._once = Once()

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        if not acts(self.unit, step):
            return call
        rows = side(call, self.unit.mode == "ControlNet is more important", self._once)
        if rows is None:
            return call
        count = len(call.x[rows])
        layered, levels = self.unit.mode != "Balanced", len(self.features)
        said = []
        for level, feature in enumerate(self.features):
            # it enters at the end of a level: as strong as a ControlNet's output from there
            row = (level + 1) * ROWS / levels - 1
            scale = self.unit.weight * (FALLOFF ** (ROWS - row) if layered else 1.0)
            said.append(spread((feature.to(call.x.device, call.x.dtype) * scale).expand(count, -1, -1, -1), rows, len(call.x)))
        return call._replace(extra={**call.extra, LEVELS: summed(call.extra.get(LEVELS), said)})


def side(call: NetworkCall, one_sided: bool, once: Once) -> Rows | None:
    """Rows of a call for which a unit speaks: those of the prompt's own side, or all; None where it has none to speak for."""
    if not one_sided or not any(call.negative):
        return ALL
    rows, device = [row for row, negative in enumerate(call.negative) if not negative], call.x.device
    return once((call.negative, device), lambda: torch.tensor(rows, device=device)) if rows else None


def part_of(call: NetworkCall, rows: Rows, told: Sequence[str]) -> NetworkCall:
    """Some rows of a call. told: what of its extras goes with them."""
    extra = {name: call.extra[name][rows] for name in told if name in call.extra}
    return call._replace(x=call.x[rows], timesteps=call.timesteps[rows], context=call.context[rows], extra=extra)


def spread(tensor: Tensor, rows: Rows, count: int) -> Tensor:
    """[N, ...] of some rows -> [count, ...], nothing in the other rows."""
    if rows is ALL:
        return tensor
    whole = torch.zeros(count, *tensor.shape[1:], device=tensor.device, dtype=tensor.dtype)
    whole[rows] = tensor
    return whole


def summed(before: Sequence[Tensor] | None, said: Sequence[Tensor]) -> list[Tensor]:
    """What several units say of the same layers."""
    return list(said) if before is None else [one + other for one, other in zip(before, said, strict=True)]
