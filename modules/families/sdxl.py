"""Stable Diffusion XL (Podell et al. 2023), base and refiner: penultimate layers of CLIP-L and OpenCLIP-G side by side (of the latter alone in the refiner), and a
UNet that is also told a pooled text, sizes and crops, or an aesthetic score.

Rules: A1111's. Both encoders weigh words for themselves; no final norm; the pooled vector is that of the first chunk, without weights; an empty negative
prompt is zeros; sizes are those of the pass.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.families.family import PLAIN, Cond, Model, Setting
from modules.families.texts import contexts, first_chunk
from modules.families.unet import UNetFamily
from modules.networks import clip
from modules.networks.layout import LAYOUTS, Encoder
from modules.prompt.encode import Placed

TOLD = ("text_embeds", "time_ids")
"""What the UNet takes beside the context."""


class StableDiffusionXL(UNetFamily):
    """The functions of base and refiner; holds no model."""

    def __init__(self, name: str = "sdxl") -> None:
        self.record = FAMILIES.get(name)

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """Contexts are float32 on the CPU, [77 n, D]; beside them text_embeds [P] and time_ids [6] or [5]. Clip skip does not act here, as in A1111.
        embeddings: those made for SDXL have both encoders' vectors side by side, [n, D]."""
        encoders = LAYOUTS[self.record.name].encoders
        known = split(embeddings, [model.parts[encoder.part].config.hidden_size for encoder in encoders])
        sides = [self._side(model, encoder, texts, text, fitting) for encoder, fitting in zip(encoders, known, strict=True)]
        pooled = [self._pooled(model, encoders[-1], one, text, known[-1]) for one in texts]
        silent = setting.negative and not any(texts)
        told = self._told(model, setting)
        conds = []
        for place, vector in enumerate(pooled):
            context = torch.cat([side[place] for side in sides], -1)
            if silent:
                context, vector = torch.zeros_like(context), torch.zeros_like(vector)
            conds.append(Cond(context, {"text_embeds": vector, "time_ids": told}))
        return conds

    def extra(self, model: Model, given: Mapping[str, Any]) -> Mapping[str, Any]:
        told = {"text_embeds": given["text_embeds"].to(model.dtype), "time_ids": given["time_ids"]}
        return {**{name: value for name, value in given.items() if name not in TOLD}, "added_cond_kwargs": told}

    def _side(self, model: Model, encoder: Encoder, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor]) -> list[Tensor]:
        network = model.parts[encoder.part]

        def run(tokens: Tensor, vectors: list[Placed], mask: Tensor | None = None) -> Tensor:
            return clip.penultimate(network, tokens, vectors, model.device, mask)[0]

        return contexts(texts, run, model.parts[encoder.vocabulary], text, embeddings)

    def _pooled(self, model: Model, encoder: Encoder, one: str, text: Text, embeddings: Mapping[str, Tensor]) -> Tensor:
        chunk = first_chunk(one, model.parts[encoder.vocabulary], text, embeddings)
        vector = clip.penultimate(model.parts[encoder.part], torch.tensor([chunk.tokens]), [list(chunk.vectors)], model.device)[1]
        return vector[0]

    def _told(self, model: Model, setting: Setting) -> Tensor:
        """(height, width), crop and target size of the base; (height, width), crop and score of the refiner. As many as the UNet has room for."""
        config = model.parts["unet"].config
        native = self.record.native
        size = (setting.height or native, setting.width or native)
        crop = (setting.framing.top, setting.framing.left)
        score = setting.framing.low if setting.negative else setting.framing.high
        room = (
            config.projection_class_embeddings_input_dim - model.parts[LAYOUTS[self.record.name].encoders[-1].part].config.projection_dim
        ) // config.addition_time_embed_dim
        return torch.tensor([*size, *crop, *(size if room == 6 else (score,))], dtype=torch.float32)


def split(embeddings: Mapping[str, Tensor], widths: Sequence[int]) -> list[dict[str, Tensor]]:
    """Each encoder's part of the textual inversions made for all of them; the names of others are read as plain words."""
    fitting = {name: vectors for name, vectors in embeddings.items() if vectors.shape[-1] == sum(widths)}
    ends = list(accumulate(widths))
    return [{name: vectors[:, end - width : end] for name, vectors in fitting.items()} for width, end in zip(widths, ends, strict=True)]
