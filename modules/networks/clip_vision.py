"""CLIP's image encoder (Radford et al. 2021), as IP-Adapters look through it: from a folder, or from a single file with transformers' names.

What a file without a config does not show (heads, activation) is that of the published encoders of its width.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModelWithProjection

from modules.catalog.notes import read_json
from modules.core.errors import BadModelFile
from modules.networks import build
from modules.networks.component import weight_files
from modules.networks.weights import Weights

Shapes = Mapping[str, tuple[int, ...]]
MEAN, DEVIATION = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
"""Of the channels, in CLIP's training."""
HEADS = {768: 12, 1024: 16, 1280: 16, 1664: 16}
"""Attention heads by width: ViT-B, ViT-L, ViT-H, ViT-bigG."""
HEAD = 64
"""Width of a head elsewhere."""
QUICK = 1024
"""Width of OpenAI's own ViT-L, whose activation is the quick one; LAION's larger ones have the exact one."""
FIELD = "control"


@dataclass(frozen=True)
class Encoder:
    """Ready to run where its inputs lie."""

    network: CLIPVisionModelWithProjection

    @property
    def size(self) -> int:
        return sum(tensor.nbytes for tensor in self.network.parameters())

    def prepared(self, image: Image.Image) -> Tensor:
        """RGB -> [1, 3, S, S] float32, as CLIP's own image processor: the shorter side made S, the middle cut out, normalised."""
        side = int(self.network.config.image_size)
        short, long = min(image.size), max(image.size)
        size = (side, int(side * long / short)) if image.width <= image.height else (int(side * long / short), side)
        resized = image.resize(size, Image.Resampling.BICUBIC)
        left, top = (resized.width - side) // 2, (resized.height - side) // 2
        pixels = np.asarray(resized.crop((left, top, left + side, top + side)), np.float32) / 255
        normal = (pixels - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
        return torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None]

    def seen(self, pixels: Tensor, states: bool) -> Tensor:
        """What the encoder makes of prepared pixels: the states before its last layer, [1, T, D], or the whole picture as one vector, [1, P]."""
        weight = self.network.visual_projection.weight
        out = self.network(pixels.to(weight.device, weight.dtype), output_hidden_states=states)
        return out.hidden_states[-2] if states else out.image_embeds


def load(path: Path, dtype: torch.dtype, device: str) -> Encoder:
    """path: a folder or a safetensors file; a config.json beside a file is believed. Raises BadModelFile."""
    try:
        with torch.inference_mode(False):
            weights = Weights(weight_files(path))
            file = (path if path.is_dir() else path.parent) / "config.json"
            told = read_json(file) if file.is_file() else {}
            told = told.get("vision_config", told) if "vision_model.embeddings.class_embedding" in weights.shapes else {}
            network = build.image_encoder({**sizes(weights.shapes), **{name: told[name] for name in ("num_attention_heads", "hidden_act") if name in told}})
            build.fill(network, weights, str, dtype, "image encoder")
            return Encoder(network.to(device))
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} cannot be loaded. {error.what}", error.remedy, FIELD) from None


def sizes(shapes: Shapes) -> dict[str, Any]:
    """The transformers config, read off the tensors. Raises BadModelFile."""
    patches = shapes.get("vision_model.embeddings.patch_embedding.weight", ())
    places = shapes.get("vision_model.embeddings.position_embedding.weight", ())
    inner = shapes.get("vision_model.encoder.layers.0.mlp.fc1.weight", ())
    projection = shapes.get("visual_projection.weight", ())
    if len(patches) != 4 or len(places) != 2 or len(inner) != 2 or len(projection) != 2:
        raise BadModelFile(
            "This file holds no image encoder of CLIP with its projection.", "Take CLIP-ViT-H or CLIP-ViT-bigG as IP-Adapter's authors offer it."
        )
    width, layer = patches[0], re.compile(r"vision_model\.encoder\.layers\.(\d+)\.")
    return {
        "hidden_size": width,
        "intermediate_size": inner[0],
        "num_hidden_layers": 1 + max(int(found[1]) for name in shapes if (found := layer.match(name))),
        "num_attention_heads": HEADS.get(width, max(width // HEAD, 1)),
        "image_size": round((places[0] - 1) ** 0.5) * patches[2],
        "patch_size": patches[2],
        "projection_dim": projection[0],
        "hidden_act": "quick_gelu" if width == QUICK else "gelu",
    }
