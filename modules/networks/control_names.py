"""What a tensor of diffusers' ControlNet is called in a single file with LDM names. Names only.

Source: the module tree of Zhang et al.'s ControlNet code (cldm.ControlNet) beside diffusers' `ControlNetModel`. The half that a ControlNet copies from the UNet
is called as there (`ldm_names.unet`).
"""

from __future__ import annotations

import re

from modules.networks import ldm_names

PREFIX = "control_model."
"""Left out in some files."""
SEEN = "controlnet_cond_embedding."
"""The small network that brings the control picture to the latents' size."""


def controlnet(name: str, layers_per_block: int, seen_blocks: int, prefix: str = PREFIX) -> str:
    """seen_blocks: convolutions of the small network between its first and its last."""
    if name.startswith(SEEN):
        rest = name[len(SEEN) :]
        part, _, last = rest.rpartition(".")
        row = 0 if part == "conv_in" else 2 * (seen_blocks + 1) if part == "conv_out" else 2 * (int(part.removeprefix("blocks.")) + 1)
        return f"{prefix}input_hint_block.{row}.{last}"
    if found := re.fullmatch(r"controlnet_down_blocks\.(\d+)\.(\w+)", name):
        return f"{prefix}zero_convs.{found[1]}.0.{found[2]}"
    if name.startswith("controlnet_mid_block."):
        return f"{prefix}middle_block_out.0.{name.rpartition('.')[2]}"
    if found := re.fullmatch(r"add_embedding\.linear_([12])\.(\w+)", name):
        return f"{prefix}label_emb.0.{2 * (int(found[1]) - 1)}.{found[2]}"
    return prefix + ldm_names.unet(name, layers_per_block, ()).removeprefix(ldm_names.UNET)
