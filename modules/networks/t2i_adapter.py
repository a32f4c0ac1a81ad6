"""T2I-Adapters (Mou et al. 2023): small networks that turn a control picture into features of the UNet's levels, once for a whole picture.

Reads a diffusers folder and single files in diffusers' or the authors' names; full, light and XL ones. What kind one is, its tensors tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import T2IAdapter
from torch import Tensor

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build
from modules.networks.component import weight_files
from modules.networks.weights import Weights

Shapes = Mapping[str, tuple[int, ...]]
OWN = "adapter."
"""Before every name of diffusers' layout."""
XL = 16
"""Times that a picture is folded before an XL one; 8 before the others."""


@dataclass(frozen=True)
class Adapter:
    """Ready to run where its inputs lie. fold: sides of the control picture are multiples of it."""

    network: T2IAdapter
    fold: int

    @property
    def size(self) -> int:
        return sum(tensor.nbytes for tensor in self.network.parameters())

    @property
    def widths(self) -> list[int]:
        """Of its levels, shallowest first."""
        return list(self.network.config["channels"])

    @property
    def channels(self) -> int:
        """Of the control picture."""
        return int(self.network.config["in_channels"])

    def features(self, hint: Tensor) -> list[Tensor]:
        """hint [N, c, H, W] in 0..1 -> what is added at the end of each level of the UNet's first half."""
        return list(self.network(hint))


def load(path: Path, unet: Mapping[str, Any], dtype: torch.dtype, device: str) -> Adapter:
    """path: a folder or a safetensors file. unet: the config of the UNet that it is to guide. Raises BadModelFile, Unsupported for one of another family."""
    try:
        with torch.inference_mode(False):
            weights = Weights(weight_files(path))
            own = any(name.startswith(OWN) for name in weights.shapes)
            config = sizes(weights.shapes)
            widths = list(unet.get("block_out_channels", ()))
            xl = config["adapter_type"] == "full_adapter_xl"
            if config["channels"][:1] != widths[:1] or max(config["channels"]) != max(widths) or xl != _joins_behind(unet):
                what = f"{path.name} was made for another kind of model: its levels are {config['channels']} wide, the checkpoint's {widths}."
                raise Unsupported(what, "Choose a T2I-Adapter of the checkpoint's own family.", "control")
            network = build.t2i_adapter(config)
            blocks, light = config["num_res_blocks"], config["adapter_type"] == "light_adapter"
            build.fill(network, weights, str if own else (lambda name: theirs(name, blocks, light)), dtype, "T2I-Adapter")
            return Adapter(network.to(device), config["downscale_factor"])
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} cannot be loaded. {error.what}", error.remedy, "control") from None


def theirs(name: str, blocks: int, light: bool) -> str:
    """A tensor's name in the authors' layout, which counts the residual blocks of a full adapter in one row. blocks: of each level."""
    name = name.removeprefix(OWN)
    if light:
        return name.replace(".resnets.", ".body.")
    if found := re.fullmatch(r"body\.(\d+)\.resnets\.(\d+)\.(.+)", name):
        return f"body.{int(found[1]) * blocks + int(found[2])}.{found[3]}"
    if found := re.fullmatch(r"body\.(\d+)\.in_conv\.(\w+)", name):
        return f"body.{int(found[1]) * blocks}.in_conv.{found[2]}"
    return name


def sizes(shapes: Shapes) -> dict[str, Any]:
    """The diffusers config, read off the tensors. Raises BadModelFile."""
    plain = {name.removeprefix(OWN): shape for name, shape in shapes.items()}
    first = plain.get("conv_in.weight") or plain.get("body.0.in_conv.weight") or ()
    if len(first) != 4 or not any(name.startswith("body.0.") for name in plain):
        raise BadModelFile("This file holds no T2I-Adapter.", "Download the adapter again.")
    light = "conv_in.weight" not in plain
    rows = _rows(plain, r"body\.(\d+)\.")
    if light:
        # the last level repeats the width of the one before, and diffusers' config does not name it
        channels = [plain[name][0] for row in range(rows - 1) if (name := f"body.{row}.out_conv.weight") in plain]
        blocks = max(_rows(plain, r"body\.0\.resnets\.(\d+)\."), _rows(plain, r"body\.0\.body\.(\d+)\."))
    else:
        nested = _rows(plain, r"body\.0\.resnets\.(\d+)\.")
        blocks = nested or _row_of_blocks(plain, rows)
        name = "body.{}.resnets.0.block1.weight" if nested else "body.{}.block1.weight"
        channels = [plain[key][0] for row in range(0, rows, 1 if nested else blocks) if (key := name.format(row)) in plain]
    if not channels or not blocks:
        raise BadModelFile("This file holds no T2I-Adapter whose sizes can be read.", "Download the adapter again.")
    fold = XL if not light and first[1] % (XL * XL) == 0 else 8
    kind = "light_adapter" if light else "full_adapter_xl" if fold == XL else "full_adapter"
    return {"in_channels": first[1] // fold**2, "channels": channels, "num_res_blocks": blocks, "downscale_factor": fold, "adapter_type": kind}


def _joins_behind(unet: Mapping[str, Any]) -> bool:
    """Whether the UNet's first level has no attention, as SDXL's: then features join it after it was made smaller, and adapters for it are folded once more."""
    return next(iter(unet.get("down_block_types", ())), "") == "DownBlock2D"


def _row_of_blocks(plain: Shapes, rows: int) -> int:
    """Residual blocks of a level where they stand in one row: in all published adapters the second level is wider than the first, and says where it begins."""
    return next((row for row in range(1, rows) if f"body.{row}.in_conv.weight" in plain), rows)


def _rows(names: Shapes, pattern: str) -> int:
    found = re.compile(pattern)
    return 1 + max((int(match[1]) for name in names if (match := found.match(name))), default=-1)
