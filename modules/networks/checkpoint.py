"""A checkpoint's card -> its networks, offline: from a diffusers folder, or from a single file with LDM names. Both take the same way into memory,
so that the same weights give the same bits whichever way they are kept. Knows no prompt and no sampler.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from modules.catalog import folder, header
from modules.catalog.card import Card
from modules.catalog.detect import family_of
from modules.catalog.notes import read_yaml
from modules.catalog.scan import CLIP_VOCABULARY
from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build, ldm_names, ldm_sizes
from modules.networks.alphas import alphas_cumprod
from modules.networks.build import Keep
from modules.networks.layout import LAYOUTS, Encoder, Layout
from modules.networks.open_clip import OpenClip
from modules.networks.weights import Weights
from modules.prompt.vocabulary import Vocabulary

OLD_VAE = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
"""Names of the autoencoder's attention in diffusers folders written before 0.18, as Stable Diffusion 1.5's own is."""


@dataclass(frozen=True)
class Parts:
    """networks: `unet`, `vae`, and `text_encoder` with its `vocabulary` (or several, numbered as in a diffusers folder), on the CPU, ready to run.
    scale: what latents are multiplied by after encoding. alphas_cumprod: [1000] float32."""

    networks: dict[str, Any]
    prediction: str
    alphas_cumprod: Tensor
    scale: float


@dataclass(frozen=True)
class Precisions:
    """keep: which layers of the UNet keep their weights in few bits."""

    network: torch.dtype
    vae: torch.dtype
    text: torch.dtype
    keep: Keep | None = None


def load_parts(
    card: Card,
    dtype: torch.dtype,
    vae_dtype: torch.dtype | None = None,
    layout: Layout = LAYOUTS["sd1"],
    text_dtype: torch.dtype | None = None,
    keep: Keep | None = None,
) -> Parts:
    """Reads a checkpoint of one UNet family. keep: which layers of the UNet keep their weights in few bits.
    Raises BadModelFile for a damaged one, Unsupported for one of another kind, both with the reason."""
    precisions = Precisions(dtype, vae_dtype or dtype, text_dtype or dtype, keep)
    single = None if card.path.is_dir() else header.read(card.weights)
    recognised = family_of(single or card.path, card.config)
    if recognised.trouble or recognised.family != layout.family:
        raise Unsupported(f"{card.path.name} cannot be loaded. {recognised.trouble}", "Choose another checkpoint.", "model")
    try:
        networks, table = _from_folder(card.path, layout, precisions) if single is None else _from_file(card, layout, precisions, tuple(single.tensors))
        scale = _scale(networks["vae"])
    except BadModelFile as error:
        raise BadModelFile(f"{card.path.name} cannot be loaded. {error.what}", error.remedy, "model") from None
    for encoder in layout.encoders:
        size, words = networks[encoder.part].config.vocab_size, len(networks[encoder.vocabulary])
        if size < words:
            raise BadModelFile(
                f"{card.path.name} cannot be loaded. Its text encoder knows {size} tokens, its vocabulary {words}.", "Download the model again.", "model"
            )
    return Parts(networks, card.prediction or recognised.prediction, table, scale)


def _from_folder(path: Path, layout: Layout, precisions: Precisions) -> tuple[dict[str, Any], Tensor]:
    unet = build.unet(folder.config(path, "unet"))
    vae = build.vae(folder.config(path, "vae"))
    weights = {part: Weights(folder.weight_files(path, part)) for part in layout.networks}
    build.fill(unet, weights["unet"], str, precisions.network, "UNet", precisions.keep)
    build.fill(vae, weights["vae"], lambda name: name if name in weights["vae"].shapes else _old(name), precisions.vae, "VAE")
    networks: dict[str, Any] = {"unet": unet, "vae": vae}
    for encoder in layout.encoders:
        network = _made(encoder, folder.config(path, encoder.part))
        networks[encoder.part] = build.fill(network, weights[encoder.part], partial(_prefixed, weights=weights[encoder.part]), precisions.text, "text encoder")
        networks[encoder.vocabulary] = Vocabulary.from_folder(path / encoder.tokenizer)
    return networks, alphas_cumprod(folder.config(path, "scheduler"))


def _from_file(card: Card, layout: Layout, precisions: Precisions, names: tuple[str, ...]) -> tuple[dict[str, Any], Tensor]:
    told: dict[str, Any] = read_yaml(card.config) if card.config else {}
    weights = Weights([card.weights])
    shapes, family = weights.shapes, layout.family
    unet_config, vae_config = ldm_sizes.unet(shapes, told, family), ldm_sizes.vae(shapes, told, family)
    unet, vae = build.unet(unet_config), build.vae(vae_config)
    layers, levels = unet_config["layers_per_block"], len(vae_config["block_out_channels"])
    attention = tuple(kind.startswith("CrossAttn") for kind in unet_config["up_block_types"])
    build.fill(unet, weights, lambda name: ldm_names.unet(name, layers, attention), precisions.network, "UNet", precisions.keep)
    build.fill(vae, weights, lambda name: ldm_names.vae(name, levels), precisions.vae, "VAE")
    networks: dict[str, Any] = {"unet": unet, "vae": vae}
    for encoder in layout.encoders:
        networks[encoder.part] = _encoder(weights, encoder, family, precisions.text)
        networks[encoder.vocabulary] = Vocabulary.from_folder(CLIP_VOCABULARY, encoder.pad)
    return networks, alphas_cumprod(ldm_sizes.scheduler(told, names, family))


def _made(encoder: Encoder, config: Mapping[str, Any]) -> CLIPTextModel | CLIPTextModelWithProjection:
    return build.projecting_text_encoder(config) if encoder.projected else build.text_encoder(config)


def _encoder(weights: Weights, encoder: Encoder, family: str, dtype: torch.dtype) -> CLIPTextModel | CLIPTextModelWithProjection:
    if encoder.open_clip:
        seen = OpenClip(weights, encoder.prefix)
        config = ldm_sizes.text_encoder(seen.shapes, "", encoder.part, family, encoder.unused(seen.depth))
        return build.fill(_made(encoder, config), seen, lambda name: name.removeprefix("text_model."), dtype, "text encoder")
    infix = "text_model." if f"{encoder.prefix}text_model.embeddings.token_embedding.weight" in weights.shapes else ""
    config = ldm_sizes.text_encoder(weights.shapes, encoder.prefix + infix, encoder.part, family)
    network = _made(encoder, config)
    return build.fill(network, weights, lambda name: ldm_names.text_encoder(name, infix, encoder.prefix), dtype, "text encoder")


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
