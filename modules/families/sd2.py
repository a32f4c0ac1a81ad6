"""Stable Diffusion 2.x (Stability AI 2022): OpenCLIP-H text from its last layer but one, a UNet like the first one's, noise or velocity predicted.

Rules: A1111's. The final norm is applied; clip skip does not act; the prediction of a file that does not say it is measured. Narrow models too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.core.request import Storage
from modules.families.family import PLAIN, Cond, Model, Setting
from modules.families.texts import contexts
from modules.families.unet import UNetFamily
from modules.networks import clip
from modules.prompt.encode import Placed

VELOCITY = -1.0
"""Below it the answer to pure noise is a velocity: of one that predicts the noise, what comes out less what goes in is around 0."""


class StableDiffusion2(UNetFamily):
    """The functions of the family; holds no model."""

    record = FAMILIES.get("sd2")

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None, text_dtype: Any = None, storage: Storage = "full") -> Model:
        model = super().load(card, device, dtype, vae_dtype, text_dtype, storage)
        return replace(model, prediction="v" if predicts_velocity(model) else "eps") if card.guessed else model

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """Contexts are float32 on the CPU, [77 n, D], of equal length within a call."""
        encoder = model.parts["text_encoder"]

        def run(tokens: Tensor, vectors: list[Placed], mask: Tensor | None = None) -> Tensor:
            return clip.hidden(encoder, tokens, vectors, 1, model.device, mask)  # the layer that is skipped is not even there

        return [Cond(context) for context in contexts(texts, run, model.parts["vocabulary"], text, clip.fitting(encoder, embeddings))]


def predicts_velocity(model: Model) -> bool:
    """Whether the UNet's answer to the noisiest input is a velocity (Salimans & Ho 2022). A1111's question to it: on the CPU, in the weights' own type."""
    unet = model.parts["unet"]
    x = torch.full((1, unet.config.in_channels, 8, 8), 0.5, dtype=model.dtype)
    context = torch.full((1, 2, unet.config.cross_attention_dim), 0.5, dtype=model.dtype)
    with torch.no_grad():
        out = unet(x, 999, encoder_hidden_states=context, return_dict=False)[0]
    return float((out.float() - x[:, : out.shape[1]].float()).mean()) < VELOCITY
