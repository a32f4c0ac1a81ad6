"""What is added to a checkpoint, by the names that only it has: ControlNets, adapters, motion modules, hypernetworks.

Sources: Zhang et al. 2023 (ControlNet), kohya (LLLite), Stability AI (control-LoRA), xinsir and InstantX (union), XLabs, Mou et al. 2023 (T2I-Adapter),
Ye et al. 2023 (IP-Adapter), Guo et al. 2023 (AnimateDiff), and diffusers' models of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from modules.catalog.card import Kind
from modules.catalog.marks import Mark

CROSS = (("sd1", 768), ("sd2", 1024), ("sdxl", 2048))
"""Whose text has this width."""


def _by_width(kind: Kind, has: tuple[str, ...], width: str, axis: int = 1, *, lacks: tuple[str, ...] = (), variant: str = "") -> Iterator[Mark]:
    """One row for each family of UNets, and one for a file whose family cannot be told."""
    for word, side in CROSS:
        yield Mark(word, has, lacks, ((width, axis, (side,)),), variant=variant, kind=kind)
    yield Mark("", has, lacks, variant=variant, kind=kind)


def _by_entrance(has: tuple[str, ...], entrance: str, variant: str = "") -> Iterator[Mark]:
    """T2I-Adapters fold 8 x 8 pixels into channels for Stable Diffusion 1, 16 x 16 for SDXL, of one or three colours."""
    for word, sides in (("sd1", (64, 192)), ("sdxl", (256, 768))):
        yield Mark(word, has, sides=((entrance, 1, sides),), variant=variant, kind="t2i-adapter")
    yield Mark("", has, variant=variant, kind="t2i-adapter")


def _ip_adapter(variant: str, *marks: str) -> Iterator[Mark]:
    has = ("ip_adapter.1.to_k_ip.", *marks)
    yield Mark("kolors", has, sides=(("to_k_ip.weight$", 1, (2048,)), ("^image_proj.proj_in.weight$", 1, (1024,))), variant=variant, kind="ip-adapter")
    yield Mark("flux", has, sides=(("to_k_ip.weight$", 0, (3072,)),), variant=variant, kind="ip-adapter")
    yield Mark("sd35-large", has, sides=(("to_k_ip.weight$", 0, (2432,)),), variant=variant, kind="ip-adapter")
    yield from _by_width("ip-adapter", has, "to_k_ip.weight$", variant=variant)


SEVERAL = ("task_embedding$", "control_add_embedding.", "spatial_ch_projs.", "transformer_layes.")
"""What only a ControlNet of several kinds has."""

UNION = "^controlnet_mode_embedder."
TO_K = "attn2.to_k.weight$"
LDM_CONTROL = ("input_hint_block.0.", "zero_convs.0.0.")
CONTROL = ("^controlnet_cond_embedding.", "^controlnet_down_blocks.0.")
WIDTHS = (("sd3", (1536,)), ("sd35-large", (2432,)))
SD3_CONTROL = ("^controlnet_blocks.0.", "^pos_embed_input.")

ADDITIONS: tuple[Mark, ...] = (
    # adapters of pictures
    Mark("photomaker", ("^id_encoder.", "lora_weights"), kind="unknown"),
    *(row for variant in ("faceid-plus",) for row in _ip_adapter(variant, "^image_proj.perceiver_resampler.")),
    *(row for row in _ip_adapter("faceid", "to_q_lora.")),
    *(row for row in _ip_adapter("plus", "^image_proj.latents$")),
    *(row for row in _ip_adapter("full-face", "^image_proj.proj.0.")),
    *(row for row in _ip_adapter("", "^image_proj.proj.weight$")),
    *(row for row in _ip_adapter("", "to_v_ip.")),
    Mark("flux", ("ip_adapter_double_stream_k_proj.", "ip_adapter_proj_model."), variant="xlabs", kind="ip-adapter"),
    Mark("flux", ("^redux_up.", "^redux_down."), variant="redux", kind="unknown"),
    # control
    Mark("sdxl", ("lora_controlnet", "input_hint_block.0."), sides=(("label_emb.0.0.down", 1, (2816,)),), kind="control-lora"),
    Mark("sdxl", ("lora_controlnet", "input_hint_block.0."), sides=(("attn2.to_k.down", 1, (2048,)),), kind="control-lora"),
    Mark("sd1", ("lora_controlnet", "input_hint_block.0."), sides=(("attn2.to_k.down", 1, (768,)),), kind="control-lora"),
    Mark("", ("lora_controlnet", "input_hint_block.0."), kind="control-lora"),
    Mark("", ("input_hint_block.0.", "zero_convs.", "attn1.to_k.down", "attn1.to_k.up"), kind="control-lora"),
    Mark("sdxl", ("^lllite_unet_", "transformer_blocks_1_attn"), kind="controlnet-lllite"),
    Mark("sd1", ("^lllite_unet_input_blocks_1_1_",), kind="controlnet-lllite"),
    Mark("", ("^lllite_",), kind="controlnet-lllite"),
    Mark("animatediff", (*CONTROL, "motion_modules."), variant="sparsectrl", kind="controlnet"),
    Mark("kolors", (*CONTROL, "^encoder_hid_proj."), kind="controlnet"),
    *_by_width("controlnet-union", (*CONTROL, "^task_embedding$"), TO_K),
    *_by_width("controlnet-union", (*CONTROL, "^control_add_embedding."), TO_K),
    *_by_width("controlnet", CONTROL, TO_K, lacks=SEVERAL),
    *_by_width("controlnet-union", (*LDM_CONTROL, "task_embedding$"), TO_K),
    *_by_width("controlnet", LDM_CONTROL, TO_K),
    Mark("flux", ("^controlnet_blocks.0.", "^double_blocks.0.img_attn", "^pos_embed_input."), variant="xlabs", kind="controlnet"),
    Mark("qwen-image", ("^controlnet_blocks.0.", "^transformer_blocks.0.img_mod."), kind="controlnet"),
    Mark("flux", ("^controlnet_blocks.0.", "^controlnet_x_embedder.", "^transformer_blocks.0.norm1_context.", UNION), variant="union", kind="controlnet"),
    Mark("flux", ("^controlnet_blocks.0.", "^controlnet_x_embedder.", "^time_text_embed.", "^context_embedder."), kind="controlnet"),
    *(Mark(word, SD3_CONTROL, sides=(("^controlnet_blocks.0.weight$", 0, width),), kind="controlnet") for word, width in WIDTHS),
    *(
        Mark(word, ("controlnet_blocks.0.", "y_embedder.mlp.0."), sides=(("controlnet_blocks.0.weight$", 0, width),), kind="controlnet")
        for word, width in WIDTHS
    ),
    Mark("hunyuan-dit", ("^controlnet_blocks.0.", "^text_embedding_padding$"), kind="controlnet"),
    Mark("z-image", ("control_layers.0.", "control_noise_refiner."), kind="controlnet"),
    Mark("z-image", ("control_layers.0.", "control_all_x_embedder."), kind="controlnet"),
    Mark("", ("controlnet_blocks.0.",), kind="controlnet"),
    *_by_entrance(("body.0.block1.", "conv_in.", "body.1.block2."), "conv_in.weight$"),
    *_by_entrance(("body.0.resnets.0.block1.", "conv_in."), "conv_in.weight$"),
    *_by_entrance(("body.0.in_conv.", "body.0.body.0.block1."), "body.0.in_conv.weight$", "light"),
    *_by_entrance(("body.0.in_conv.", "body.0.resnets.0.block1."), "body.0.in_conv.weight$", "light"),
    Mark("sd1", ("^transformer_layes.0.attn.", "^style_embedding$", "^proj$"), variant="style", kind="t2i-adapter"),
    # motion, hypernetworks, others that are only named
    Mark("sd1", ("motion_modules.0.temporal_transformer.", "down_blocks.3.motion_modules."), kind="motion-module"),
    Mark("sdxl", ("motion_modules.0.temporal_transformer.", "down_blocks.2.motion_modules."), kind="motion-module"),
    Mark("", ("motion_modules.0.temporal_transformer.",), kind="motion-module"),
    Mark("sd1", ("down_blocks.3.motion_modules.0.transformer_blocks.0.",), ("resnets.",), kind="motion-module"),
    Mark("sdxl", ("down_blocks.2.motion_modules.0.transformer_blocks.0.",), ("resnets.",), kind="motion-module"),
    Mark("sd1", ("^768.0.linear.",), kind="hypernetwork"),
    Mark("sd2", ("^1024.0.linear.",), kind="hypernetwork"),
    Mark("", ("^320.0.linear.",), kind="hypernetwork"),
    Mark("", ("pulid_ca.", "id_adapter"), variant="PuLID", kind="unknown"),
    Mark("", ("^position_net.", "fuser."), variant="GLIGEN", kind="unknown"),
)
"""The more particular first."""
