"""Reads the sizes of a single file with LDM names off its tensors, and off the yaml beside it what tensors do not show. Narrow models too.

Tensors decide every width and depth; the yaml decides the number of attention heads, the scale of the latents and the noise table. Where both speak
and differ, the yaml belongs to another file, and that is refused. Source: the config of Rombach et al.'s latent-diffusion code (v1-inference.yaml).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

from modules.catalog.notes import at, read_json
from modules.core.errors import BadModelFile
from modules.networks import ldm_names

CONFIGS = Path(__file__).parent / "configs"
HEAD_WIDTH = 64
"""Of CLIP's text encoders, whatever their size, and of UNets after Stable Diffusion 1.x."""
TIME_WIDTH = 256
"""Of each number that SDXL's UNet is told beside the text: sizes, crops, scores."""

Shapes = Mapping[str, tuple[int, ...]]


def bundled(part: str, family: str = "sd1") -> dict[str, Any]:
    """The config of the part as the family's first model has it."""
    return read_json(CONFIGS / family / part / ("scheduler_config.json" if part == "scheduler" else "config.json"))


def unet(shapes: Shapes, told: Mapping[str, Any], family: str = "sd1") -> dict[str, Any]:
    """The diffusers config of the UNet. told: the whole yaml, {} where there is none."""
    rows = sorted({int(found[1]) for name in shapes if (found := re.match(rf"{re.escape(ldm_names.UNET)}input_blocks\.(\d+)\.", name))})
    widths: list[int] = []
    attention: list[bool] = []
    layers: list[int] = []
    depths: list[int] = []
    fresh = True
    for row in rows[1:]:
        block = f"{ldm_names.UNET}input_blocks.{row}."
        if f"{block}0.op.weight" in shapes:
            fresh = True
            continue
        width = _shape(shapes, f"{block}0.out_layers.3.weight")[0]
        if fresh:
            widths, attention, layers, depths, fresh = [*widths, width], [*attention, False], [*layers, 0], [*depths, 0], False
        attention[-1] = attention[-1] or f"{block}1.norm.weight" in shapes
        depths[-1] = max(depths[-1], _depth(shapes, block))
        layers[-1] += 1
    if not widths or len(set(layers)) != 1:
        raise _odd("UNet", "its levels do not have the same number of blocks")
    context = next(
        (shape[1] for name, shape in shapes.items() if name.startswith(ldm_names.UNET) and name.endswith("attn2.to_k.weight") and len(shape) == 2), 0
    )
    linear = next((len(shape) == 2 for name, shape in shapes.items() if name.startswith(ldm_names.UNET) and name.endswith("1.proj_in.weight")), False)
    middle = _depth(shapes, f"{ldm_names.UNET}middle_block.") or 1
    depths = [depth or (middle if level == len(depths) - 1 else 1) for level, depth in enumerate(depths)]
    if depths[-1] != middle:
        raise _odd("UNet", "its middle is not as deep as its last level")
    params = _params(told, "unet_config") or _params(told, "network_config")
    _same("model_channels", params.get("model_channels"), _shape(shapes, f"{ldm_names.UNET}input_blocks.0.0.weight")[0])
    _same("context_dim", params.get("context_dim"), context)
    if _is_count(params.get("model_channels")) and isinstance(params.get("channel_mult"), list):
        _same("channel_mult", [params["model_channels"] * times for times in params["channel_mult"] if _is_count(times)], widths)
    label = shapes.get(f"{ldm_names.UNET}label_emb.0.0.weight", ())
    return {
        **bundled("unet", family),
        **({"projection_class_embeddings_input_dim": label[1]} if len(label) == 2 else {}),
        "in_channels": _shape(shapes, f"{ldm_names.UNET}input_blocks.0.0.weight")[1],
        "out_channels": _shape(shapes, f"{ldm_names.UNET}out.2.weight")[0],
        "block_out_channels": widths,
        "layers_per_block": layers[0],
        "down_block_types": ["CrossAttnDownBlock2D" if has else "DownBlock2D" for has in attention],
        "up_block_types": ["CrossAttnUpBlock2D" if has else "UpBlock2D" for has in reversed(attention)],
        "cross_attention_dim": context,
        "transformer_layers_per_block": depths[0] if len(set(depths)) == 1 else depths,
        "use_linear_projection": linear,
        "attention_head_dim": _heads(params, widths, family),  # diffusers' name for the number of heads
    }


def _depth(shapes: Shapes, block: str) -> int:
    """Of the transformer in a block, 0 where it has none."""
    return 1 + max((int(found[1]) for name in shapes if (found := re.match(rf"{re.escape(block)}1\.transformer_blocks\.(\d+)\.", name))), default=-1)


def _heads(params: Mapping[str, Any], widths: list[int], family: str) -> int | list[int]:
    """Attention heads, of all levels or of each. Stable Diffusion 1.x has 8, whatever the width; later ones fix the width of a head, as a yaml may."""
    per_head, heads = params.get("num_head_channels"), params.get("num_heads")
    if not _is_count(per_head) and not _is_count(heads) and family != "sd1":
        per_head = HEAD_WIDTH
    if _is_count(per_head):
        return [max(width // per_head, 1) for width in widths]
    count = heads if _is_count(heads) else int(bundled("unet", family)["attention_head_dim"])
    if any(width % count for width in widths):
        raise _odd("UNet", f"its widths {widths} cannot be divided into {count} attention heads")
    return count


def vae(shapes: Shapes, told: Mapping[str, Any], family: str = "sd1") -> dict[str, Any]:
    """The diffusers config of the autoencoder, with the scale of its latents."""
    levels = 1 + max((int(found[1]) for name in shapes if (found := re.match(rf"{re.escape(ldm_names.VAE)}encoder\.down\.(\d+)\.", name))), default=-1)
    first = _shape(shapes, f"{ldm_names.VAE}encoder.conv_in.weight")
    widths = [_shape(shapes, f"{ldm_names.VAE}encoder.down.{level}.block.0.conv2.weight")[0] for level in range(levels)]
    layers = sum(f"{ldm_names.VAE}encoder.down.0.block.{layer}.conv2.weight" in shapes for layer in range(16))
    details = at(_params(told, "first_stage_config"), "ddconfig")
    details = details if isinstance(details, Mapping) else {}
    _same("ch", details.get("ch"), first[0])
    scale = at(told, "model", "params", "scale_factor")
    base = bundled("vae", family)
    return {
        **base,
        "in_channels": first[1],
        "out_channels": _shape(shapes, f"{ldm_names.VAE}decoder.conv_out.weight")[0],
        "latent_channels": _shape(shapes, f"{ldm_names.VAE}decoder.conv_in.weight")[1],
        "block_out_channels": widths,
        "layers_per_block": layers,
        "down_block_types": ["DownEncoderBlock2D"] * levels,
        "up_block_types": ["UpDecoderBlock2D"] * levels,
        "scaling_factor": float(scale) if isinstance(scale, (int, float)) and scale > 0 else base["scaling_factor"],
    }


def text_encoder(shapes: Shapes, prefix: str, part: str = "text_encoder", family: str = "sd1", unused: int = 0) -> dict[str, Any]:
    """The transformers config of CLIP's text encoder. shapes: under transformers' names after `prefix`. unused: layers at the end that are never run."""
    vocabulary, width = _shape(shapes, f"{prefix}embeddings.token_embedding.weight")[:2]
    layers = 1 + max((int(found[1]) for name in shapes if (found := re.match(rf"{re.escape(prefix)}encoder\.layers\.(\d+)\.", name))), default=-1)
    projection = shapes.get(f"{prefix}text_projection.weight", (width, width))
    return {
        **bundled(part, family),
        "hidden_size": width,
        "projection_dim": projection[0],
        "intermediate_size": _shape(shapes, f"{prefix}encoder.layers.0.mlp.fc1.weight")[0],
        "num_hidden_layers": layers - unused,
        "num_attention_heads": max(width // HEAD_WIDTH, 1),
        "max_position_embeddings": _shape(shapes, f"{prefix}embeddings.position_embedding.weight")[0],
        "vocab_size": vocabulary,
    }


def scheduler(told: Mapping[str, Any], names: Iterable[str], family: str = "sd1") -> dict[str, Any]:
    """The noise table as a diffusers scheduler config. names: of all tensors; `ztsnr` among them marks a zero terminal signal-to-noise ratio."""
    params = at(told, "model", "params")
    params = params if isinstance(params, Mapping) else {}
    given = {"beta_start": params.get("linear_start"), "beta_end": params.get("linear_end"), "num_train_timesteps": params.get("timesteps")}
    return {
        **bundled("scheduler", family),
        **{name: value for name, value in given.items() if value is not None},
        "rescale_betas_zero_snr": "ztsnr" in set(names),
    }


def _params(told: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    found = at(told, "model", "params", part, "params")
    return found if isinstance(found, Mapping) else {}


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    """At least two long, or BadModelFile that names the tensor."""
    if len(shapes.get(name, ())) < 2:
        raise BadModelFile(f"The checkpoint lacks the tensor {name}.", "Download or copy the model again.")
    return shapes[name]


def _is_count(value: Any) -> TypeGuard[int]:
    return type(value) is int and value > 0


def _same(what: str, told: Any, found: Any) -> None:
    if told is not None and told != found:
        raise BadModelFile(
            f"The yaml beside the checkpoint says {what} = {str(told)[:60]}, its tensors {found}.", "Remove the yaml, or put the right one there."
        )


def _odd(part: str, reason: str) -> BadModelFile:
    return BadModelFile(f"The {part} of the checkpoint cannot be read: {reason}.", "Download or copy the model again.")
