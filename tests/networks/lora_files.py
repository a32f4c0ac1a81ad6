"""LoRA files for tests, as trainers write them: random but fixed, under the names that each of them uses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.networks.lora import weight_of

ATTENTION = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")


def layers(network: nn.Module, endings: tuple[str, ...] = ATTENTION) -> dict[str, nn.Module]:
    """The layers that trainers usually adapt."""
    return {name: layer for name, layer in network.named_modules() if name.endswith(endings)}


def random(*shape: int, seed: int, scale: float = 0.2) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def kohya(parts: Mapping[str, Any], rank: int = 4, alpha: float = 2.0, seed: int = 0, endings: tuple[str, ...] = ATTENTION) -> dict[str, Tensor]:
    """kohya's names for diffusers modules, convolutions too where they are among the endings."""
    found: dict[str, Tensor] = {}
    for part, prefix in (("unet", "lora_unet_"), ("text_encoder", "lora_te_text_model_")):
        for name, layer in layers(parts[part], endings).items():
            base, seed = prefix + name.removeprefix("text_model.").replace(".", "_"), seed + 2
            out, inner, *kernel = weight_of(layer).shape
            found[f"{base}.lora_down.weight"] = random(rank, inner, *kernel, seed=seed)
            found[f"{base}.lora_up.weight"] = random(out, rank, *[1] * len(kernel), seed=seed + 1)
            found[f"{base}.alpha"] = torch.tensor(alpha)
    return found


def save(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, dict(metadata or {}))
    return path
