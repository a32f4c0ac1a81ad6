"""ControlNets (Zhang et al. 2023) from a diffusers folder, or from a single file in diffusers' or LDM's names. Both take the same way into memory.

Knows no request and no picture; `engine.features.control` says when and how strongly one acts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel
from torch import Tensor

from modules.catalog.notes import read_json
from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build, control_names, control_sizes
from modules.networks.component import weight_files
from modules.networks.weights import Weights

POOLED = "shuffle"
"""In the name of a file without a config: of all published ones only the shuffle ControlNet averages over the whole picture, and its tensors do not tell."""


@dataclass(frozen=True)
class Guide(ABC):
    """Of one kind or of several. pooled: what it says holds for the whole picture."""

    network: Any

    @property
    def size(self) -> int:
        return sum(tensor.nbytes for tensor in self.network.parameters())

    @property
    def pooled(self) -> bool:
        return bool(self.network.config["global_pool_conditions"])

    @property
    def context(self) -> int:
        """Width of the text vectors that it reads."""
        return int(self.network.config["cross_attention_dim"])

    @property
    def channels(self) -> int:
        """Of the control picture."""
        return int(self.network.config["conditioning_channels"])

    @abstractmethod
    def residuals(self, x: Tensor, timesteps: Tensor, context: Tensor, hint: Tensor, added: Mapping[str, Tensor] | None = None) -> tuple[list[Tensor], Tensor]:
        """x [N, C, h, w], context [N, T, D], hint [N, c, 8 h, 8 w] in 0..1 (-1 where nothing is known). added: pooled text and sizes, of a family that has them.
        -> what is added to the outputs of the UNet's first half, shallowest first, and of its middle."""


@dataclass(frozen=True)
class ControlNet(Guide):
    """Ready to run where its inputs lie."""

    network: ControlNetModel

    def residuals(self, x: Tensor, timesteps: Tensor, context: Tensor, hint: Tensor, added: Mapping[str, Tensor] | None = None) -> tuple[list[Tensor], Tensor]:
        down, middle = self.network(
            x, timesteps, encoder_hidden_states=context, controlnet_cond=hint, added_cond_kwargs=dict(added) if added else None, return_dict=False
        )
        return list(down), middle


def load(path: Path, unet: Mapping[str, Any], dtype: torch.dtype, device: str) -> ControlNet:
    """path: a folder or a safetensors file. unet: the config of the UNet that it is to guide. Raises BadModelFile, Unsupported for one of another family."""
    try:
        with torch.inference_mode(False):
            weights = Weights(weight_files(path))
            prefix = None if path.is_dir() else control_sizes.prefix_of(weights.shapes)
            config = told(path, "ControlNetModel") or {**control_sizes.config(weights.shapes, unet), "global_pool_conditions": POOLED in path.stem.lower()}
            check(config, unet, path)
            network = build.controlnet(config)
            layers, seen = config["layers_per_block"], 2 * (len(config["conditioning_embedding_out_channels"]) - 1)
            naming = str if prefix is None else (lambda name: control_names.controlnet(name, layers, seen, prefix))
            build.fill(network, weights, naming, dtype, "ControlNet")
            return ControlNet(network.to(device))
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} cannot be loaded. {error.what}", error.remedy, "control") from None


def told(path: Path, kind: str) -> dict[str, Any]:
    """The config of a folder; {} for a single file that has none beside it. kind: diffusers' class."""
    file = (path if path.is_dir() else path.parent) / "config.json"
    found = read_json(file) if path.is_dir() or file.is_file() else {}
    return found if path.is_dir() or found.get("_class_name") == kind else {}


def check(config: Mapping[str, Any], unet: Mapping[str, Any], path: Path) -> None:
    """A ControlNet adds to what the UNet computes, level by level, so they must have the same levels and read the same text."""
    ours = (config.get("cross_attention_dim"), _plain(config.get("block_out_channels")))
    theirs = (unet.get("cross_attention_dim"), _plain(unet.get("block_out_channels")))
    if ours != theirs:
        what = f"{path.name} was made for another kind of model: it reads text of width {ours[0]}, the checkpoint's is {theirs[0]} wide."
        if ours[0] == theirs[0]:
            what = f"{path.name} was made for another kind of model: its levels are {ours[1]} wide, the checkpoint's {theirs[1]}."
        raise Unsupported(what, "Choose a ControlNet of the checkpoint's own family.", "control")


def _plain(widths: Any) -> list[Any]:
    return list(widths) if isinstance(widths, Sequence) else [widths]
