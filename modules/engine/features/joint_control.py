"""A ControlNet of FLUX or of Stable Diffusion 3 at work: what it says is added to the outputs of the transformer's blocks, at the steps that are wished.

How it is called, and which of its outputs goes to which block, is as in diffusers' pipelines. The control modes mean what they mean on a UNet
(`features.control`): weights by layer fall from the last block to the first as far as there; "more important" leaves out the negative prompt's side.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from modules.core.control import ControlUnit
from modules.engine.feature import Feature
from modules.engine.features.control import FALLOFF, ROWS, acts, part_of, side, spread, summed
from modules.engine.features.once import Once
from modules.families.family import NetworkCall
from modules.families.flux import packed, places
from modules.families.joint import whole_tokens
from modules.networks.joint_control import JointControlNet
from modules.sampling.step import Step

FLUX, FLUX_SINGLE, SD3 = "controlnet_block_samples", "controlnet_single_block_samples", "block_controlnet_hidden_states"
"""What the transformers call them."""
TOLD = ("pooled_projections", "guidance")
"""What a call carries beside its text."""


@dataclass(frozen=True, eq=False)
class JointControl(Feature):
    """latents: [1, C, h, w] float32, the control picture as the ControlNet sees it. transformer: the config of the network that is guided."""

    unit: ControlUnit
    network: JointControlNet
    latents: Tensor
    transformer: Mapping[str, Any]
    _once: Once = field(default_factory=Once, init=False)

    def extend(self, call: NetworkCall, step: Step) -> NetworkCall:
        """Leaves a network of another family alone, one that takes over in the middle of a run (a refiner)."""
        if not acts(self.unit, step) or call.context.shape[-1] != self.network.context or "pooled_projections" not in call.extra:
            return call
        rows = side(call, self.unit.mode == "ControlNet is more important", self._once)
        if rows is None:
            return call
        part = part_of(call, rows, TOLD)
        extra = dict(call.extra)
        for name, outputs in (self._flux(part) if self.network.family == "flux" else self._sd3(part)).items():
            layered, last = self.unit.mode != "Balanced", len(outputs) - 1
            scales = [self.unit.weight * (FALLOFF ** ((last - place) * ROWS / len(outputs)) if layered else 1.0) for place in range(len(outputs))]
            said = [spread(output * scale, rows, len(call.x)) for output, scale in zip(outputs, scales, strict=True)]
            extra[name] = summed(extra.get(name), said)
        return call._replace(extra=extra)

    def _flux(self, call: NetworkCall) -> dict[str, list[Tensor]]:
        x = whole_tokens(call.x)
        hint = packed(whole_tokens(self._hint(x)))
        guided, mode = self.network.network.config["guidance_embeds"], self.network.mode
        double, single = self.network.network(
            hidden_states=packed(x), controlnet_cond=hint.expand(len(x), -1, -1), encoder_hidden_states=call.context, timestep=call.timesteps.to(x.dtype) / 1000,
            controlnet_mode=None if mode is None else torch.full((len(x), 1), mode, device=x.device),
            pooled_projections=call.extra["pooled_projections"].to(x.dtype), guidance=call.extra.get("guidance") if guided else None,
            img_ids=places(x.shape[2] // 2, x.shape[3] // 2, x.device), txt_ids=torch.zeros(call.context.shape[1], 3, device=x.device), return_dict=False,
        )  # fmt: skip
        blocks = {FLUX: (double, self.transformer["num_layers"]), FLUX_SINGLE: (single, self.transformer["num_single_layers"])}
        return {name: _each(outputs, count, whole=True) for name, (outputs, count) in blocks.items() if outputs}

    def _sd3(self, call: NetworkCall) -> dict[str, list[Tensor]]:
        x, pooled = whole_tokens(call.x), call.extra["pooled_projections"].to(call.x.dtype)
        hint = whole_tokens(self._hint(x)).expand(len(x), -1, -1, -1)
        (outputs,) = self.network.network(
            hidden_states=x, controlnet_cond=hint, encoder_hidden_states=call.context, timestep=call.timesteps, return_dict=False,
            pooled_projections=torch.zeros_like(pooled) if self.network.unpooled else pooled,
        )  # fmt: skip
        return {SD3: _each(outputs, self.transformer["num_layers"], whole=False)}

    def _hint(self, x: Tensor) -> Tensor:
        return self._once((x.device, x.dtype), lambda: self.latents.to(x.device, x.dtype))


def _each(outputs: Sequence[Tensor], count: int, whole: bool) -> list[Tensor]:
    """One output for each of `count` blocks, so that units of several depths add up. whole: neighbours share one in whole numbers, as FLUX counts."""
    interval = math.ceil(count / len(outputs)) if whole else count / len(outputs)
    return [outputs[int(block / interval)] for block in range(count)]
