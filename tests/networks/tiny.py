"""A tiny Stable Diffusion of the real classes, random but fixed, kept as a diffusers folder and as a single file with LDM names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from modules.catalog.scan import CLIP_VOCABULARY
from modules.networks import ldm_names

WIDTH = 64
"""Of the text encoder; CLIP's heads are 64 wide, so one head."""
TEXT_LAYERS = 3
LEVELS = (32, 64)
VAE_LEVELS = (32, 32, 32, 32)
"""Four of them, so that a latent stands for 8 x 8 pixels as in the real ones."""


def parts(seed: int = 0, linear: bool = False, channels: int = 4) -> tuple[UNet2DConditionModel, AutoencoderKL, CLIPTextModel]:
    """Weights that fp16 holds exactly. linear: projections of attention as in later checkpoints. channels: that the UNet takes; 9 of an inpainting model."""
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(
        in_channels=channels,
        block_out_channels=LEVELS,
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=WIDTH,
        attention_head_dim=8,
        use_linear_projection=linear,
    )
    vae = AutoencoderKL(
        block_out_channels=VAE_LEVELS,
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        scaling_factor=0.5,
    )
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=WIDTH,
        intermediate_size=96,
        num_hidden_layers=TEXT_LAYERS,
        num_attention_heads=1,
        projection_dim=WIDTH,
        bos_token_id=49406,
        eos_token_id=49407,
    )
    text_encoder = CLIPTextModel(config)
    with torch.no_grad():
        text_encoder.final_layer_norm.bias.fill_(-0.1)
        networks: tuple[nn.Module, ...] = (unet, vae, text_encoder)
        for network in networks:
            for tensor in network.parameters():
                tensor.copy_(tensor.half().float())
    return unet, vae, text_encoder


def save_folder(place: Path, unet: Any, vae: Any, text_encoder: Any, scheduler: Mapping[str, Any] | None = None) -> Path:
    """As diffusers and transformers themselves save it, in fp16."""
    for name, network in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder)):
        network.half().save_pretrained(place / name, safe_serialization=True)
        network.float()
    shutil.copytree(CLIP_VOCABULARY, place / "tokenizer")
    (place / "scheduler").mkdir()
    table = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, **(scheduler or {})}
    (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(table))
    (place / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))
    return place


def ldm_tensors(unet: Any, vae: Any, text_encoder: Any, infix: str = "text_model.") -> dict[str, Tensor]:
    """fp16, under LDM names; attention of the autoencoder as convolutions of size 1, as there."""
    attention = tuple("CrossAttn" in kind for kind in unet.config.up_block_types)
    found: dict[str, Tensor] = {}
    for name, tensor in unet.state_dict().items():
        found[ldm_names.unet(name, unet.config.layers_per_block, attention)] = tensor
    for name, tensor in vae.state_dict().items():
        matrix = tensor.dim() == 2 and "attentions" in name
        found[ldm_names.vae(name, len(VAE_LEVELS))] = tensor[:, :, None, None] if matrix else tensor
    for name, tensor in text_encoder.state_dict().items():
        found[ldm_names.text_encoder(name, infix)] = tensor
    return {name: tensor.half().contiguous() for name, tensor in found.items()}


def save_single(path: Path, tensors: dict[str, Tensor], yaml: str = "model: {params: {scale_factor: 0.5}}") -> Path:
    """yaml: written beside it; "" for none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, {"format": "pt"})
    if yaml:
        path.with_suffix(".yaml").write_text(yaml)
    return path
