"""What a file of small weight differences (LoRA and its relatives) was made for, by the layers that it names and their widths.

Trainers write one layer in many ways (dots or strokes, with or without what it lies in), so names are compared with strokes for dots.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from modules.catalog import lora_shapes
from modules.catalog.card import Kind
from modules.catalog.lora_shapes import inputs, outputs
from modules.catalog.sight import Sight
from modules.catalog.unets import CONTEXT

UNET = ("down_blocks_", "up_blocks_", "mid_block_", "input_blocks_", "output_blocks_", "middle_block_")
TRANSFORMERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("flux2", ("double_stream_modulation_img",)),
    ("flux2", ("single_stream_modulation",)),
    ("flux2", ("attn_to_qkv_mlp_proj",)),
    ("chroma", ("distilled_guidance_layer",)),
    ("hunyuan-video", ("individual_token_refiner",)),
    ("hunyuan-video", ("double_blocks_", "img_mod_linear")),
    ("hunyuan-video", ("double_blocks_", "img_mlp_fc1")),
    ("hunyuan-video", ("context_embedder_token_refiner",)),
    ("auraflow", ("joint_transformer_blocks_",)),
    ("auraflow", ("double_layers_", "attn_w1q")),
    ("hidream", ("double_stream_blocks_",)),
    ("hidream", ("single_stream_blocks_",)),
    ("qwen-image", ("transformer_blocks_", "img_mlp_net")),
    ("qwen-image", ("transformer_blocks_", "img_mod_1")),
    ("qwen-image", ("transformer_blocks_", "txt_mlp_net")),
    ("stable-cascade-c", ("lora_prior_unet_",)),
    ("lumina-next", ("attention_wk_y",)),
)
"""Architecture -> pieces of names that only its differences have, all of one row."""

CONVOLUTIONS = ("conv", "in_layers", "out_layers", "samplers", "_op_", "input_blocks_0_0")
"""Pieces of the names of layers that have a kernel."""

FLUX = 3072
CLIP = {768: "sd1", 1024: "sd2"}
"""Width of the only text encoder -> whose it is."""

METADATA = ("modelspec.architecture", "ss_base_model_version")
"""Where trainers say what a file is for."""

TOLD = (
    ("sdxl-refiner", r"refiner"),
    ("sdxl", r"stable-diffusion-xl|^sdxl|pony|illustrious|noobai"),
    ("sd35-large", r"stable-diffusion-(3\.?5|v3\.5)-large|^sd3\.?5.large"),
    ("sd35-medium", r"stable-diffusion-(3\.?5|v3\.5)-medium|^sd3\.?5.medium"),
    ("sd3", r"stable-diffusion-(v?3)(-medium)?(/|$)|^sd_?3(_m|$)"),
    ("sd2", r"stable-diffusion-v2|^sd_v2|^sd_?2"),
    ("sd1", r"stable-diffusion-v1|^sd_v1|^sd_?1"),
    ("flux2", r"flux\.?2"),
    ("chroma", r"chroma"),
    ("flux", r"flux\.?-?1|^flux"),
    ("qwen-image", r"qwen-image"),
    ("z-image", r"z-?image"),
)
"""Architecture -> how trainers spell it in the metadata (`modelspec.architecture`, `ss_base_model_version`)."""


class Difference(NamedTuple):
    kind: Kind
    word: str = ""
    variant: str = ""


def difference(seen: Sight, metadata: Mapping[str, str]) -> Difference | None:
    """None when the file is no such one. word: "" when nothing tells what it is for."""
    kind = lora_shapes.of_format(seen)
    if kind is None or kind == "glora" and not seen.has(".a1.weight$"):
        return None
    layers = seen.text.replace(".", "_")
    shown = _architecture(seen, layers)
    told = _told(metadata)
    word = shown if shown and "/" not in shown else told if not shown or told in shown.split("/") else ""
    if kind == "lora":
        return _lora(seen, layers, word, metadata)
    return Difference(kind, word)


def _lora(seen: Sight, layers: str, word: str, metadata: Mapping[str, str]) -> Difference:
    """A plain LoRA, one with convolutions (LoCon), one for few steps, or one that widens the entrance (control)."""
    if word == "flux":
        entrance = inputs(seen, "img_in.") or inputs(seen, "x_embedder.") or inputs(seen, "img_in")
        if entrance == 128:
            return Difference("control-lora", word)
        if not entrance and seen.has("_norm.scale$"):  # as those that widen the entrance have, and here the entrance is lost
            return Difference("lora")
        return Difference("lora", word, "fill" if entrance == 384 else "")
    if (
        seen.any("lora_unet_", "lycoris_")
        and any(piece in layers for piece in CONVOLUTIONS)
        and any(len(shape) == 4 and shape[-1] > 1 for _, shape in seen.tensors.values())
    ):
        return Difference("lora-lcm", word, "lcm") if _few_steps(seen, layers, metadata) else Difference("locon", word)
    return Difference("lora", word)


def _few_steps(seen: Sight, layers: str, metadata: Mapping[str, str]) -> bool:
    """As the LCM-LoRAs were published: all layers of a UNet by diffusers' names, of one rank, no text encoder, and nothing of a trainer's metadata."""
    if any(key.startswith("ss_") for key in metadata) or "lora_te" in layers:
        return False
    parts = ("_attn1_to_q", "_ff_net_0_proj", "_resnets_0_conv1", "_resnets_0_time_emb_proj", "_downsamplers_0_conv", "_upsamplers_0_conv", "_conv_shortcut")
    ranks = {entry.shape[0] for name, entry in seen.tensors.items() if name.endswith(".lora_down.weight")}
    return all(part in layers for part in parts) and len(ranks) == 1


def _architecture(seen: Sight, layers: str) -> str:
    """By names, then by widths. Several words with a stroke between them where it may be any of them; "" where nothing tells."""
    unet = any(piece in layers for piece in UNET)
    if unet and "lora_prior_unet_" not in layers:
        return _unet(seen, layers)
    for word, pieces in TRANSFORMERS:
        if all(piece in layers for piece in pieces):
            return word
    if "double_blocks_" in layers or "single_blocks_" in layers:
        return _flux_native(seen)
    if "joint_blocks_" in layers:
        return _sd3(seen, "joint_blocks", layers)
    if "transformer_blocks_" in layers:
        return _transformer(seen, layers)
    if re.search(r"\blayers_\d+_(attention|adaLN|feed_forward)|_layers_\d+_(attention|adaLN|feed_forward)", layers):
        width = inputs(seen, "layers", "attention", "qkv") or inputs(seen, "layers", "attention", "to_q") or inputs(seen, "layers", "feed_forward", "w1")
        return {3840: "z-image", 2304: "lumina2"}.get(width, "")
    if "blocks_0_self_attn_q" in layers or "blocks_0_cross_attn" in layers:
        return "wan" if "ffn_0" in layers or "cross_attn_k" in layers and "q_proj" not in layers else "cosmos-predict2" if "mlp_layer1" in layers else ""
    return _text_only(seen, layers)


def _flux_native(seen: Sight) -> str:
    """FLUX.1's layers are four times as wide inside as outside, FLUX.2's are gated and three times."""
    for name, one, two in (("img_mlp.0", 4, 6), ("img_mlp_0", 4, 6), ("txt_mlp.0", 4, 6), ("txt_mlp_0", 4, 6), ("linear1", 7, 9)):
        into, out = inputs(seen, name), outputs(seen, name)
        if into and out:
            return {one: "flux", two: "flux2"}.get(out // into if out % into == 0 else 0, "")
    widths = {width for piece in ("img_attn", "txt_attn", "linear1", "img_mlp", "processor") if (width := inputs(seen, "blocks", piece))}
    return "flux" if FLUX in widths and ("linear1" in seen.text or "modulation" in seen.text or "processor" in seen.text) else "flux/flux2" if widths else ""


def _sd3(seen: Sight, *pieces: str) -> str:
    text = pieces[-1]
    if "x_block_attn2_" in text or "transformer_blocks_0_attn2_" in text:
        return "sd35-medium"
    width = next((found for piece in ("qkv", "attn.to_q", "attn_to_q", "add_q_proj", "mlp_fc1", "mlp.fc1") if (found := inputs(seen, pieces[0], piece))), 0)
    return {1536: "sd3", 2432: "sd35-large"}.get(width, "sd3/sd35-large/sd35-medium")


def _transformer(seen: Sight, layers: str) -> str:
    """Layers by diffusers' names."""
    if "single_transformer_blocks_" in layers:
        width = next((found for piece in ("attn", "proj_mlp", "norm") if (found := inputs(seen, "single_transformer_blocks", piece))), 0)
        mlp = outputs(seen, "single_transformer_blocks", "proj_mlp")
        return "flux" if mlp == 4 * FLUX or width == FLUX and "attn_to_qkv_mlp" not in layers else ""
    if "_attn1_" in layers or "_ff_" not in layers and "_attn2_to_" in layers and "_attn_to_" not in layers:
        width = inputs(seen, "transformer_blocks", "attn1", "to_q") or inputs(seen, "transformer_blocks", "attn2", "to_q")
        return {1152: "pixart", 2048: "ltx-video", 2240: "sana"}.get(width, "")
    blocks = [int(number) for number in re.findall(r"transformer_blocks_(\d+)_", layers)]
    width = (
        inputs(seen, "transformer_blocks", "attn.to_q") or inputs(seen, "transformer_blocks", "attn_to_q") or inputs(seen, "transformer_blocks", "add_q_proj")
    )
    if width in (1536, 2432):
        return _sd3(seen, "transformer_blocks", layers)
    if width == FLUX and max(blocks, default=0) > 18:
        return "qwen-image"
    if width == FLUX:
        return "flux" if "_ff_context_" in layers or "_norm1_linear" in layers or "_ff_net_" in layers else "flux/qwen-image"
    return ""


def _unet(seen: Sight, layers: str) -> str:
    width = inputs(seen, "attn2", "to_k") or inputs(seen, "attn2", "to_v")
    if width:
        return CONTEXT.get(width, "")
    if "lora_te2_" in layers or "text_encoder_2_" in layers or re.search(r"transformer_blocks_[1-9]", layers):
        return "sdxl"
    shallow = re.search(
        r"down_blocks_0_attentions|up_blocks_3_attentions|input_blocks_[12]_1_|output_blocks_(9|10|11)_1_|down_blocks_3_|mid_block_attentions_0_proj", layers
    )
    if not shallow:
        return _text_only(seen, layers)
    flat = next(
        (len(entry.shape) for name, entry in seen.tensors.items() if "proj_in" in name and name.endswith((".lora_down.weight", ".diff", ".lora.down.weight"))),
        0,
    )
    if flat == 4:
        return "sd1"
    return _text_only(seen, layers) or ("sd2" if flat == 2 and "down_blocks_0_attentions" in layers else "sd1/sd2")


def _text_only(seen: Sight, layers: str) -> str:
    """By the text encoders alone. One that is numbered, or CLIP-L in a file without a UNet, may belong to many."""
    if "lora_te2_" in layers or "text_encoder_2_text" in layers:
        return "sdxl" if (inputs(seen, "te2", "self_attn") or outputs(seen, "te2", "self_attn")) == 1280 else ""
    if "lora_te_" in layers:
        width = inputs(seen, "lora_te_", "self_attn") or outputs(seen, "lora_te_", "self_attn")
        return CLIP.get(width, "")
    return ""


def _told(metadata: Mapping[str, str]) -> str:
    for key in METADATA:
        text = metadata.get(key, "").casefold()
        if text and (word := next((word for word, pattern in TOLD if re.search(pattern, text)), "")):
            return word
    return ""
