"""What a tensor of a diffusers module is called in a single file with LDM names. Names only; knows no tensor and no size but the depth of the blocks.

Source: the module tree of Rombach et al.'s latent-diffusion code (openaimodel.UNetModel, autoencoder.AutoencoderKL, FrozenCLIPEmbedder) beside
diffusers' own. The way round serves both directions: the names that a module needs are known, so what a file lacks can be said in the file's words.
"""

from __future__ import annotations

import re

UNET = "model.diffusion_model."
VAE = "first_stage_model."
TEXT = "cond_stage_model.transformer."

UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
    "mid_block.resnets.0": "middle_block.0",
    "mid_block.attentions.0": "middle_block.1",
    "mid_block.resnets.1": "middle_block.2",
}
UNET_LAYERS = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_BLOCK = re.compile(r"(?P<side>down|up)_blocks\.(?P<block>\d+)\.(?P<kind>resnets|attentions|downsamplers|upsamplers)\.(?P<layer>\d+)\.(?P<rest>.+)")

VAE_LAYERS = {"conv_shortcut": "nin_shortcut", "conv_norm_out": "norm_out"}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
VAE_BLOCK = re.compile(r"(?P<side>encoder\.down|decoder\.up)_blocks\.(?P<block>\d+)\.(?P<kind>resnets|downsamplers|upsamplers)\.(?P<layer>\d+)\.(?P<rest>.+)")
VAE_MIDDLE = re.compile(r"(?P<side>encoder|decoder)\.mid_block\.(?P<kind>resnets|attentions)\.(?P<layer>\d+)\.(?P<rest>.+)")


def unet(name: str, layers_per_block: int, cross_attention: tuple[bool, ...]) -> str:
    """cross_attention: for each up block, whether it has attention; upsamplers come after it."""
    block = UNET_BLOCK.fullmatch(name)
    if not block:
        head = next((head for head in UNET_ENDS if name.startswith(head + ".")), None)
        if head is None:
            return UNET + name
        rest = name[len(head) + 1 :]
        return f"{UNET}{UNET_ENDS[head]}.{_layers(rest, UNET_LAYERS) if 'resnets' in head else rest}"
    number, layer, rest = int(block["block"]), int(block["layer"]), block["rest"]
    if block["side"] == "down":
        row = 1 + number * (layers_per_block + 1) + (layers_per_block if block["kind"] == "downsamplers" else layer)
        inner = {"resnets": f"0.{_layers(rest, UNET_LAYERS)}", "attentions": f"1.{rest}", "downsamplers": f"0.{rest.replace('conv.', 'op.')}"}[block["kind"]]
        return f"{UNET}input_blocks.{row}.{inner}"
    row = number * (layers_per_block + 1) + (layers_per_block if block["kind"] == "upsamplers" else layer)
    place = 2 if cross_attention[number] else 1
    inner = {"resnets": f"0.{_layers(rest, UNET_LAYERS)}", "attentions": f"1.{rest}", "upsamplers": f"{place}.{rest}"}[block["kind"]]
    return f"{UNET}output_blocks.{row}.{inner}"


def vae(name: str, levels: int) -> str:
    """levels: number of resolutions; LDM counts those of the decoder from the finest, diffusers from the coarsest."""
    if block := VAE_BLOCK.fullmatch(name):
        decoder = block["side"] == "decoder.up"
        level = levels - 1 - int(block["block"]) if decoder else int(block["block"])
        inner = {"resnets": f"block.{block['layer']}.", "downsamplers": "downsample.", "upsamplers": "upsample."}[block["kind"]]
        return f"{VAE}{block['side']}.{level}.{inner}{_layers(block['rest'], VAE_LAYERS)}"
    if middle := VAE_MIDDLE.fullmatch(name):
        attention = middle["kind"] == "attentions"
        inner = f"attn_1.{_layers(middle['rest'], VAE_ATTENTION)}" if attention else f"block_{int(middle['layer']) + 1}.{_layers(middle['rest'], VAE_LAYERS)}"
        return f"{VAE}{middle['side']}.mid.{inner}"
    return VAE + _layers(name, VAE_LAYERS)


def text_encoder(name: str, infix: str = "text_model.", prefix: str = TEXT) -> str:
    """infix: "text_model.", or "" in old merges. transformers dropped it from its own names in 5.6. prefix: of the encoder in the file."""
    return prefix + infix + name.removeprefix("text_model.")


def _layers(rest: str, names: dict[str, str]) -> str:
    """Renames the one layer in a dotted name; whole parts only."""
    for ours, theirs in names.items():
        renamed = re.sub(rf"(^|\.){re.escape(ours)}(?=\.)", rf"\g<1>{theirs}", rest, count=1)
        if renamed != rest:
            return renamed
    return rest
