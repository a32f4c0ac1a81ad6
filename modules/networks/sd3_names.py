"""Where a tensor of diffusers' Stable Diffusion 3 transformer lies in a file with Stability's names, where q, k and v are one tensor. Names and rows only.

Source: the module tree of Stability's sd3 code (mmdit.MMDiTX) beside diffusers' own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from modules.core.errors import BadModelFile
from modules.networks.flux_names import count
from modules.networks.sources import Piece, Shape

ENDS = {
    "pos_embed.proj": "x_embedder.proj",
    "time_text_embed.timestep_embedder.linear_1": "t_embedder.mlp.0",
    "time_text_embed.timestep_embedder.linear_2": "t_embedder.mlp.2",
    "time_text_embed.text_embedder.linear_1": "y_embedder.mlp.0",
    "time_text_embed.text_embedder.linear_2": "y_embedder.mlp.2",
    "proj_out": "final_layer.linear",
}
LAYERS = {
    "norm1.linear": "x_block.adaLN_modulation.1",
    "norm1_context.linear": "context_block.adaLN_modulation.1",
    "attn.norm_q": "x_block.attn.ln_q",
    "attn.norm_k": "x_block.attn.ln_k",
    "attn.norm_added_q": "context_block.attn.ln_q",
    "attn.norm_added_k": "context_block.attn.ln_k",
    "attn.to_out.0": "x_block.attn.proj",
    "attn.to_add_out": "context_block.attn.proj",
    "attn2.norm_q": "x_block.attn2.ln_q",
    "attn2.norm_k": "x_block.attn2.ln_k",
    "attn2.to_out.0": "x_block.attn2.proj",
    "ff.net.0.proj": "x_block.mlp.fc1",
    "ff.net.2": "x_block.mlp.fc2",
    "ff_context.net.0.proj": "context_block.mlp.fc1",
    "ff_context.net.2": "context_block.mlp.fc2",
}
FUSED = {
    "attn.to_q": ("x_block.attn.qkv", 0),
    "attn.to_k": ("x_block.attn.qkv", 1),
    "attn.to_v": ("x_block.attn.qkv", 2),
    "attn.add_q_proj": ("context_block.attn.qkv", 0),
    "attn.add_k_proj": ("context_block.attn.qkv", 1),
    "attn.add_v_proj": ("context_block.attn.qkv", 2),
    "attn2.to_q": ("x_block.attn2.qkv", 0),
    "attn2.to_k": ("x_block.attn2.qkv", 1),
    "attn2.to_v": ("x_block.attn2.qkv", 2),
}
BLOCK = re.compile(r"transformer_blocks\.(?P<number>\d+)\.(?P<layer>.+)\.(?P<what>weight|bias)")
HEAD_WIDTH = 64


def piece(name: str, width: int, blocks: int) -> Piece:
    """width: of the network; rows are counted in it. blocks: how many; the last one's context has shift before scale, as the end of the network has."""
    block = BLOCK.fullmatch(name)
    if not block:
        if name == "pos_embed.pos_embed":
            return Piece("pos_embed")
        layer, _, what = name.rpartition(".")
        if layer == "norm_out.linear":
            return Piece(f"final_layer.adaLN_modulation.1.{what}", swapped=True)
        return Piece(f"{ENDS.get(layer, layer)}.{what}")
    layer, what, place = block["layer"], block["what"], f"joint_blocks.{block['number']}."
    if layer in FUSED:
        fused, part = FUSED[layer]
        return Piece(f"{place}{fused}.{what}", part * width, (part + 1) * width)
    last = layer == "norm1_context.linear" and int(block["number"]) == blocks - 1
    return Piece(f"{place}{LAYERS.get(layer, layer)}.{what}", swapped=last)


def read(shapes: Mapping[str, Shape]) -> tuple[dict[str, Any], Callable[[str], Piece]]:
    """The diffusers config, read off the tensors, and where each of diffusers' tensors lies. shapes: under Stability's names or diffusers', without a prefix.
    Raises BadModelFile."""
    if "pos_embed.pos_embed" in shapes:
        blocks = count(shapes, "transformer_blocks.")
        return config({piece(name, 1, blocks).name: shape for name, shape in shapes.items()}), Piece
    found = config(shapes)
    width, blocks = found["caption_projection_dim"], found["num_layers"]
    return found, lambda name: piece(name, width, blocks)


def config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """The diffusers config, read off the tensors. shapes: under Stability's names, without a prefix. Raises BadModelFile."""
    try:
        width, channels, patch, _ = shapes["x_embedder.proj.weight"]
        blocks = count(shapes, "joint_blocks.")
        norms = "joint_blocks.0.x_block.attn.ln_q.weight" in shapes
        return {
            "sample_size": 128,
            "patch_size": patch,
            "in_channels": channels,
            "out_channels": shapes["final_layer.linear.weight"][0] // patch**2,
            "num_layers": blocks,
            "attention_head_dim": HEAD_WIDTH,
            "num_attention_heads": width // HEAD_WIDTH,
            "joint_attention_dim": shapes["context_embedder.weight"][1],
            "caption_projection_dim": width,
            "pooled_projection_dim": shapes["y_embedder.mlp.0.weight"][1],
            "pos_embed_max_size": math.isqrt(shapes["pos_embed"][1]),
            "qk_norm": "rms_norm" if norms else None,
            "dual_attention_layers": tuple(number for number in range(blocks) if f"joint_blocks.{number}.x_block.attn2.qkv.weight" in shapes),
        }
    except (KeyError, IndexError, ValueError) as error:
        raise BadModelFile(f"The Stable Diffusion 3 transformer lacks a tensor that tells its size: {error}.", "Download or copy the model again.") from None
