"""Depth of a picture by a network from the user's folder: DPT (Ranftl et al. 2021, MiDaS 3) and Depth Anything (Yang et al. 2024). A folder -> a map.

Only these two classes are made, from those values of a config that describe the network: nothing that names code, another repository or a place is looked at.
It runs in fp32, so that a map does not hang on the precision of what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import nn
from torch.nn.functional import interpolate
from transformers import BitConfig, DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config, DPTConfig, DPTForDepthEstimation

from modules.catalog.notes import read_json
from modules.core.errors import BadModelFile
from modules.networks import build
from modules.networks.annotated import IMAGENET, chosen, named, ran, seen, table
from modules.networks.component import weight_files
from modules.networks.weights import Weights

WIDEST = 1024
"""Pixels of a side in the network's training; real ones have 384 and 518."""
NARROWEST = 16
LONGEST = 3
"""How many times as long as the training's side a long picture's side may be."""
COMMON = ("hidden_size", "num_hidden_layers", "num_attention_heads", "hidden_act", "layer_norm_eps", "qkv_bias", "image_size", "patch_size", "num_channels")
NECK = ("reassemble_factors", "neck_hidden_sizes", "fusion_hidden_size", "head_in_index")
DPT = (
    *COMMON, *NECK, "intermediate_size", "backbone_out_indices", "readout_type", "use_batch_norm_in_fusion_residual", "use_bias_in_fusion_residual",
    "add_projection", "is_hybrid", "backbone_featmap_shape", "neck_ignore_stages",
)  # fmt: skip
ANYTHING = (*NECK, "patch_size", "reassemble_hidden_size", "head_hidden_size", "depth_estimation_type", "max_depth")
DINO = (*COMMON, "mlp_ratio", "layerscale_value", "use_swiglu_ffn", "out_indices", "out_features", "apply_layernorm", "use_mask_token")
BIT = (
    "num_channels", "embedding_size", "hidden_sizes", "depths", "layer_type", "hidden_act", "global_padding", "num_groups", "embedding_dynamic_padding",
    "output_stride", "width_factor", "out_indices", "out_features",
)  # fmt: skip
"""Values of a config that are believed."""
FILED = (("attention.q_proj.", "attention.attention.query."), ("attention.k_proj.", "attention.attention.key.")) + (
    ("attention.v_proj.", "attention.attention.value."),
    ("attention.o_proj.", "attention.output.dense."),
)
"""DINOv2's names in memory -> in files, which transformers keeps as they were."""
MEANS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "dpt": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "depth_anything": IMAGENET,
}
"""Mean and deviation of the channels, in each one's training."""


@dataclass(frozen=True)
class Depth:
    """kind: `model_type`. side: pixels of a side in the network's training. multiple: of which sides must be. metric: tells metres, not nearness."""

    network: nn.Module
    kind: str
    side: int
    multiple: int
    metric: bool
    device: str

    @property
    def size(self) -> int:
        """Bytes of its parameters."""
        return build.size_of(self.network)

    @torch.inference_mode()
    def map(self, image: Image.Image) -> Image.Image:
        """RGB -> RGB of the same size: white what is nearest, black what is farthest; all black where everything is equally near.
        Raises BadModelFile."""
        prepared = seen(image, self.seen(image.size), *MEANS[self.kind])
        found = ran("depth network", lambda: self.network(prepared.to(self.device)).predicted_depth.float())
        near = 1 / found.clamp(min=1e-3) if self.metric else found
        whole = interpolate(near[:, None].cpu(), size=(image.height, image.width), mode="bicubic", align_corners=False)[0, 0]
        low, high = whole.aminmax()
        grey = (255 * (whole - low) / (high - low)).round() if high > low else torch.zeros_like(whole)
        return Image.fromarray(grey.to(torch.uint8).numpy()).convert("RGB")

    def seen(self, size: tuple[int, int]) -> tuple[int, int]:
        """The size at which the network looks at a picture of this one, as its image processor has it: DPT at a square, Depth Anything in the picture's
        proportions with the shorter side as in its training."""
        if self.kind == "dpt":
            return self.side, self.side
        scale = min(self.side / min(size), LONGEST * self.side / max(size))
        width, height = (max(round(side * scale / self.multiple), 1) * self.multiple for side in size)
        return width, height


def load(path: Path, device: str) -> Depth:
    """path: a folder of transformers. Raises BadModelFile."""
    with named(path.name), torch.inference_mode(False):
        config = read_json(path / "config.json")
        kind = config.get("model_type")
        if not isinstance(kind, str) or kind not in MADE:
            raise BadModelFile(f"Its config says {str(kind)[:40]!r}, and the kinds known are {', '.join(MADE)}.", "Take a DPT or Depth Anything network.")
        network = build.part("depth network", lambda: MADE[kind](config))
        build.fill(network, Weights(weight_files(path)), filed, torch.float32, "depth network")
        side, multiple = _sides(network)
        return Depth(network.to(device), kind, side, multiple, config.get("depth_estimation_type") == "metric", device)


def filed(name: str) -> str:
    for here, there in FILED:
        name = name.replace(here, there)
    return name


def _sides(network: Any) -> tuple[int, int]:
    inner = network.config.backbone_config if isinstance(network, DepthAnythingForDepthEstimation) else network.config
    side, multiple = inner.image_size, inner.patch_size
    if not (type(side) is int and type(multiple) is int and NARROWEST <= side <= WIDEST and 1 <= multiple <= side and side % multiple == 0):
        raise BadModelFile(f"Its config has pictures of {str(side)[:20]} in patches of {str(multiple)[:20]} pixels, which cannot be.", "Download it again.")
    return side, multiple


def _dpt(config: Mapping[str, Any]) -> DPTForDepthEstimation:
    values = chosen(config, DPT)
    inner = config.get("backbone_config")
    if values.get("is_hybrid"):
        values["backbone_config"] = BitConfig(**chosen(table(inner, "bit"), BIT))
    elif inner is not None:
        raise ValueError("of DPT only the plain and the hybrid one are known here")
    return DPTForDepthEstimation(DPTConfig(**values))


def _anything(config: Mapping[str, Any]) -> DepthAnythingForDepthEstimation:
    inner = Dinov2Config(**chosen(table(config.get("backbone_config"), "dinov2"), DINO), reshape_hidden_states=False)
    return DepthAnythingForDepthEstimation(DepthAnythingConfig(**chosen(config, ANYTHING), backbone_config=inner))


MADE: Mapping[str, Callable[[Mapping[str, Any]], nn.Module]] = {"dpt": _dpt, "depth_anything": _anything}
