"""A checkpoint's card -> its networks, offline: from a diffusers folder, or from a single file with LDM names. Both take the same way into memory,
so that the same weights give the same bits whichever way they are kept. Knows no prompt and no sampler.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel

from modules.catalog import folder, header
from modules.catalog.card import Card
from modules.catalog.detect import Recognised, family_of
from modules.catalog.notes import read_yaml
from modules.catalog.scan import CLIP_VOCABULARY
from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build, ldm_names, ldm_sizes
from modules.networks.alphas import alphas_cumprod
from modules.networks.weights import Weights
from modules.prompt.vocabulary import Vocabulary

OLD_VAE = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
"""Names of the autoencoder's attention in diffusers folders written before 0.18, as Stable Diffusion 1.5's own is."""


@dataclass(frozen=True)
class Parts:
    """The networks, on the CPU, ready to run. scale: what latents are multiplied by after encoding. alphas_cumprod: [1000] float32."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    vocabulary: Vocabulary
    prediction: str
    alphas_cumprod: Tensor
    scale: float


def load_parts(card: Card, dtype: torch.dtype, vae_dtype: torch.dtype | None = None) -> Parts:
    """Reads a Stable Diffusion 1.x checkpoint. Raises BadModelFile for a damaged one, Unsupported for one of another kind, both with the reason."""
    single = None if card.path.is_dir() else header.read(card.path)
    recognised = family_of(single or card.path, card.config)
    if recognised.trouble or recognised.family != "sd1":
        raise Unsupported(f"{card.path.name} cannot be loaded. {recognised.trouble}", "Choose another checkpoint.", "model")
    try:
        parts = (
            _from_folder(card.path, recognised, dtype, vae_dtype or dtype)
            if single is None
            else _from_file(card, recognised, dtype, vae_dtype or dtype, tuple(single.tensors))
        )
    except BadModelFile as error:
        raise BadModelFile(f"{card.path.name} cannot be loaded. {error.what}", error.remedy, "model") from None
    size, words = parts.text_encoder.config.vocab_size, len(parts.vocabulary)
    if size < words:
        raise BadModelFile(
            f"{card.path.name} cannot be loaded. Its text encoder knows {size} tokens, its vocabulary {words}.", "Download the model again.", "model"
        )
    return parts


def _from_folder(path: Path, recognised: Recognised, dtype: torch.dtype, vae_dtype: torch.dtype) -> Parts:
    unet = build.unet(folder.config(path, "unet"))
    vae = build.vae(folder.config(path, "vae"))
    text_encoder = build.text_encoder(folder.config(path, "text_encoder"))
    unet_weights, vae_weights, text_weights = (Weights(folder.weight_files(path, part)) for part in folder.PARTS)
    build.fill(unet, unet_weights, str, dtype, "UNet")
    build.fill(vae, vae_weights, lambda name: name if name in vae_weights.shapes else _old(name), vae_dtype, "VAE")
    build.fill(text_encoder, text_weights, lambda name: _prefixed(name, text_weights), dtype, "text encoder")
    vocabulary = Vocabulary.from_folder(path / "tokenizer")
    table = alphas_cumprod(folder.config(path, "scheduler"))
    return Parts(unet, vae, text_encoder, vocabulary, recognised.prediction, table, _scale(vae))


def _from_file(card: Card, recognised: Recognised, dtype: torch.dtype, vae_dtype: torch.dtype, names: tuple[str, ...]) -> Parts:
    told: dict[str, Any] = read_yaml(card.config) if card.config else {}
    weights = Weights([card.path])
    shapes = weights.shapes
    infix = "text_model." if f"{ldm_names.TEXT}text_model.embeddings.token_embedding.weight" in shapes else ""
    unet_config, vae_config = ldm_sizes.unet(shapes, told), ldm_sizes.vae(shapes, told)
    unet, vae, text_encoder = build.unet(unet_config), build.vae(vae_config), build.text_encoder(ldm_sizes.text_encoder(shapes, infix))
    layers, levels = unet_config["layers_per_block"], len(vae_config["block_out_channels"])
    attention = tuple(kind.startswith("CrossAttn") for kind in unet_config["up_block_types"])
    build.fill(unet, weights, lambda name: ldm_names.unet(name, layers, attention), dtype, "UNet")
    build.fill(vae, weights, lambda name: ldm_names.vae(name, levels), vae_dtype, "VAE")
    build.fill(text_encoder, weights, lambda name: ldm_names.text_encoder(name, infix), dtype, "text encoder")
    vocabulary = Vocabulary.from_folder(CLIP_VOCABULARY)
    return Parts(unet, vae, text_encoder, vocabulary, recognised.prediction, alphas_cumprod(ldm_sizes.scheduler(told, names)), _scale(vae))


def _prefixed(name: str, weights: Weights) -> str:
    """transformers dropped `text_model.` from its own names in 5.6; folders have either."""
    plain = name.removeprefix("text_model.")
    return plain if plain in weights.shapes else f"text_model.{plain}"


def _old(name: str) -> str:
    for ours, theirs in OLD_VAE.items():
        name = name.replace(ours, theirs)
    return name


def _scale(vae: AutoencoderKL) -> float:
    scale = vae.config.scaling_factor
    if not isinstance(scale, (int, float)) or not 0 < scale < float("inf"):
        raise BadModelFile(f"The VAE's scaling factor {str(scale)[:40]!r} is no number above 0.", "Correct its config.json.")
    return float(scale)
