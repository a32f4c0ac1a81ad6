"""What is added to a checkpoint or stands beside it, by the names that only it has."""

from __future__ import annotations

from modules.catalog.marks import Mark

ADDITIONS: tuple[Mark, ...] = (
    Mark("", ("lora_unet_",), kind="lora"),
    Mark("", (".lora_A.",), kind="lora"),
    Mark("", ("lora_te",), kind="lora"),
    Mark("", ("lokr_w",), kind="lokr"),
    Mark("", ("hada_w1",), kind="loha"),
    Mark("", ("^control_model.",), kind="controlnet"),
    Mark("", ("controlnet_down_blocks.",), kind="controlnet"),
    Mark("", ("controlnet_blocks.",), kind="controlnet"),
    Mark("", ("^lllite_",), kind="controlnet-lllite"),
    Mark("", ("ip_adapter.", "image_proj."), kind="ip-adapter"),
    Mark("", ("body.0.block1.",), kind="t2i-adapter"),
    Mark("", ("body.0.resnets.",), kind="t2i-adapter"),
    Mark("sd1", ("^emb_params$",), sides=(("^emb_params$", -1, (768,)),), kind="embedding"),
    Mark("sdxl", ("^clip_l$", "^clip_g$"), kind="embedding"),
    Mark("clip-vision-h", ("vision_model.",), kind="clip-vision"),
    Mark("", ("text_model.",), kind="text-encoder"),
    Mark("", ("embed_tokens.",), kind="text-encoder"),
    Mark("t5-xxl", ("SelfAttention.",), kind="text-encoder"),
    Mark("", ("decoder.conv_in.", "encoder.conv_in."), kind="vae"),
)
"""The more particular first."""
