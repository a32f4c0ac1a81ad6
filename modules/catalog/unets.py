"""Stable Diffusion's UNets, in the layout of its authors and in diffusers': which one it is, and what its further inputs are for.

Told by the width of the text it attends to, the width of its extra embedding and its input channels; a narrow model, which has other widths, by the
text encoders that lie in the same file. Sources: Rombach et al. 2022 (latent-diffusion), Podell et al. 2023 (generative-models), diffusers.
"""

from __future__ import annotations

from typing import NamedTuple

from modules.catalog.sight import Sight

CONTEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
LABELS = {2816: "sdxl", 2560: "sdxl-refiner", 2048: "sd2-unclip-h", 1536: "sd2-unclip-l"}
"""Width of the extra embedding -> whose it is."""

CHANNELS = {4: "", 9: "inpainting", 8: "pix2pix", 5: "depth", 7: "x4-upscaler"}
"""Input channels -> what they are for."""

KNOWN = {"sd1": (4, 9, 8), "sd2": (4, 9, 5, 7), "sdxl": (4, 9, 8), "sdxl-refiner": (4,), "sd2-unclip-h": (4,), "sd2-unclip-l": (4,)}
"""Which of these inputs a family has."""


class Layout(NamedTuple):
    entrance: str
    label: str
    cross: str = "attn2.to_k.weight$"


LDM = Layout("^input_blocks.0.0.weight$", "^label_emb.0.0.weight$")
DIFFUSERS = Layout("^conv_in.weight$", "^add_embedding.linear_1.weight$")


class Unet(NamedTuple):
    """word: "" when it is a UNet of this build, but of none that is known. seen: what was seen, in words."""

    word: str
    variant: str = ""
    seen: str = ""


def unet(seen: Sight, whole: Sight | None = None) -> Unet | None:
    """seen: the UNet's own names. whole: all of the file, where it has more. None when this is no such UNet."""
    layout = LDM if seen.has(LDM.entrance) else DIFFUSERS if seen.has(DIFFUSERS.entrance) and seen.any("^down_blocks.0.resnets.") else None
    if layout is None or seen.any("controlnet_", "input_hint_block.", "time_stack.", "temporal_", "lora_"):
        return None
    channels, width = seen.side(layout.entrance, 1), seen.side(layout.cross, 1)
    base = _by_text(whole) or _by_width(seen, layout, width)
    if not base or channels not in KNOWN[base]:
        return Unet("", "", f"{channels} input channels, text of {width}")
    variant = CHANNELS[channels]
    if variant == "x4-upscaler":
        return Unet("sd-x4-upscaler", variant)
    return Unet(f"{base}-{variant}" if variant else base, variant)


def _by_text(whole: Sight | None) -> str:
    if whole is None:
        return ""
    if whole.has("^conditioner.embedders."):
        return "sdxl" if whole.has("^conditioner.embedders.1.") else "sdxl-refiner"
    if whole.has("^embedder.model.visual."):
        return LABELS.get(whole.side("diffusion_model.label_emb.0.0.weight$", 1), "")
    if whole.has("^cond_stage_model.model."):
        return "sd2"
    plain = whole.has("^cond_stage_model.transformer.") and not whole.has("diffusion_model.label_emb.")
    return "sd1" if plain else ""


def _by_width(seen: Sight, layout: Layout, width: int) -> str:
    label = seen.side(layout.label, 1)
    return LABELS.get(label, "") if label else CONTEXT.get(width, "")
