"""Tiny UNet families after Stable Diffusion 1.x, of the real classes, random but fixed: as diffusers folders, and as single files with the true names."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.catalog.scan import CLIP_VOCABULARY
from modules.networks import ldm_names
from tests.networks import tiny

SMALL, BIG = 64, 128
"""Widths of the two text encoders."""
LEVELS = (32, 64)
TIME = 256

Networks = dict[str, Any]


def encoder(kind: type, width: int, layers: int = 3, act: str = "gelu") -> Any:
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=96,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        projection_dim=width,
        hidden_act=act,
        bos_token_id=49406,
        eos_token_id=49407,
    )
    network = kind(config)
    with torch.no_grad():
        getattr(network, "text_model", network).final_layer_norm.bias.fill_(-0.1)
    return network


def unet(context: int, told: int = 0, channels: int = 4, depth: Any = (1, 2), last: bool = True) -> UNet2DConditionModel:
    """told: numbers beside the pooled text of SDXL. last: whether the last level has attention, as SDXL's base, or the first, as all others here."""
    down = ("DownBlock2D", "CrossAttnDownBlock2D") if last else ("CrossAttnDownBlock2D", "DownBlock2D")
    beside = {"addition_embed_type": "text_time", "addition_time_embed_dim": TIME, "projection_class_embeddings_input_dim": BIG + told * TIME}
    return UNet2DConditionModel(
        in_channels=channels,
        block_out_channels=LEVELS,
        layers_per_block=1,
        down_block_types=down,
        up_block_types=tuple(kind.replace("Down", "Up") for kind in reversed(down)),
        cross_attention_dim=context,
        attention_head_dim=1,
        transformer_layers_per_block=depth,
        use_linear_projection=True,
        **(beside if told else {}),
    )


def halved(networks: Networks) -> Networks:
    """Weights that fp16 holds exactly."""
    with torch.no_grad():
        for network in networks.values():
            for tensor in network.parameters():
                tensor.copy_(tensor.half().float())
            network.eval()
    return networks


def base(seed: int = 0, channels: int = 4) -> Networks:
    torch.manual_seed(seed)
    return halved(
        {
            "unet": unet(SMALL + BIG, 6, channels),
            "vae": tiny.parts(seed)[1],
            "text_encoder": encoder(CLIPTextModel, SMALL, act="quick_gelu"),
            "text_encoder_2": encoder(CLIPTextModelWithProjection, BIG),
        }
    )


def refiner(seed: int = 1) -> Networks:
    torch.manual_seed(seed)
    return halved({"unet": unet(BIG, 5, depth=2, last=False), "vae": tiny.parts(seed)[1], "text_encoder_2": encoder(CLIPTextModelWithProjection, BIG)})


def second(seed: int = 2, channels: int = 4) -> Networks:
    """Stable Diffusion 2.x as a folder holds it: without the text encoder's last layer."""
    torch.manual_seed(seed)
    network = unet(BIG, channels=channels, depth=1, last=False)
    return halved({"unet": network, "vae": tiny.parts(seed)[1], "text_encoder": encoder(CLIPTextModel, BIG)})


def second_tensors(networks: Networks) -> dict[str, Tensor]:
    """As a single file holds it: with that layer, which is never run."""
    found = ldm_tensors(networks, small="", big="cond_stage_model.model.")
    last = networks["text_encoder"].config.num_hidden_layers
    block = "cond_stage_model.model.transformer.resblocks."
    more = {name.replace(f"{block}0.", f"{block}{last}."): tensor.flip(0).contiguous() for name, tensor in found.items() if name.startswith(f"{block}0.")}
    return {**found, **more, "cond_stage_model.model.text_projection": torch.eye(BIG).half()}


def save_folder(place: Path, networks: Networks, kind: str, scheduler: Mapping[str, Any] | None = None) -> Path:
    """As diffusers and transformers themselves save it, in fp16. kind: diffusers' pipeline."""
    for name, network in networks.items():
        network.half().save_pretrained(place / name, safe_serialization=True)
        network.float()
        if name.startswith("text_encoder"):
            tokenizer = shutil.copytree(CLIP_VOCABULARY, place / name.replace("text_encoder", "tokenizer"))
            if name == "text_encoder_2":
                settings = json.loads((tokenizer / "tokenizer_config.json").read_text())
                (tokenizer / "tokenizer_config.json").write_text(json.dumps({**settings, "pad_token": "!"}))
    (place / "scheduler").mkdir()
    table = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, **(scheduler or {})}
    (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(table))
    (place / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    return place


def ldm_tensors(networks: Networks, small: str = "conditioner.embedders.0.transformer.", big: str = "conditioner.embedders.1.model.") -> dict[str, Tensor]:
    """fp16, under the names that the families' own code gives them. small, big: before the names of the text encoders."""
    unet, levels = networks["unet"], len(tiny.VAE_LEVELS)
    attention = tuple("CrossAttn" in kind for kind in unet.config.up_block_types)
    found = {ldm_names.unet(name, unet.config.layers_per_block, attention): tensor for name, tensor in unet.state_dict().items()}
    for name, tensor in networks["vae"].state_dict().items():
        found[ldm_names.vae(name, levels)] = tensor[:, :, None, None] if tensor.dim() == 2 and "attentions" in name else tensor
    if "text_encoder" in networks and small:
        found |= {f"{small}text_model.{name}": tensor for name, tensor in networks["text_encoder"].state_dict().items()}
    if big:
        found |= {big + name: tensor for name, tensor in open_clip(networks.get("text_encoder_2", networks.get("text_encoder"))).items()}
    return {name: tensor.half().contiguous() for name, tensor in found.items()}


def open_clip(network: Any) -> dict[str, Tensor]:
    """As open_clip's own module holds it: attention in one piece, the projection turned."""
    state = {name.removeprefix("text_model."): tensor for name, tensor in network.state_dict().items()}
    found = {
        "token_embedding.weight": state["embeddings.token_embedding.weight"],
        "positional_embedding": state["embeddings.position_embedding.weight"],
        "ln_final.weight": state["final_layer_norm.weight"],
        "ln_final.bias": state["final_layer_norm.bias"],
        "logit_scale": torch.tensor(4.6),
    }
    if "text_projection.weight" in state:
        found["text_projection"] = state["text_projection.weight"].t()
    for layer in range(network.config.num_hidden_layers):
        ours, theirs = f"encoder.layers.{layer}.", f"transformer.resblocks.{layer}."
        for end in ("weight", "bias"):
            found[f"{theirs}attn.in_proj_{end}"] = torch.cat([state[f"{ours}self_attn.{part}_proj.{end}"] for part in "qkv"])
            found[f"{theirs}attn.out_proj.{end}"] = state[f"{ours}self_attn.out_proj.{end}"]
            found[f"{theirs}mlp.c_fc.{end}"] = state[f"{ours}mlp.fc1.{end}"]
            found[f"{theirs}mlp.c_proj.{end}"] = state[f"{ours}mlp.fc2.{end}"]
            for number in (1, 2):
                found[f"{theirs}ln_{number}.{end}"] = state[f"{ours}layer_norm{number}.{end}"]
    return found
