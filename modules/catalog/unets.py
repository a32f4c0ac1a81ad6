"""Stable Diffusion's UNets, in the layout of its authors and in diffusers': which one it is, and what its further inputs are for.

Told by the width of the text it attends to, the width of its extra embedding and its input channels; a narrow model, which has other widths, by the
text encoders that lie in the same file. Sources: Rombach et al. 2022 (latent-diffusion), Podell et al. 2023 (generative-models), diffusers.
"""

from __future__ import annotations

from typing import NamedTuple

from modules.catalog.sight import Sight

CONTEXT = {768: "sd1", 1024: "sd2", 2048: "sdxl", 1280: "sdxl-refiner"}
"""Width of the text that it attends to -> whose it is."""

LABELS = {2816: ("sdxl", 2048), 2560: ("sdxl-refiner", 1280), 2048: ("sd2-unclip-h", 1024), 1536: ("sd2-unclip-l", 1024)}
"""Width of the extra embedding -> whose it is, and the text's width that goes with it."""

CHANNELS = {4: "", 9: "inpainting", 8: "pix2pix", 5: "depth", 7: "x4-upscaler"}
"""Input channels -> what they are for."""

KNOWN = {"sd1": (4, 9, 8), "sd2": (4, 9, 5, 7), "sdxl": (4, 9, 8), "sdxl-refiner": (4,), "sd2-unclip-h": (4,), "sd2-unclip-l": (4,)}
"""Which of these inputs a family has."""

NOT_THESE = ("controlnet_", "input_hint_block.", "lora_", ".lora", "motion_modules.", "cc_projection.", "encoder_hid_proj.", "position_net.", "fuser.")
"""Names of what is built around such a UNet, or bent to something else."""

VIDEO = ("time_stack.", "temporal_transformer_blocks.", "time_mixer.")


PICTURES = "^class_embedding.linear_1.weight$"
"""The extra embedding of pictures, as diffusers names it."""


class Layout(NamedTuple):
    """entrance: the first convolution. label: the extra embedding. signs: names that begin so. deep: the tenth block of a transformer, which only a full-sized SDXL has.
    rest: what a whole one has, pruned or not."""

    entrance: str
    label: str
    signs: tuple[str, ...]
    deep: str
    rest: tuple[str, ...]
    cross: str = "attn2.to_k.weight$"


LDM = Layout(
    "^input_blocks.0.0.weight$",
    "^label_emb.0.0.weight$",
    ("^output_blocks.",),
    "transformer_blocks.9.",
    ("^out.2.weight$", "^output_blocks.8."),
)
DIFFUSERS = Layout(
    "^conv_in.weight$",
    "^add_embedding.linear_1.weight$",
    ("^up_blocks.",),
    "transformer_blocks.9.",
    ("^conv_out.weight$", "^up_blocks.2.resnets.2."),
)


class Unet(NamedTuple):
    """word: "" when it is a UNet of this build, but of none that is known. seen: what was seen, in words."""

    word: str
    variant: str = ""
    seen: str = ""


def unet(seen: Sight, whole: Sight | None = None) -> Unet | None:
    """seen: the UNet's own names. whole: all of the file, where it has more. None when this is no such UNet."""
    layout = next((layout for layout in (LDM, DIFFUSERS) if seen.any(*layout.signs) and seen.any("attn2.to_", "attn1.to_")), None)
    if layout is None or seen.any("controlnet_cond_embedding.", "input_hint_block.", "^encoder.", "^decoder."):
        return None
    if seen.any(*VIDEO):
        return Unet("svd") if seen.side(layout.entrance, 1) == 8 and seen.side(layout.cross, 1) == 1024 else Unet("", "", "a UNet for video")
    if other := next((mark for mark in NOT_THESE if seen.has(mark)), ""):
        if other == "encoder_hid_proj." and seen.side(layout.label, 1) == 5632 and seen.side("^encoder_hid_proj.weight$", 1) == 4096:
            return Unet("kolors")
        return Unet("", "", f"a UNet of Stable Diffusion's build with {other.strip('._')}")
    channels, width = seen.side(layout.entrance, 1), seen.side(layout.cross, 1)
    base = _base(seen, layout, whole, width)
    if not base or channels not in KNOWN[base]:
        return Unet("", "", f"a UNet with {channels or 'an unknown number of'} input channels that attends to text of width {width or 'unknown'}")
    variant = CHANNELS[channels]
    if variant == "x4-upscaler":
        return Unet("sd-x4-upscaler", variant)
    if base == "sdxl" and not variant and seen.side(layout.label, 1) in LABELS and not seen.has(layout.deep):
        if not all(seen.has(mark) for mark in layout.rest):
            return Unet("", "", "an SDXL UNet of which parts are missing")
        variant = "pruned"
    if not variant and seen.any("^time_embed.cond_proj.", "^time_embedding.cond_proj."):  # takes its guidance as an input: distilled for few steps
        return Unet(base, "lcm")
    return Unet(f"{base}-{variant}" if variant else base, variant or _tail(base))


def _tail(base: str) -> str:
    """unclip-h of sd2-unclip-h; the refiner is a family of its own."""
    return base.partition("-")[2] if base.startswith("sd2-") else ""


def _base(seen: Sight, layout: Layout, whole: Sight | None, width: int) -> str:
    """By both widths where they agree; for widths that none has, by the text encoders of a whole file."""
    label = seen.side(layout.label, 1) or seen.side(PICTURES, 1)
    labelled = seen.any("label_emb.", "add_embedding.", "class_embedding.")
    if label in LABELS:
        base, wanted = LABELS[label]
        return base if width in (wanted, 0) else ""
    if whole is not None and whole.has("^embedder.model."):  # made for an embedding of pictures that is not there
        return ""
    if width in CONTEXT and not label:
        base = CONTEXT[width]
        if base in ("sdxl", "sdxl-refiner"):  # these have an extra embedding, unless its names were lost
            return ""
        if labelled:  # an embedding of numbered classes: the upscaler, which adds noise to what it enlarges
            return base if base == "sd2" and seen.side(layout.entrance, 1) == 7 else ""
        return base if _by_text(whole) in (base, "") else ""
    return "" if width in CONTEXT else _by_text(whole)


def _by_text(whole: Sight | None) -> str:
    if whole is None:
        return ""
    labelled = whole.has("diffusion_model.label_emb.")
    if whole.has("^conditioner.embedders."):
        return "" if not labelled else "sdxl" if whole.has("^conditioner.embedders.1.") else "sdxl-refiner"
    if labelled:
        return ""
    if whole.has("^cond_stage_model.model."):
        return "sd2"
    return "sd1" if whole.has("^cond_stage_model.transformer.") else ""
