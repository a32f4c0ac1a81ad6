"""Where a tensor of diffusers' FLUX transformer lies in a file with Black Forest Labs' names, where q, k and v are one tensor. Names and rows only.

Source: the module tree of BFL's flux code (model.Flux) beside diffusers' own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from modules.core.errors import BadModelFile
from modules.networks.sources import Piece, Shape

ENDS = {
    "time_text_embed.timestep_embedder.linear_1": "time_in.in_layer",
    "time_text_embed.timestep_embedder.linear_2": "time_in.out_layer",
    "time_text_embed.guidance_embedder.linear_1": "guidance_in.in_layer",
    "time_text_embed.guidance_embedder.linear_2": "guidance_in.out_layer",
    "time_text_embed.text_embedder.linear_1": "vector_in.in_layer",
    "time_text_embed.text_embedder.linear_2": "vector_in.out_layer",
    "context_embedder": "txt_in",
    "x_embedder": "img_in",
    "proj_out": "final_layer.linear",
}
DOUBLE = {
    "norm1.linear": "img_mod.lin",
    "norm1_context.linear": "txt_mod.lin",
    "attn.norm_q": "img_attn.norm.query_norm",
    "attn.norm_k": "img_attn.norm.key_norm",
    "attn.norm_added_q": "txt_attn.norm.query_norm",
    "attn.norm_added_k": "txt_attn.norm.key_norm",
    "attn.to_out.0": "img_attn.proj",
    "attn.to_add_out": "txt_attn.proj",
    "ff.net.0.proj": "img_mlp.0",
    "ff.net.2": "img_mlp.2",
    "ff_context.net.0.proj": "txt_mlp.0",
    "ff_context.net.2": "txt_mlp.2",
}
SINGLE = {"norm.linear": "modulation.lin", "proj_out": "linear2", "attn.norm_q": "norm.query_norm", "attn.norm_k": "norm.key_norm"}
FUSED = {
    "attn.to_q": ("img_attn.qkv", 0),
    "attn.to_k": ("img_attn.qkv", 1),
    "attn.to_v": ("img_attn.qkv", 2),
    "attn.add_q_proj": ("txt_attn.qkv", 0),
    "attn.add_k_proj": ("txt_attn.qkv", 1),
    "attn.add_v_proj": ("txt_attn.qkv", 2),
}
FUSED_SINGLE = {"attn.to_q": 0, "attn.to_k": 1, "attn.to_v": 2, "proj_mlp": 3}
BLOCK = re.compile(r"(?P<kind>single_)?transformer_blocks\.(?P<number>\d+)\.(?P<layer>.+)\.(?P<what>weight|bias)")


def piece(name: str, width: int) -> Piece:
    """width: of the network; rows are counted in it."""
    block = BLOCK.fullmatch(name)
    if not block:
        layer, _, what = name.rpartition(".")
        if layer == "norm_out.linear":  # BFL has shift before scale
            return Piece(f"final_layer.adaLN_modulation.1.{what}", swapped=True)
        return Piece(f"{ENDS.get(layer, layer)}.{what}")
    layer, what = block["layer"], block["what"]
    ending = "scale" if ".norm_" in f".{layer}" else what
    if block["kind"]:
        place = f"single_blocks.{block['number']}."
        if layer in FUSED_SINGLE:
            part = FUSED_SINGLE[layer]
            return Piece(f"{place}linear1.{what}", part * width, None if part == 3 else (part + 1) * width)
        return Piece(f"{place}{SINGLE.get(layer, layer)}.{ending}")
    place = f"double_blocks.{block['number']}."
    if layer in FUSED:
        fused, part = FUSED[layer]
        return Piece(f"{place}{fused}.{what}", part * width, (part + 1) * width)
    return Piece(f"{place}{DOUBLE.get(layer, layer)}.{ending}")


def read(shapes: Mapping[str, Shape]) -> tuple[dict[str, Any], Callable[[str], Piece]]:
    """The diffusers config, read off the tensors, and where each of diffusers' tensors lies. shapes: under BFL's names or diffusers', without a prefix.
    Raises BadModelFile."""
    if "x_embedder.weight" in shapes:
        return config({there: shapes[here] for here, there in _plain_names(shapes).items()}), Piece
    found = config(shapes)
    width = found["attention_head_dim"] * found["num_attention_heads"]
    return found, lambda name: piece(name, width)


def _plain_names(shapes: Mapping[str, Shape]) -> dict[str, str]:
    """diffusers' names -> BFL's, of the tensors that tell sizes and are not fused."""
    return {name: piece(name, 1).name for name in shapes}


def config(shapes: Mapping[str, Shape]) -> dict[str, Any]:
    """The diffusers config, read off the tensors. shapes: under BFL's names, without a prefix. Raises BadModelFile."""
    try:
        width, channels = shapes["img_in.weight"]
        head = shapes["double_blocks.0.img_attn.norm.query_norm.scale"][0]
        found = {
            "in_channels": channels,
            "out_channels": shapes["final_layer.linear.weight"][0],
            "num_layers": count(shapes, "double_blocks."),
            "num_single_layers": count(shapes, "single_blocks."),
            "attention_head_dim": head,
            "num_attention_heads": width // head,
            "joint_attention_dim": shapes["txt_in.weight"][1],
            "pooled_projection_dim": shapes["vector_in.in_layer.weight"][1],
            "guidance_embeds": "guidance_in.in_layer.weight" in shapes,
            "patch_size": 1,
        }
    except (KeyError, IndexError, ValueError) as error:
        raise BadModelFile(f"The FLUX transformer lacks a tensor that tells its size: {error}.", "Download or copy the model again.") from None
    side = head * 7 // 32 * 2  # 16, 56, 56 of FLUX's own 128
    return {**found, "axes_dims_rope": (head - 2 * side, side, side)}


def count(shapes: Mapping[str, Shape], prefix: str) -> int:
    """How many numbered blocks there are."""
    return 1 + max((int(name[len(prefix) :].split(".", 1)[0]) for name in shapes if name.startswith(prefix)), default=-1)
