"""Tiny ControlNets, T2I-Adapters and IP-Adapters of the real classes that fit `tiny.parts()`, and their files in every layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import ControlNetModel, ControlNetUnionModel, T2IAdapter
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from modules.networks import control_names
from modules.networks.ip_attention import cross_attentions
from modules.networks.t2i_adapter import theirs

SEEN = (8, 8, 16, 16)
"""Widths of the network that looks at the control picture."""
STATES = 768
"""Width of the smallest image encoder of CLIP; narrower ones are not told from other files."""


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


def controlnet_union(unet: Any, kinds: int = 6, seed: int = 3) -> ControlNetUnionModel:
    torch.manual_seed(seed)
    plain = {name: value for name, value in controlnet(unet).config.items() if not name.startswith("_") and name not in ("mid_block_type",)}
    network = ControlNetUnionModel(**plain, num_control_type=kinds, num_trans_channel=32, num_trans_head=8, num_trans_layer=2, num_proj_channel=32)
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if name.startswith(("controlnet_", "spatial_ch_projs")):
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


def image_encoder(seed: int = 7, projection: int = 48) -> CLIPVisionModelWithProjection:
    torch.manual_seed(seed)
    config = CLIPVisionConfig(
        hidden_size=STATES,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=12,
        image_size=32,
        patch_size=8,
        projection_dim=projection,
        hidden_act="gelu",
    )
    return exact(CLIPVisionModelWithProjection(config))


def save_image_encoder(path: Path) -> Path:
    return save(path, {name: tensor.contiguous() for name, tensor in image_encoder().state_dict().items()})


def ip_adapter(unet: Any, kind: str = "plain", seed: int = 11) -> dict[str, Tensor]:
    """In the authors' layout. kind: "plain", "plus" or "full", which look at what `image_encoder` shows."""
    draw = torch.Generator().manual_seed(seed)
    context = unet.config.cross_attention_dim

    def made(*shape: int, scale: float = 0.1) -> Tensor:
        return (torch.randn(shape, generator=draw) * scale).half()

    if kind == "plain":
        found = {"proj.weight": made(4 * context, 48), "proj.bias": made(4 * context), "norm.weight": made(context) + 1, "norm.bias": made(context)}
    elif kind == "full":
        found = {
            "proj.0.weight": made(STATES, STATES, scale=0.03),
            "proj.0.bias": made(STATES),
            "proj.2.weight": made(context, STATES),
            "proj.2.bias": made(context),
        }
        found |= {"proj.3.weight": made(context) + 1, "proj.3.bias": made(context)}
    else:
        found = {"latents": made(1, 8, 64), "proj_in.weight": made(64, STATES), "proj_in.bias": made(64), "proj_out.weight": made(context, 64)}
        found |= {"proj_out.bias": made(context), "norm_out.weight": made(context) + 1, "norm_out.bias": made(context)}
        for layer in range(4):
            inner = {"0.norm1.weight": made(64) + 1, "0.norm1.bias": made(64), "0.norm2.weight": made(64) + 1, "0.norm2.bias": made(64)}
            inner |= {"0.to_q.weight": made(64, 64), "0.to_kv.weight": made(128, 64), "0.to_out.weight": made(64, 64)}
            inner |= {"1.0.weight": made(64) + 1, "1.0.bias": made(64), "1.1.weight": made(256, 64), "1.3.weight": made(64, 256)}
            found |= {f"layers.{layer}.{name}": tensor for name, tensor in inner.items()}
    tensors = {f"image_proj.{name}": tensor for name, tensor in found.items()}
    for place, (_, attention) in enumerate(cross_attentions(unet)):
        for side in "kv":
            tensors[f"ip_adapter.{2 * place + 1}.to_{side}_ip.weight"] = made(attention.to_q.out_features, context, scale=0.5)
    return tensors
