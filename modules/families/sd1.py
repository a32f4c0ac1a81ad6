"""Stable Diffusion 1.x (Rombach et al. 2022): CLIP-L text, a UNet with cross-attention, an autoencoder of factor 8. Narrow models of the same layout too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from modules.core.errors import Unsupported
from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.families.family import PLAIN, Cond, Model, Setting
from modules.families.texts import contexts
from modules.families.unet import UNetFamily
from modules.networks import clip
from modules.prompt.encode import Placed


class StableDiffusion1(UNetFamily):
    """The functions of the family; holds no model."""

    record = FAMILIES.get("sd1")

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """Contexts are float32 on the CPU, [77 n, D], of equal length within a call."""
        encoder, vocabulary = model.parts["text_encoder"], model.parts["vocabulary"]
        if text.clip_skip > clip.depth(encoder):
            raise Unsupported(
                f"Clip skip {text.clip_skip} is deeper than the text encoder of {model.card.name}, which has {clip.depth(encoder)} layers.",
                f"Give 1 to {clip.depth(encoder)}.",
                "text.clip_skip",
            )

        def run(tokens: Tensor, vectors: list[Placed], mask: Tensor | None = None) -> Tensor:
            return clip.hidden(encoder, tokens, vectors, text.clip_skip, model.device, mask)

        return [Cond(context) for context in contexts(texts, run, vocabulary, text, clip.fitting(encoder, embeddings))]
