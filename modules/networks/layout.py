"""How the checkpoints of each UNet family are laid out: which text encoders they have, and where those lie in a folder and in a single file with LDM names.

Sources: diffusers' pipelines of these families; the yamls of Rombach et al.'s latent-diffusion, Stability AI's stablediffusion and generative-models code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Encoder:
    """part: its folder and its name among a model's parts. prefix: of its names in a single file. open_clip: in that layout there. projected: its pooled text is
    wanted. whole: layers of the full encoder whose last is never run; a single file holds it, a folder does not. 0 where all are run.
    pad: the token behind a text; "" for the tokenizer's own."""

    part: str
    prefix: str
    open_clip: bool = False
    projected: bool = False
    whole: int = 0
    pad: str = ""

    def unused(self, depth: int) -> int:
        """How many layers of a file's encoder with so many are never run. A file that was written from a folder may lack the last one."""
        return 1 if self.whole and depth != self.whole - 1 else 0

    @property
    def tokenizer(self) -> str:
        return self.part.replace("text_encoder", "tokenizer")

    @property
    def vocabulary(self) -> str:
        return self.part.replace("text_encoder", "vocabulary")


@dataclass(frozen=True)
class Layout:
    """family: of the record and the bundled configs. index: diffusers' pipeline."""

    family: str
    index: str
    encoders: tuple[Encoder, ...]

    @property
    def networks(self) -> tuple[str, ...]:
        """Parts with weights."""
        return ("unet", "vae", *(encoder.part for encoder in self.encoders))


OPEN_CLIP_PAD = "!"
"""Token 0, which open_clip fills texts up with."""
BIG_G = Encoder("text_encoder_2", "conditioner.embedders.1.model.", open_clip=True, projected=True, pad=OPEN_CLIP_PAD)

LAYOUTS: Mapping[str, Layout] = {
    layout.family: layout
    for layout in (
        Layout("sd1", "StableDiffusionPipeline", (Encoder("text_encoder", "cond_stage_model.transformer."),)),
        Layout("sd2", "StableDiffusionPipeline", (Encoder("text_encoder", "cond_stage_model.model.", open_clip=True, whole=24, pad=OPEN_CLIP_PAD),)),
        Layout("sdxl", "StableDiffusionXLPipeline", (Encoder("text_encoder", "conditioner.embedders.0.transformer."), BIG_G)),
        Layout(
            "sdxl-refiner",
            "StableDiffusionXLImg2ImgPipeline",
            (Encoder("text_encoder_2", "conditioner.embedders.0.model.", open_clip=True, projected=True, pad=OPEN_CLIP_PAD),),
        ),
    )
}
