"""Small upscalers of the real architectures, random but fixed, with the names that real files have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.networks.architectures import spandrel

Tensors = dict[str, Tensor]


def _of(architecture: str, name: str, **sizes: Any) -> Tensors:
    torch.manual_seed(7)
    module = getattr(getattr(spandrel.architectures, architecture), name)(**sizes)
    with torch.no_grad():
        for tensor in module.parameters():
            tensor.mul_(0.7)
    return {key: tensor.clone() for key, tensor in module.state_dict().items()}


def esrgan(features: int = 8, blocks: int = 1, scale: int = 4) -> Tensors:
    """The first ESRGAN's names: model.0, model.1.sub.0.RDB1 ..."""
    return _of("ESRGAN", "ESRGAN", num_filters=features, num_blocks=blocks, scale=scale)


def real_esrgan(features: int = 8, blocks: int = 1, unshuffle: int = 1) -> Tensors:
    """Real-ESRGAN's names: conv_first, body.0.rdb1.conv1, conv_up1 ... unshuffle: 2 for the network of factor 2."""
    torch.manual_seed(7)
    shapes = {"conv_first": (features, 3 * unshuffle**2)}
    for block in range(blocks):
        for dense in range(1, 4):
            for conv in range(1, 6):
                shapes[f"body.{block}.rdb{dense}.conv{conv}"] = (32 if conv < 5 else features, features + 32 * (conv - 1))
    shapes |= dict.fromkeys(("conv_body", "conv_up1", "conv_up2", "conv_hr"), (features, features)) | {"conv_last": (3, features)}
    tensors: Tensors = {}
    for name, (out, into) in shapes.items():
        tensors[f"{name}.weight"] = torch.randn(out, into, 3, 3) * 0.4 / into**0.5
        tensors[f"{name}.bias"] = torch.zeros(out) if name != "conv_last" else torch.full((out,), 0.5)
    return tensors


def compact(scale: int = 4) -> Tensors:
    return _of("Compact", "Compact", num_feat=8, num_conv=2, upscale=scale)


def swinir(scale: int = 2, upsampler: str = "pixelshuffle") -> Tensors:
    return _of("SwinIR", "SwinIR", embed_dim=12, depths=[2], num_heads=[2], window_size=8, upscale=scale, upsampler=upsampler)


def dat(scale: int = 2) -> Tensors:
    return _of("DAT", "DAT", embed_dim=32, depth=[2], num_heads=[2], split_size=[4, 8], expansion_factor=2.0, upscale=scale)


ALL: dict[str, tuple[Callable[[], Tensors], str, int]] = {
    "4x-esrgan": (esrgan, "ESRGAN", 4),
    "2x-esrgan": (lambda: esrgan(scale=2), "ESRGAN", 2),
    "1x-esrgan": (lambda: esrgan(scale=1), "ESRGAN", 1),
    "RealESRGAN_x4plus": (real_esrgan, "Real-ESRGAN", 4),
    "RealESRGAN_x2plus": (lambda: real_esrgan(unshuffle=2), "Real-ESRGAN", 2),
    "realesr-general-x4v3": (compact, "Real-ESRGAN Compact", 4),
    "compact-x2": (lambda: compact(2), "Real-ESRGAN Compact", 2),
    "SwinIR_4x": (lambda: swinir(4), "SwinIR", 4),
    "SwinIR_3x": (lambda: swinir(3), "SwinIR", 3),
    "SwinIR_light_2x": (lambda: swinir(2, "pixelshuffledirect"), "SwinIR", 2),
    "SwinIR_real_4x": (lambda: swinir(4, "nearest+conv"), "SwinIR", 4),
    "DAT_x2": (dat, "DAT", 2),
    "DAT_x3": (lambda: dat(3), "DAT", 3),
}
"""File stem -> (its tensors, architecture, factor)."""


def save(path: Path, tensors: Tensors) -> Path:
    """As safetensors, or by torch.save under any other ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"params_ema": tensors}, path)
    return path
