"""A tiny FLUX and a tiny Stable Diffusion 3 of the real classes, random but fixed, kept as diffusers folders."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel, SD3Transformer2DModel
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, T5Config, T5EncoderModel

from modules.catalog.scan import CLIP_VOCABULARY
from modules.networks import flux_names, ldm_names, sd3_names
from modules.networks.joint_checkpoint import T5_VOCABULARY

WIDTH, HEAD, POOLED, WORDS = 64, 32, 64, 32
"""Of the transformer, of its heads, of the pooled text, of T5."""


def _fixed(*networks: nn.Module) -> None:
    """Values that bf16 holds exactly."""
    with torch.no_grad():
        for network in networks:
            network.eval()
            for tensor in network.parameters():
                tensor.copy_(tensor.bfloat16().float())


def vae(scale: float, shift: float) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(32, 32, 32, 32),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=16,
        scaling_factor=scale,
        shift_factor=shift,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def clip(projected: bool = False, width: int = POOLED) -> Any:
    config = CLIPTextConfig(
        vocab_size=49408,
        hidden_size=width,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=1,
        projection_dim=width,
        bos_token_id=49406,
        eos_token_id=49407,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def t5() -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=32128, d_model=WORDS, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu"))


def flux(guidance: bool = True, channels: int = 64, wide: int = 1) -> dict[str, Any]:
    """By the names of a folder's parts. channels: 64 of the plain ones, 384 of Fill. wide: times as many heads."""
    torch.manual_seed(0)
    transformer = FluxTransformer2DModel(
        in_channels=channels,
        out_channels=64,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=HEAD,
        num_attention_heads=wide * WIDTH // HEAD,
        joint_attention_dim=WORDS,
        pooled_projection_dim=POOLED,
        guidance_embeds=guidance,
        axes_dims_rope=(4, 14, 14),
    )
    parts = {"transformer": transformer, "vae": vae(0.3611, 0.1159), "text_encoder": clip(), "text_encoder_2": t5()}
    _fixed(*parts.values())
    return parts


def sd3(medium: bool = True, t5_too: bool = True) -> dict[str, Any]:
    """medium: as 3.5 medium, with normed queries and dual attention in its first block; else as 3.0."""
    torch.manual_seed(0)
    transformer = SD3Transformer2DModel(
        sample_size=16,
        num_layers=2,
        attention_head_dim=64,
        num_attention_heads=1,
        joint_attention_dim=POOLED * 2 + 32,
        caption_projection_dim=WIDTH,
        pooled_projection_dim=POOLED * 2,
        pos_embed_max_size=16,
        qk_norm="rms_norm" if medium else None,
        dual_attention_layers=(0,) if medium else (),
    )
    parts: dict[str, Any] = {"transformer": transformer, "vae": vae(1.5305, 0.0609), "text_encoder": clip(True), "text_encoder_2": clip(True)}
    if t5_too:
        parts["text_encoder_3"] = T5EncoderModel(
            T5Config(vocab_size=32128, d_model=POOLED * 2 + 32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu")
        )
    _fixed(*parts.values())
    return parts


def save_folder(place: Path, kind: str, parts: dict[str, Any], scheduler: dict[str, Any]) -> Path:
    """As diffusers and transformers themselves save it. kind: the pipeline's class."""
    for name, network in parts.items():
        network.save_pretrained(place / name, safe_serialization=True)
    for name in parts:
        if not name.startswith("text_encoder"):
            continue
        tokens = place / name.replace("text_encoder", "tokenizer")
        if isinstance(parts[name], T5EncoderModel):
            tokens.mkdir()
            (tokens / "tokenizer.json").write_bytes(gzip.decompress(T5_VOCABULARY.read_bytes()))
            continue
        shutil.copytree(CLIP_VOCABULARY, tokens)
        if kind.startswith("StableDiffusion3") and name == "text_encoder_2":
            table = json.loads((tokens / "tokenizer_config.json").read_text())
            (tokens / "tokenizer_config.json").write_text(json.dumps({**table, "pad_token": "!"}))
    (place / "scheduler").mkdir()
    (place / "scheduler" / "scheduler_config.json").write_text(
        json.dumps({"_class_name": "FlowMatchEulerDiscreteScheduler", "num_train_timesteps": 1000, **scheduler})
    )
    (place / "model_index.json").write_text(json.dumps({"_class_name": kind}))
    return place


def single_file(parts: dict[str, Any], bundle: bool = True) -> dict[str, torch.Tensor]:
    """The parts under the names of a single file: BFL's or Stability's transformer; bundle: with text encoders and VAE, as ComfyUI keeps them."""
    transformer = parts["transformer"]
    is_flux = isinstance(transformer, FluxTransformer2DModel)
    width = transformer.config.num_attention_heads * transformer.config.attention_head_dim
    found: dict[str, torch.Tensor] = {}
    fused: dict[str, dict[int, torch.Tensor]] = {}
    for name, tensor in transformer.state_dict().items():
        piece = flux_names.piece(name, width) if is_flux else sd3_names.piece(name, width, transformer.config.num_layers)
        there = f"model.diffusion_model.{piece.name}" if bundle else piece.name
        if piece.swapped:
            found[there] = torch.cat(list(reversed(tensor.chunk(2))))
        elif piece.first or piece.last:
            fused.setdefault(there, {})[piece.first] = tensor
        else:
            found[there] = tensor
    found |= {there: torch.cat([pieces[first] for first in sorted(pieces)]) for there, pieces in fused.items()}
    if bundle:
        found |= {f"{'vae.' if is_flux else 'first_stage_model.'}{name}": tensor for name, tensor in vae_tensors(parts["vae"]).items()}
        for part, inside in zip(
            ("text_encoder", "text_encoder_2", "text_encoder_3"), ("clip_l", "t5xxl") if is_flux else ("clip_l", "clip_g", "t5xxl"), strict=False
        ):
            if part in parts:
                found |= {f"text_encoders.{inside}.transformer.{name}": tensor for name, tensor in encoder_tensors(parts[part]).items()}
    return {name: tensor.contiguous().clone() for name, tensor in found.items()}


def save_gguf(place: Path, tensors: dict[str, torch.Tensor], matrices: Any = gguf.GGMLQuantizationType.F32) -> dict[str, torch.Tensor]:
    """matrices: how they are kept; all else is F32. -> the numbers that come back."""
    writer, back = gguf.GGUFWriter(place, "flux"), {}
    for name, tensor in tensors.items():
        kind = matrices if tensor.dim() == 2 else gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(tensor.numpy(), kind)
        back[name] = torch.from_numpy(np.array(gguf.quants.dequantize(data, kind)))
        writer.add_tensor(name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return back


def vae_tensors(network: AutoencoderKL) -> dict[str, torch.Tensor]:
    """Under LDM's names without a prefix."""
    found = {}
    for name, tensor in network.state_dict().items():
        matrix = tensor.dim() == 2 and "attentions" in name
        found[ldm_names.vae(name, 4).removeprefix(ldm_names.VAE)] = tensor[:, :, None, None] if matrix else tensor
    return found


def encoder_tensors(encoder: nn.Module) -> dict[str, torch.Tensor]:
    """Under the names that files have: transformers' own before 5.6, and T5's words once."""
    if isinstance(encoder, T5EncoderModel):
        return {name: tensor for name, tensor in encoder.state_dict().items() if name != "encoder.embed_tokens.weight"}
    plain = {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}
    return {name if name == "text_projection.weight" else f"text_model.{name}": tensor for name, tensor in plain.items()}


DEV = {"shift": 3.0, "use_dynamic_shifting": True, "base_shift": 0.5, "max_shift": 1.15, "base_image_seq_len": 256, "max_image_seq_len": 4096}
SCHNELL = {"shift": 1.0, "use_dynamic_shifting": False}
SD3 = {"shift": 3.0}
