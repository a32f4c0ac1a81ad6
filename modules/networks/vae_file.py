"""An autoencoder from a file of its own, in place of a checkpoint's: LDM's names with any prefix, or diffusers'. Knows no family.

Its sizes are those of the autoencoder that it stands in for, so a file of another shape is refused before it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build, ldm_names
from modules.networks.weights import Weights

KIND = "AutoencoderKL"
FIRST = "encoder.conv_in.weight"
"""It has one name in both layouts; what stands before it is the file's prefix."""
LDM = "decoder.mid.block_1.norm1.weight"
OLD = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
"""Names of the attention that diffusers wrote before 0.18."""


def load(path: Path, config: Mapping[str, Any], dtype: torch.dtype, name: str) -> AutoencoderKL:
    """config: of the autoencoder that it stands in for. name: of the file, for errors. On the CPU.
    Raises BadModelFile with the reason, Unsupported where it cannot stand in."""
    if config.get("_class_name", KIND) != KIND:
        raise Unsupported(f"The checkpoint's autoencoder is of a kind of its own, for which the VAE {name} cannot stand in.", "Choose None.", "vae")
    try:
        weights = Weights([path])
        prefix = next((inside.removesuffix(FIRST) for inside in weights.shapes if inside.endswith(FIRST)), "")
        network = build.vae({key: value for key, value in config.items() if not key.startswith("_")})
        levels = len(config["block_out_channels"])
        ldm = prefix + LDM in weights.shapes

        def inside(ours: str) -> str:
            if ldm:
                return prefix + ldm_names.vae(ours, levels).removeprefix(ldm_names.VAE)
            return prefix + (ours if prefix + ours in weights.shapes else _old(ours))

        return build.fill(network, weights, inside, dtype, "VAE")
    except BadModelFile as error:
        raise BadModelFile(
            f"The VAE {name} cannot be loaded. {error.what}", "Choose a VAE made for this kind of checkpoint, or None for its own.", "vae"
        ) from None


def _old(name: str) -> str:
    for ours, theirs in OLD.items():
        name = name.replace(ours, theirs)
    return name
