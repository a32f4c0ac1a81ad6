"""Tiny ControlNets, T2I-Adapters and IP-Adapters of the real classes that fit `tiny.parts()`, and their files in every layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, T2IAdapter
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.networks import control_names
from modules.networks.t2i_adapter import theirs

SEEN = (8, 8, 16, 16)
"""Widths of the network that looks at the control picture."""


def controlnet(unet: Any, seed: int = 1, **config: Any) -> ControlNetModel:
    """A copy of the UNet's first half; what a new one begins with as zeros is drawn, so that it says something."""
    torch.manual_seed(seed)
    network = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=SEEN)
    network.register_to_config(**config)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.startswith("controlnet_"):
                tensor.copy_(torch.randn_like(tensor) * 0.1)
    return exact(network)


def t2i_adapter(kind: str = "full_adapter", channels: tuple[int, ...] = (32, 64), seed: int = 2, pictures: int = 3) -> T2IAdapter:
    torch.manual_seed(seed)
    fold = 16 if kind == "full_adapter_xl" else 8
    return exact(T2IAdapter(pictures, list(channels), num_res_blocks=2, downscale_factor=fold, adapter_type=kind))


def exact(network: Any) -> Any:
    """Weights that fp16 holds exactly."""
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.copy_(tensor.half().float())
    return network.eval()


def save_folder(place: Path, network: Any) -> Path:
    network.save_pretrained(place, safe_serialization=True)
    return place


def save_file_of(path: Path, network: nn.Module) -> Path:
    """One file in diffusers' names."""
    return save(path, {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()})


def save_ldm(path: Path, network: ControlNetModel, prefix: str = control_names.PREFIX) -> Path:
    layers, seen = network.config.layers_per_block, 2 * (len(SEEN) - 1)
    return save(path, {control_names.controlnet(name, layers, seen, prefix): tensor.half().contiguous() for name, tensor in network.state_dict().items()})


def save_authors(path: Path, adapter: T2IAdapter) -> Path:
    """A T2I-Adapter in its authors' names."""
    light = adapter.config.adapter_type == "light_adapter"
    return save(path, {theirs(name, adapter.config.num_res_blocks, light): tensor.contiguous() for name, tensor in adapter.state_dict().items()})


def save(path: Path, tensors: dict[str, Tensor]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)
    return path
