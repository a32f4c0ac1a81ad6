"""ControlNets of FLUX and of Stable Diffusion 3, by diffusers' own classes: from a folder, or from a single file in diffusers' names. They look at the control
picture as latents.

Knows no request and no picture; `engine.features.joint_control` says when and how strongly one acts. Not made: XLabs' own layout and its kind that looks at
pixels, and those of Stable Diffusion 3.5 large that read no text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import FluxControlNetModel, SD3ControlNetModel

from modules.core.errors import BadModelFile, Unsupported
from modules.networks import build
from modules.networks.component import weight_files
from modules.networks.controlnet import told
from modules.networks.weights import Weights

Shapes = Mapping[str, tuple[int, ...]]
FIELD = "control"
CLASSES = {"flux": "FluxControlNetModel", "sd3": "SD3ControlNetModel"}
MODES: Mapping[str, int] = {"Hard Edge": 0, "Soft Edge": 0, "Tile": 1, "Depth": 2, "OpenPose": 4}
"""What FLUX's ControlNets of several kinds (InstantX, Shakker Labs) call the kinds of the menu. They learnt soft edges as no kind of their own."""


@dataclass(frozen=True)
class JointControlNet:
    """Ready to run where its inputs lie. family: "flux" or "sd3". mode: the kind of the control picture, of one that knows several."""

    network: FluxControlNetModel | SD3ControlNetModel
    family: str
    mode: int | None = None

    @property
    def size(self) -> int:
        return build.size_of(self.network)

    @property
    def context(self) -> int:
        """Width of the text vectors that it reads."""
        return int(self.network.config["joint_attention_dim"])

    @property
    def several(self) -> bool:
        return self.family == "flux" and self.network.config["num_mode"] is not None

    @property
    def unpooled(self) -> bool:
        """Whether it was trained without pooled texts, and then on latents without their shift (InstantX's for Stable Diffusion 3)."""
        return self.family == "sd3" and bool(self.network.config["force_zeros_for_pooled_projection"])

    def of(self, kind: str) -> JointControlNet:
        """For pictures of a kind of `core.records.control_types`. Raises Unsupported for one that it did not learn."""
        if not self.several:
            return self
        if MODES.get(kind, 10**6) >= int(self.network.config["num_mode"]):
            what = f"This ControlNet knows several kinds of control pictures, and {kind} is none of them."
            raise Unsupported(what, f"Choose one of {', '.join(MODES)}.", FIELD)
        return replace(self, mode=MODES[kind])


def load(path: Path, family: str, transformer: Mapping[str, Any], dtype: torch.dtype, device: str) -> JointControlNet:
    """path: a folder or a safetensors file. transformer: the config of the network that it is to guide. Raises BadModelFile, Unsupported for one of another
    family."""
    try:
        with torch.inference_mode(False):
            weights = Weights(weight_files(path))
            config = told(path, CLASSES[family]) or sizes(weights.shapes, family, transformer)
            check(config, family, transformer, path)
            network = build.part("ControlNet", lambda: _made(family, config))
            build.fill(network, weights, str, dtype, "ControlNet")
            return JointControlNet(network.to(device), family)
    except BadModelFile as error:
        raise BadModelFile(f"{path.name} cannot be loaded. {error.what}", error.remedy, FIELD) from None


def _made(family: str, config: Mapping[str, Any]) -> FluxControlNetModel | SD3ControlNetModel:
    build.check(config)
    return FluxControlNetModel.from_config(dict(config)) if family == "flux" else SD3ControlNetModel.from_config(dict(config))


def check(config: Mapping[str, Any], family: str, transformer: Mapping[str, Any], path: Path) -> None:
    """A ControlNet adds to what the transformer's blocks compute, so they must be as wide and read the same text. Raises Unsupported."""
    if config.get("conditioning_embedding_channels"):
        raise Unsupported(f"{path.name} looks at the picture's pixels (XLabs), which Easel's do not.", "Choose one that looks at latents.", FIELD)
    if config.get("joint_attention_dim") is None or config.get("extra_conditioning_channels"):
        raise Unsupported(f"{path.name} is a ControlNet of a kind that Easel does not load yet.", "Choose one by InstantX, for example.", FIELD)
    ours, theirs = (
        (told.get("num_attention_heads"), told.get("attention_head_dim"), told.get("joint_attention_dim"), told.get("in_channels"))
        for told in (config, transformer)
    )
    if ours[:3] != theirs[:3] or (family == "sd3" and ours[3] != theirs[3]):
        what = f"{path.name} was made for another kind of model: its blocks have {ours[0]} heads of {ours[1]}, the checkpoint's {theirs[0]} of {theirs[1]}."
        raise Unsupported(what, "Choose a ControlNet of the checkpoint's own family.", FIELD)


def sizes(shapes: Shapes, family: str, transformer: Mapping[str, Any]) -> dict[str, Any]:
    """The diffusers config of a file without one. What its tensors do not show is the transformer's. Raises BadModelFile."""
    if "controlnet_blocks.0.weight" not in shapes:
        raise BadModelFile("This file holds no ControlNet in diffusers' names.", "Take the file as diffusers offers it.")
    head = int(transformer["attention_head_dim"])
    context = shapes.get("context_embedder.weight", (0, None))
    found: dict[str, Any] = {
        "attention_head_dim": head,
        "num_attention_heads": shapes["controlnet_blocks.0.weight"][0] // head,
        "num_layers": _count(shapes, r"transformer_blocks\.(\d+)\."),
        "joint_attention_dim": context[1],
        "pooled_projection_dim": _shape(shapes, "time_text_embed.text_embedder.linear_1.weight")[1],
    }
    if family == "flux":
        modes = shapes.get("controlnet_mode_embedder.weight")
        return {
            **found,
            "in_channels": _shape(shapes, "x_embedder.weight")[1],
            "num_single_layers": _count(shapes, r"single_transformer_blocks\.(\d+)\."),
            "guidance_embeds": "time_text_embed.guidance_embedder.linear_1.weight" in shapes,
            "axes_dims_rope": transformer["axes_dims_rope"],
            "num_mode": modes[0] if modes else None,
            "conditioning_embedding_channels": 3 if any(name.startswith("input_hint_block.") for name in shapes) else None,
        }
    channels, places = _shape(shapes, "pos_embed.proj.weight")[1], _shape(shapes, "pos_embed.pos_embed")[1]
    return {
        **found,
        "in_channels": channels,
        "patch_size": transformer["patch_size"],
        "sample_size": transformer["sample_size"],
        "out_channels": channels,
        "pos_embed_max_size": round(places**0.5),
        "caption_projection_dim": context[0],
        "extra_conditioning_channels": _shape(shapes, "pos_embed_input.proj.weight")[1] - channels,
        "dual_attention_layers": [number for number in range(found["num_layers"]) if f"transformer_blocks.{number}.attn2.to_q.weight" in shapes],
        "qk_norm": "rms_norm" if "transformer_blocks.0.attn.norm_q.weight" in shapes else None,
    }


def _count(shapes: Shapes, pattern: str) -> int:
    """1 beyond the largest number that the pattern finds; 0 where it finds none."""
    found = re.compile(pattern)
    return 1 + max((int(match[1]) for name in shapes if (match := found.match(name))), default=-1)


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    if len(shapes.get(name, ())) < 2:
        raise BadModelFile(f"The ControlNet lacks the tensor {name}.", "Take the file as diffusers offers it.")
    return shapes[name]
