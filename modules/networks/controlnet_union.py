"""ControlNets of several kinds in one (ControlNet++, xinsir 2024), from a diffusers folder or a single file in diffusers' names.

Each call names the kind of its control picture by a number. Their small transformer looks across the rows of a call, as in diffusers; the rows of one picture
show it the same, so that their number does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetUnionModel
from torch import Tensor

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build, control_sizes
from modules.networks.component import weight_files
from modules.networks.controlnet import Guide, check, told
from modules.networks.weights import Weights

Shapes = Mapping[str, tuple[int, ...]]
FIELD = "control"
KINDS = "task_embedding"
"""The tensor with a row for each kind."""


@dataclass(frozen=True)
class ControlNetUnion(Guide):
    """Ready to run where its inputs lie. kind: of the control picture, from 0."""

    network: ControlNetUnionModel
    kind: int = 0

    def of(self, kind: int, name: str) -> ControlNetUnion:
        """For pictures of a kind. name: of the kind, for people. Raises Unsupported for one that it did not learn."""
        count = int(self.network.config["num_control_type"])
        if kind >= count:
            what = f"This ControlNet has {count} kinds in it, and {name} is none of them."
            raise Unsupported(what, "Choose another kind, or a file that has it (ProMax has Tile and Inpaint).", FIELD)
        return replace(self, kind=kind)

    def residuals(self, x: Tensor, timesteps: Tensor, context: Tensor, hint: Tensor, added: Mapping[str, Tensor] | None = None) -> tuple[list[Tensor], Tensor]:
        hint = hint.clamp(min=0)  # what is unknown is black in the authors' examples of repainting
        kinds = torch.zeros(len(x), int(self.network.config["num_control_type"]), device=x.device, dtype=x.dtype)
        kinds[:, self.kind] = 1
        down, middle = self.network(
            x, timesteps, encoder_hidden_states=context, controlnet_cond=[hint], control_type=kinds, control_type_idx=[self.kind],
            added_cond_kwargs=dict(added) if added else None, return_dict=False,
        )  # fmt: skip
        return list(down), middle


def load(path: Path, unet: Mapping[str, Any], dtype: torch.dtype, device: str) -> ControlNetUnion:
    """path: a folder or a safetensors file. unet: the config of the UNet that it is to guide. Raises BadModelFile, Unsupported for one of another family."""
    try:
        with torch.inference_mode(False):
            weights = Weights(weight_files(path))
            config = told(path, "ControlNetUnionModel") or sizes(weights.shapes, unet)
            check(config, unet, path)
            network = build.fill(build.controlnet_union(config), weights, str, dtype, "ControlNet")
            return ControlNetUnion(network.to(device))
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} cannot be loaded. {error.what}", error.remedy, FIELD) from None


def sizes(shapes: Shapes, unet: Mapping[str, Any]) -> dict[str, Any]:
    """The diffusers config. What tensors do not show (heads of the small transformer) is as published. Raises BadModelFile."""
    kinds, projection = shapes.get(KINDS, ()), shapes.get("spatial_ch_projs.weight", ())
    if control_sizes.prefix_of(shapes) is not None or len(kinds) != 2 or len(projection) != 2:
        raise BadModelFile("This file holds no ControlNet of several kinds in diffusers' names.", "Take the file as its authors offer it.")
    layers = {found[1] for name in shapes if (found := re.match(r"transformer_layes\.(\d+)\.", name))}
    plain = {name: value for name, value in control_sizes.config(shapes, unet).items() if name != "mid_block_type"}
    return {**plain, "num_control_type": kinds[0], "num_trans_channel": kinds[1], "num_trans_layer": len(layers), "num_proj_channel": projection[0]}
