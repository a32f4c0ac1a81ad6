"""IP-Adapters (Ye et al. 2023): a picture as a prompt. A small network turns what CLIP sees into tokens; each cross-attention of the UNet has a second look at them.

Reads the authors' layout (`image_proj.`, `ip_adapter.`): plain, plus (also plus face) and full face. Attention itself is diffusers' own processor.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.embeddings import ImageProjection, IPAdapterFullImageProjection, IPAdapterPlusImageProjection
from torch import Tensor, nn

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build
from modules.networks.component import weight_files
from modules.networks.sources import Piece, Pieces, Source, under
from modules.networks.weights import Weights

Shapes = Mapping[str, tuple[int, ...]]
HEAD = 64
FIELD = "control"
PLUS = (
    (r"layers\.(\d+)\.ln0\.", r"layers.\1.0.norm1."),
    (r"layers\.(\d+)\.ln1\.", r"layers.\1.0.norm2."),
    (r"layers\.(\d+)\.attn\.to_out\.0\.", r"layers.\1.0.to_out."),
    (r"layers\.(\d+)\.attn\.", r"layers.\1.0."),
    (r"layers\.(\d+)\.ff\.0\.", r"layers.\1.1.0."),
    (r"layers\.(\d+)\.ff\.1\.net\.0\.proj\.", r"layers.\1.1.1."),
    (r"layers\.(\d+)\.ff\.1\.net\.2\.", r"layers.\1.1.3."),
)
"""Names of diffusers' resampler -> the authors'."""


@dataclass(frozen=True)
class IPAdapter:
    """projection: what CLIP sees -> tokens. keys, values: of each cross-attention, in the order of the UNet's processors. states: whether it looks at CLIP's
    states instead of its one vector. width: of what it looks at."""

    projection: nn.Module
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]
    states: bool
    width: int

    @property
    def size(self) -> int:
        return sum(tensor.nbytes for tensor in (*self.projection.parameters(), *self.keys, *self.values))


def load(path: Path, unet: Mapping[str, Any], layers: tuple[int, ...], dtype: torch.dtype, device: str) -> IPAdapter:
    """unet: its config. layers: width of each of its cross-attentions, in the order of its processors. Raises BadModelFile, Unsupported."""
    try:
        with torch.inference_mode(False):
            weights = Weights(weight_files(path))
            seeing, looking = under(weights, "image_proj."), under(weights, "ip_adapter.")
            names = [f"{2 * place + 1}.to_{{}}_ip.weight" for place in range(len(layers))]
            context = unet.get("cross_attention_dim")
            given = [looking.shapes.get(name.format("k"), ()) for name in names]
            count = sum(name.endswith("to_k_ip.weight") for name in looking.shapes)
            if not count:
                raise BadModelFile("This file holds no IP-Adapter.", "Take the file as its authors offer it, as .safetensors.")
            if given != [(width, context) for width in layers] or count != len(layers):
                what = f"{path.name} was made for another kind of model: it sees {count} attentions, the checkpoint has {len(layers)}."
                if count == len(layers):
                    what = f"{path.name} was made for another kind of model: its attentions are of other sizes than the checkpoint's."
                raise Unsupported(what, "Choose an IP-Adapter of the checkpoint's own family.", FIELD)
            projection, states, width = _projection(seeing, dtype)
            read = looking.read([name.format(side) for name in names for side in "kv"], dtype)
            keys, values = (tuple(read[name.format(side)].to(device) for name in names) for side in "kv")
            return IPAdapter(projection.to(device), keys, values, states, width)
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} cannot be loaded. {error.what}", error.remedy, FIELD) from None


def _projection(source: Source, dtype: torch.dtype) -> tuple[nn.Module, bool, int]:
    """-> the network, whether it looks at CLIP's states, and how wide that is."""
    shapes = source.shapes
    if "proj.weight" in shapes and len(shapes.get("norm.weight", ())) == 1:
        wide, width = shapes["proj.weight"]
        context = shapes["norm.weight"][0]
        network: nn.Module = build.part("IP-Adapter", lambda: ImageProjection(width, context, wide // context))
        return build.fill(network, source, lambda name: name.replace("image_embeds", "proj"), dtype, "IP-Adapter"), False, width
    if "proj.3.weight" in shapes:
        network = build.part("IP-Adapter", lambda: IPAdapterFullImageProjection(shapes["proj.0.weight"][0], shapes["proj.3.weight"][0]))
        full = {"ff.net.0.proj": "proj.0", "ff.net.2": "proj.2", "norm": "proj.3"}
        return (
            build.fill(network, source, lambda name: full[name.rpartition(".")[0]] + "." + name.rpartition(".")[2], dtype, "IP-Adapter"),
            True,
            shapes["proj.0.weight"][0],
        )
    if "latents" in shapes and "proj_in.weight" in shapes:
        return _resampler(source, dtype), True, shapes["proj_in.weight"][1]
    raise Unsupported(
        "This IP-Adapter looks at faces through a face recognition network (FaceID), which Easel does not bring.", "Take a plain, plus or full face one.", FIELD
    )


def _resampler(source: Source, dtype: torch.dtype) -> nn.Module:
    shapes = source.shapes
    depth = 1 + max((int(found[1]) for name in shapes if (found := re.match(r"layers\.(\d+)\.", name))), default=-1)
    query, wide = shapes.get("layers.0.0.to_q.weight", ()), shapes.get("layers.0.1.1.weight", ())
    if not query or not wide:
        raise BadModelFile("The resampler of this IP-Adapter cannot be read.", "Download the file again.")
    hidden = shapes["latents"][2]
    network = build.part(
        "IP-Adapter",
        lambda: IPAdapterPlusImageProjection(
            embed_dims=shapes["proj_in.weight"][1],
            output_dims=shapes["proj_out.weight"][0],
            hidden_dims=hidden,
            depth=depth,
            heads=query[0] // HEAD,
            num_queries=shapes["latents"][1],
            ffn_ratio=wide[0] / hidden,
        ),
    )
    pieces = {name: Piece(name) for name in shapes}
    for layer in range(depth):
        fused = f"layers.{layer}.0.to_kv.weight"
        half = shapes.get(fused, (0,))[0] // 2
        pieces |= {f"layers.{layer}.0.to_k.weight": Piece(fused, 0, half), f"layers.{layer}.0.to_v.weight": Piece(fused, half, None)}
    return build.fill(network, Pieces(source, pieces), theirs, dtype, "IP-Adapter")


def theirs(name: str) -> str:
    """A tensor of diffusers' resampler in the authors' words."""
    for ours, authors in PLUS:
        renamed = re.sub(ours, authors, name)
        if renamed != name:
            return renamed
    return name
