"""Tiny depth networks of the real classes, saved as transformers saves them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTConfig, DPTForDepthEstimation, PreTrainedModel

NECK: dict[str, Any] = {"neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8}


def dpt(seed: int = 5) -> DPTForDepthEstimation:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 32, "patch_size": 8}
    return lively(DPTForDepthEstimation(DPTConfig(**sizes, **NECK, backbone_out_indices=[0, 1, 2, 3])))


def depth_anything(seed: int = 6, **config: Any) -> DepthAnythingForDepthEstimation:
    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "mlp_ratio": 2, "image_size": 28, "patch_size": 14}
    inner = Dinov2Config(**sizes, out_indices=[1, 2, 3, 4], reshape_hidden_states=False)
    return lively(DepthAnythingForDepthEstimation(DepthAnythingConfig(backbone_config=inner, reassemble_hidden_size=16, head_hidden_size=8, **NECK, **config)))


def lively(network: Any) -> Any:
    """So that what it says is above 0, where its last layer cuts, and not the same everywhere."""
    with torch.no_grad():
        for name, tensor in network.named_parameters():
            if tensor.ndim > 1:
                tensor.normal_(0, 0.15)
            elif name.startswith("head.") and name.endswith("bias"):
                tensor.fill_(0.5)
    return network.eval()


def save(folder: Path, network: PreTrainedModel, **config: Any) -> Path:
    """config: laid over what its config.json says."""
    network.save_pretrained(folder)
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), **config}), "utf-8")
    return folder
