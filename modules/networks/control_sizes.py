"""Reads the sizes of a ControlNet off its tensors, in diffusers' names or in LDM's. Narrow ones too.

What tensors do not show (attention heads, norms) is that of the UNet that it guides: a ControlNet is a copy of its first half (Zhang et al. 2023).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modules.core.errors import BadModelFile
from modules.networks import control_names

Shapes = Mapping[str, tuple[int, ...]]
FROM_UNET = (
    "act_fn", "attention_head_dim", "downsample_padding", "flip_sin_to_cos", "freq_shift", "mid_block_scale_factor", "norm_eps", "norm_num_groups",
    "num_attention_heads", "only_cross_attention", "resnet_time_scale_shift", "upcast_attention", "addition_time_embed_dim",
)  # fmt: skip
REMEDY = "Download the ControlNet again."


class Level(NamedTuple):
    """One resolution: its width, its blocks, and the transformer blocks of its attention; 0 without."""

    width: int
    layers: int
    depth: int


def prefix_of(shapes: Shapes) -> str | None:
    """Of a file with LDM names; None for one in diffusers' names."""
    return next((prefix for prefix in (control_names.PREFIX, "") if f"{prefix}input_hint_block.0.weight" in shapes), None)


def config(shapes: Shapes, unet: Mapping[str, Any]) -> dict[str, Any]:
    """The diffusers config. unet: that of the UNet that it is to guide. Raises BadModelFile for a file that holds no ControlNet."""
    prefix = prefix_of(shapes)
    levels = _levels(shapes) if prefix is None else _ldm_levels(shapes, prefix)
    middle, seen, added = ("mid_block.", control_names.SEEN + "blocks.", "add_embedding.linear_1.weight")
    if prefix is not None:
        middle, seen, added = (f"{prefix}middle_block.", f"{prefix}input_hint_block.", f"{prefix}label_emb.0.0.weight")
    if not levels or len({level.layers for level in levels}) != 1:
        raise BadModelFile("This file holds no ControlNet whose sizes can be read.", REMEDY)
    depths = [level.depth for level in levels]
    deepest = _count(shapes, re.escape(middle) + r".*transformer_blocks\.(\d+)\.")
    context = next((shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight") and len(shape) == 2), 0)
    linear = next((len(shape) == 2 for name, shape in shapes.items() if re.search(r"(attentions\.\d+|\.1)\.proj_in\.weight$", name)), False)
    label = shapes.get(added, ())
    return {
        **{name: unet[name] for name in FROM_UNET if unet.get(name) is not None},
        "in_channels": _shape(shapes, "conv_in.weight" if prefix is None else f"{prefix}input_blocks.0.0.weight")[1],
        "conditioning_channels": _shape(shapes, f"{control_names.SEEN}conv_in.weight" if prefix is None else f"{seen}0.weight")[1],
        "block_out_channels": [level.width for level in levels],
        "layers_per_block": levels[0].layers,
        "down_block_types": ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in depths],
        "mid_block_type": "UNetMidBlock2DCrossAttn" if deepest else "UNetMidBlock2D",
        "transformer_layers_per_block": [*(depth or 1 for depth in depths[:-1]), deepest or depths[-1] or 1],
        "cross_attention_dim": context or unet.get("cross_attention_dim"),
        "use_linear_projection": linear,
        "conditioning_embedding_out_channels": _seen_widths(shapes, seen, prefix),
        **({"addition_embed_type": "text_time", "projection_class_embeddings_input_dim": label[1]} if len(label) == 2 else {}),
    }


def _levels(shapes: Shapes) -> list[Level]:
    found: list[Level] = []
    for index in range(_count(shapes, r"down_blocks\.(\d+)\.resnets\.")):
        block = f"down_blocks.{index}."
        layers = _count(shapes, re.escape(block) + r"resnets\.(\d+)\.")
        depth = _count(shapes, re.escape(block) + r"attentions\.0\.transformer_blocks\.(\d+)\.")
        found.append(Level(_shape(shapes, f"{block}resnets.0.conv2.weight")[0], layers, depth))
    return found


def _ldm_levels(shapes: Shapes, prefix: str) -> list[Level]:
    found: list[Level] = []
    fresh = True
    for row in range(1, _count(shapes, re.escape(prefix) + r"input_blocks\.(\d+)\.")):
        block = f"{prefix}input_blocks.{row}."
        if f"{block}0.op.weight" in shapes:
            fresh = True
            continue
        width = _shape(shapes, f"{block}0.out_layers.3.weight")[0]
        depth = _count(shapes, re.escape(block) + r"1\.transformer_blocks\.(\d+)\.")
        found = [*found, Level(width, 1, depth)] if fresh else [*found[:-1], found[-1]._replace(layers=found[-1].layers + 1)]
        fresh = False
    return found


def _seen_widths(shapes: Shapes, seen: str, prefix: str | None) -> list[int]:
    """Widths of the network before the first, from its convolutions in order: each second one halves the size and widens."""
    name: Callable[[int], str] = (lambda index: f"{seen}{index}.weight") if prefix is None else (lambda index: f"{seen}{2 * index}.weight")
    first = _shape(shapes, f"{control_names.SEEN}conv_in.weight" if prefix is None else name(0))[0]
    start, count = (0, _count(shapes, re.escape(seen) + r"(\d+)\.")) if prefix is None else (1, (_count(shapes, re.escape(seen) + r"(\d+)\.") - 1) // 2 - 1)
    return [first, *(_shape(shapes, name(start + index))[0] for index in range(1, count, 2))]


def _count(shapes: Shapes, pattern: str) -> int:
    """1 beyond the largest number that the pattern finds; 0 where it finds none."""
    found = re.compile(pattern)
    return 1 + max((int(match[1]) for name in shapes if (match := found.match(name))), default=-1)


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    if len(shapes.get(name, ())) < 2:
        raise BadModelFile(f"The ControlNet lacks the tensor {name}.", REMEDY)
    return shapes[name]
