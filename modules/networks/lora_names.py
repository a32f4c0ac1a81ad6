"""Every name by which adapter files call the layers of a loaded model: kohya's with underscores, diffusers', peft's, and those of the original code (LDM, BFL, SD3).

Names are told apart by their letters and digits only, `.` and `_` being one. Knows no file and no formula.
Sources: kohya's sd-scripts, diffusers' and peft's own naming, Rombach et al. 2022 (LDM), Black Forest Labs' and Stability's reference code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from torch import nn

from modules.networks import ldm_names

DENOISER = "denoiser"
TEXT = ("text 1", "text 2", "text 3")
PARTS: Mapping[str, str] = {"unet": DENOISER, "transformer": DENOISER, "text_encoder": TEXT[0], "text_encoder_2": TEXT[1], "text_encoder_3": TEXT[2]}
"""Components of a model -> what adapter files tell apart."""

TEXT_PARTS = tuple(part for part, owner in PARTS.items() if owner != DENOISER)

PREFIXES: tuple[tuple[str, str], ...] = (
    ("lora_unet_", DENOISER),
    ("lora_transformer_", DENOISER),
    ("oft_unet_", DENOISER),
    ("lycoris_", DENOISER),
    ("base_model_model_", DENOISER),
    ("model_diffusion_model_", DENOISER),
    ("diffusion_model_", DENOISER),
    ("unet_", DENOISER),
    ("transformer_", DENOISER),
    ("lora_te1_", TEXT[0]),
    ("lora_te2_", TEXT[1]),
    ("lora_te3_", TEXT[2]),
    ("lora_te_", TEXT[0]),
    ("oft_te1_", TEXT[0]),
    ("oft_te2_", TEXT[1]),
    ("oft_te_", TEXT[0]),
    ("text_encoders_clip_l_transformer_", TEXT[0]),
    ("text_encoders_clip_g_transformer_", TEXT[1]),
    ("text_encoders_t5xxl_transformer_", TEXT[2]),
    ("text_encoder_2_", TEXT[1]),
    ("text_encoder_3_", TEXT[2]),
    ("text_encoder_", TEXT[0]),
)
"""How a layer's name begins -> whose it is. Without any of these it is the denoiser's."""

OLD_PROJECTIONS = {"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}
"""diffusers before 0.20 called a text encoder's projections as it calls a UNet's."""

FLUX = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "double_blocks.#.img_attn.qkv": "transformer_blocks.#.attn.to_q|attn.to_k|attn.to_v",
    "double_blocks.#.img_attn.proj": "transformer_blocks.#.attn.to_out.0",
    "double_blocks.#.img_mlp.0": "transformer_blocks.#.ff.net.0.proj",
    "double_blocks.#.img_mlp.2": "transformer_blocks.#.ff.net.2",
    "double_blocks.#.img_mod.lin": "transformer_blocks.#.norm1.linear",
    "double_blocks.#.txt_attn.qkv": "transformer_blocks.#.attn.add_q_proj|attn.add_k_proj|attn.add_v_proj",
    "double_blocks.#.txt_attn.proj": "transformer_blocks.#.attn.to_add_out",
    "double_blocks.#.txt_mlp.0": "transformer_blocks.#.ff_context.net.0.proj",
    "double_blocks.#.txt_mlp.2": "transformer_blocks.#.ff_context.net.2",
    "double_blocks.#.txt_mod.lin": "transformer_blocks.#.norm1_context.linear",
    "single_blocks.#.linear1": "single_transformer_blocks.#.attn.to_q|attn.to_k|attn.to_v|proj_mlp",
    "single_blocks.#.linear2": "single_transformer_blocks.#.proj_out",
    "single_blocks.#.modulation.lin": "single_transformer_blocks.#.norm.linear",
}
SD3 = {
    "x_embedder.proj": "pos_embed.proj",
    "t_embedder.mlp.0": "time_text_embed.timestep_embedder.linear_1",
    "t_embedder.mlp.2": "time_text_embed.timestep_embedder.linear_2",
    "y_embedder.mlp.0": "time_text_embed.text_embedder.linear_1",
    "y_embedder.mlp.2": "time_text_embed.text_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "joint_blocks.#.x_block.attn.qkv": "transformer_blocks.#.attn.to_q|attn.to_k|attn.to_v",
    "joint_blocks.#.x_block.attn.proj": "transformer_blocks.#.attn.to_out.0",
    "joint_blocks.#.x_block.attn2.qkv": "transformer_blocks.#.attn2.to_q|attn2.to_k|attn2.to_v",
    "joint_blocks.#.x_block.attn2.proj": "transformer_blocks.#.attn2.to_out.0",
    "joint_blocks.#.x_block.mlp.fc1": "transformer_blocks.#.ff.net.0.proj",
    "joint_blocks.#.x_block.mlp.fc2": "transformer_blocks.#.ff.net.2",
    "joint_blocks.#.x_block.adaLN_modulation.1": "transformer_blocks.#.norm1.linear",
    "joint_blocks.#.context_block.attn.qkv": "transformer_blocks.#.attn.add_q_proj|attn.add_k_proj|attn.add_v_proj",
    "joint_blocks.#.context_block.attn.proj": "transformer_blocks.#.attn.to_add_out",
    "joint_blocks.#.context_block.mlp.fc1": "transformer_blocks.#.ff_context.net.0.proj",
    "joint_blocks.#.context_block.mlp.fc2": "transformer_blocks.#.ff_context.net.2",
    "joint_blocks.#.context_block.adaLN_modulation.1": "transformer_blocks.#.norm1_context.linear",
}
"""Layers of the original code -> ours; `|` where one of theirs holds the rows of several of ours, one below the other. # is a block's number.
The last modulations are left out: diffusers has their two halves the other way round."""


class Place(NamedTuple):
    """Where in a model: part of `Model.parts`, and the layer in it, dotted."""

    part: str
    layer: str


class Names:
    """Of one model's layers that have weights. parts: its components by name; what is no network is left aside."""

    def __init__(self, parts: Mapping[str, Any]) -> None:
        self.layers: dict[Place, nn.Module] = {}
        self._known: dict[tuple[str, str], tuple[Place, ...]] = {}
        for part, owner in PARTS.items():
            if isinstance(network := parts.get(part), nn.Module):
                self._add(part, owner, network)

    def find(self, name: str) -> tuple[Place, ...]:
        """The layer that a file calls so, or those whose rows it holds, in order; () when there is none."""
        owner, inner = split(name)
        found = self._known.get((owner, inner), ())
        return found or self._known.get((owner, _newer(owner, inner)), ())

    def _add(self, part: str, owner: str, network: nn.Module) -> None:
        owners = [owner]
        if owner == TEXT[1] and hasattr(getattr(network, "config", None), "d_model"):
            owners.append(TEXT[2])  # T5: trainers call it the third encoder, also where a model has two
        within = {name: Place(part, name) for name, layer in network.named_modules() if getattr(layer, "weight", None) is not None}
        self.layers |= {place: network.get_submodule(name) for name, place in within.items()}
        for name, place in within.items():
            for whose in owners:
                self._known[whose, plain(name, whose)] = (place,)
        for alias, targets in original(network, within) if owner == DENOISER else ():
            self._known.setdefault((owner, plain(alias, owner)), targets)


def original(network: nn.Module, within: Mapping[str, Place]) -> Iterator[tuple[str, tuple[Place, ...]]]:
    """The names of the architecture's original code, with our layers for each."""
    config: Any = getattr(network, "config", {})
    if "up_block_types" in config and isinstance(config["layers_per_block"], int):
        attention = tuple("CrossAttn" in kind for kind in config["up_block_types"])
        for name, place in within.items():
            yield ldm_names.unet(f"{name}.weight", config["layers_per_block"], attention).removeprefix(ldm_names.UNET).removesuffix(".weight"), (place,)
    for table in (FLUX, SD3):
        for theirs, ours in table.items():
            for number in _blocks(ours, within):
                first, *others = ours.replace("#", number).split("|")
                block = ".".join(first.split(".")[:2])
                targets = [first, *(f"{block}.{other}" for other in others)]
                if all(target in within and not _turned(network, target) for target in targets):
                    yield theirs.replace("#", number), tuple(within[target] for target in targets)


def _turned(network: nn.Module, layer: str) -> bool:
    return type(network.get_submodule(layer.rpartition(".")[0])).__name__ == "AdaLayerNormContinuous"


def _blocks(ours: str, within: Mapping[str, Place]) -> list[str]:
    """The numbers that stand for # in a model."""
    if "#" not in ours:
        return [""]
    pattern = re.compile(re.escape(ours.split("#")[0]) + r"(\d+)\.")
    return sorted({found[1] for name in within if (found := pattern.match(name))}, key=int)


def split(name: str) -> tuple[str, str]:
    """-> whose it is, and the layer's name in plain spelling."""
    flat = name.replace(".", "_")
    flat = flat.removeprefix("base_model_model_") if flat.startswith("base_model_model_") else flat
    for prefix, owner in PREFIXES:
        if flat.startswith(prefix):
            return owner, plain(flat.removeprefix(prefix), owner)
    return DENOISER, plain(flat, DENOISER)


def plain(name: str, owner: str) -> str:
    flat = name.replace(".", "_")
    return flat if owner == DENOISER else flat.removeprefix("text_model_")


def _newer(owner: str, inner: str) -> str:
    """Names of attention from before diffusers 0.20."""
    inner = inner.replace("_processor_", "_")
    if owner == DENOISER:
        return inner + "_0" if inner.endswith("_to_out") else inner
    for old, new in OLD_PROJECTIONS.items():
        if inner.endswith(old):
            return inner.removesuffix(old) + new
    return inner
