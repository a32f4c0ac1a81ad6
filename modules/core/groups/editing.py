"""What a picture starts from: a start picture, its mask, and how it grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.limits import NAME_LIMIT
from modules.core.params import STRICT, Param
from modules.core.records.upscalers import IMAGE_UPSCALERS

ResizeMode = Literal["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
MaskedContent = Literal["fill", "original", "latent noise", "latent nothing"]
MaskArea = Literal["Whole picture", "Only masked"]
OutpaintFill = Literal["shaped noise", "stretched edges", "latent noise"]


@dataclass(frozen=True, kw_only=True)
class Init:
    """The picture that a run starts from (img2img). Pictures are references by content into the blob store (`core.blobs`)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    image: Annotated[str, Param("Start picture", max_length=80, hint="Empty: starts from noise.")] = ""
    batch: Annotated[tuple[str, ...], Param("Start pictures of a batch", hint="Where each picture has its own, in order.")] = ()
    resize_mode: Annotated[ResizeMode, Param("Resize mode", hint="How the picture is brought to width and height.")] = "Just resize"
    strength: Annotated[float, Param("Denoising strength", 0, 1, 0.01, text="Denoising strength", hint="0 keeps the picture, 1 draws a new one.")] = 0.75
    noise_multiplier: Annotated[float, Param("Noise multiplier", 0, 1.5, 0.001, text="Noise multiplier")] = 1.0
    extra_noise: Annotated[float, Param("Extra noise", 0, 1, 0.01, text="Extra noise", hint="Also acts in the hires pass.")] = 0.0
    fix_steps: Annotated[bool, Param("Do exactly the steps asked for", hint="Otherwise the strength shortens them, as A1111 does.")] = False
    color_correction: Annotated[bool, Param("Colour correction", hint="Gives the result the colours of the start picture.")] = False
    color_from: Annotated[str, Param("Picture of the colours", max_length=80, hint="For the colour correction. Empty: the start picture.")] = ""
    mask_weight: Annotated[
        float,
        Param(
            "Inpainting conditioning mask strength",
            0,
            1,
            0.01,
            text="Conditional mask weight",
            hint="How much of the masked part is hidden from an inpainting model.",
        ),
    ] = 1.0
    image_cfg: Annotated[
        float | None,
        Param(
            "Image CFG scale",
            0,
            100,
            0.05,
            text="Image CFG scale",
            hint="Of models that edit by instruction: how closely they keep to the picture. Empty: 1.5.",
        ),
    ] = None
    depth: Annotated[str, Param("Depth map", max_length=80, hint="Of depth-to-image models: bright where something is near.")] = ""
    background: Annotated[str, Param("Background colour", max_length=9, hint="Stands behind transparent parts of the start picture.")] = "#ffffff"
    upscaler: Annotated[
        str, Param("Upscaler for the start picture", choices=IMAGE_UPSCALERS, max_length=NAME_LIMIT, hint="Where it must grow to reach width and height.")
    ] = "None"


@dataclass(frozen=True, kw_only=True)
class SoftInpainting:
    """Blends at the rim of a mask, step by step. A1111's rule."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    enabled: Annotated[bool, Param("Soft inpainting", text="Soft inpainting enabled")] = False
    bias: Annotated[float, Param("Schedule bias", 0, 8, 0.1, text="Soft inpainting schedule bias")] = 1.0
    preservation: Annotated[float, Param("Preservation strength", 0, 8, 0.05, text="Soft inpainting preservation strength")] = 0.5
    contrast: Annotated[float, Param("Transition contrast boost", 1, 32, 0.5, text="Soft inpainting transition contrast boost")] = 4.0
    influence: Annotated[float, Param("Mask influence", 0, 1, 0.05, text="Soft inpainting mask influence")] = 0.0
    threshold: Annotated[float, Param("Difference threshold", 0, 8, 0.25, text="Soft inpainting difference threshold")] = 0.5
    difference_contrast: Annotated[float, Param("Difference contrast", 0, 8, 0.25, text="Soft inpainting difference contrast")] = 2.0


@dataclass(frozen=True, kw_only=True)
class Mask:
    """Which part of the start picture is drawn anew (inpainting). White is drawn anew."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    image: Annotated[str, Param("Mask", max_length=80, hint="Empty: the whole picture.")] = ""
    latent: Annotated[str, Param("Mask for the latents", max_length=80, hint="Empty: made from the mask.")] = ""
    blur_x: Annotated[int, Param("Mask blur", 0, 256, 1, usual=64, text="Mask blur")] = 4
    blur_y: Annotated[int, Param("Mask blur, vertical", 0, 256, 1, usual=64)] = 4
    invert: Annotated[bool, Param("Inpaint not masked")] = False
    content: Annotated[MaskedContent, Param("Masked content", text="Masked content", hint="What the masked part starts from.")] = "original"
    area: Annotated[MaskArea, Param("Inpaint area", text="Inpaint area", hint="Only masked draws that part at full size.")] = "Whole picture"
    padding: Annotated[int, Param("Only masked padding, pixels", 0, 4096, 4, usual=256, text="Masked area padding")] = 32
    round: Annotated[bool, Param("Sharp latent mask", hint="Off: half-masked latents are half drawn anew.")] = True
    overlay: Annotated[bool, Param("Put the original back outside of the mask", hint="Keeps its pixels exactly.")] = True
    soft: SoftInpainting = field(default_factory=SoftInpainting)


@dataclass(frozen=True, kw_only=True)
class Outpaint:
    """The start picture grows at its sides, and what is new is drawn. Width and height follow from it. It keeps its pixels but for the feather."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    left: Annotated[int, Param("Pixels to the left", 0, 8192, 8, usual=512, text="Outpaint left")] = 0
    right: Annotated[int, Param("Pixels to the right", 0, 8192, 8, usual=512, text="Outpaint right")] = 0
    up: Annotated[int, Param("Pixels above", 0, 8192, 8, usual=512, text="Outpaint up")] = 0
    down: Annotated[int, Param("Pixels below", 0, 8192, 8, usual=512, text="Outpaint down")] = 0
    fill: Annotated[
        OutpaintFill,
        Param("Fill", text="Outpaint fill", hint="What the new parts start from: noise in the manner of the picture, its edges drawn out, or nothing of it."),
    ] = "stretched edges"
    strength: Annotated[
        float,
        Param("Denoising strength", 0, 1, 0.01, hint="How freely the new parts are drawn; low keeps near their fill. Latent noise is always drawn whole."),
    ] = 0.75
    continuity: Annotated[
        float,
        Param(
            "Continuity",
            0,
            1,
            0.05,
            text="Outpaint continuity",
            hint="High: the picture simply goes on. Low: the prompt may put new things into the new parts.",
        ),
    ] = 0.5
    feather: Annotated[int, Param("Feather, pixels", 0, 256, 1, usual=64, text="Outpaint feather", hint="How far the old picture passes into the new.")] = 8

    @property
    def grows(self) -> bool:
        return bool(self.left or self.right or self.up or self.down)
