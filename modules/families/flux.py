"""FLUX.1 dev, schnell and Fill (Black Forest Labs 2024): a transformer over tokens of text and picture, T5 for the words, CLIP-L for the pooled text.

dev was distilled with its guidance as an input, so one call stands for two, and there is no negative prompt. Narrow models of the same layout too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import Unsupported
from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest, Storage
from modules.families import joint
from modules.families.family import PLAIN, Cond, Model, NetworkCall, Setting
from modules.networks import build, clip_text, flux_names
from modules.networks.joint_checkpoint import Layout
from modules.prompt.encode import chunks

LENGTH = 512
"""Tokens of a text at least, as the networks were trained on; a longer one stays whole."""
DEV = {"use_dynamic_shifting": True}
SCHNELL = {"shift": 1.0}
MASK_CELLS = 64
"""Pixels of the mask to a latent, for Fill."""
LAYOUT = Layout(
    build.flux,
    ("text_encoder",),
    "text_encoder_2",
    flux_names.read,
    {"scaling_factor": 0.3611, "shift_factor": 0.1159},
    lambda config: DEV if config["guidance_embeds"] else SCHNELL,
)


class Flux:
    """The functions of the family; holds no model."""

    record = FAMILIES.get("flux")

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None, text_dtype: Any = None, storage: Storage = "full") -> Model:
        model = joint.load(self.record, LAYOUT, "Simple", card, device, dtype, vae_dtype, text_dtype, storage)
        entrance = model.parts["transformer"].config.in_channels // 4 - self.record.latent_channels
        if entrance not in (0, self.record.latent_channels + MASK_CELLS):
            what = f"{card.name} is a variant of FLUX with {entrance * 4} further input channels; only Fill's can be given."
            raise Unsupported(what, "Choose FLUX dev, schnell or Fill.", "model")
        return replace(model, beside=entrance)

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """Contexts are T5's states, [512 or more, D]; extra: CLIP's pooled text of the first chunk, without weights. float32 on the CPU."""
        pieces = joint.pieces_of(texts, text)
        vocabulary = model.parts["vocabulary"]
        with torch.no_grad():
            contexts = joint.t5_states(model, "text_encoder_2", pieces, text, LENGTH)
            first = [chunks(piece, vocabulary, text.comma_backtrack, {})[0].tokens for piece in pieces]
            pooled = [clip_text.pooled(model.parts["text_encoder"], torch.tensor([tokens]), model.device)[0] for tokens in first]
        return [Cond(context, {"pooled_projections": row}) for context, row in zip(contexts, pooled, strict=True)]

    def predict(self, model: Model, call: NetworkCall) -> Tensor:
        network = model.parts["transformer"]
        x = call.x
        if model.beside:
            if call.beside is None:
                what = f"{model.card.name} is an inpainting model; it cannot take over from one that is none."
                raise Unsupported(what, "Choose another refiner, or none.", "refiner.checkpoint")
            beside, seen = call.beside.to(x.device, x.dtype), self.record.latent_channels
            x = torch.cat([x, beside[:, -seen:], beside[:, :-seen]], 1)  # FLUX has the mask last
        x = joint.whole_tokens(x)
        height, width = x.shape[2] // 2, x.shape[3] // 2
        extra = dict(call.extra)
        guidance = extra.pop("guidance", None)
        extra["pooled_projections"] = extra["pooled_projections"].to(x.dtype)
        out = network(
            hidden_states=packed(x),
            encoder_hidden_states=call.context,
            timestep=call.timesteps.to(x.dtype) / 1000,
            guidance=guidance if network.config.guidance_embeds else None,
            img_ids=places(height, width, x.device),
            txt_ids=torch.zeros(call.context.shape[1], 3, device=x.device),
            return_dict=False,
            **extra,
        )[0]
        return unpacked(out, height, width)[:, :, : call.x.shape[2], : call.x.shape[3]]

    def decode(self, model: Model, latents: Tensor) -> Tensor:
        return joint.decode(model, latents)

    def encode_image(self, model: Model, pixels: Tensor) -> Tensor:
        return joint.encode_image(model, pixels)

    def check(self, request: GenerationRequest) -> None:
        """What its record says it lacks, the engine refuses; nothing else depends on the request alone."""


def packed(x: Tensor) -> Tensor:
    """[N, C, 2 h, 2 w] -> [N, h w, 4 C]: four neighbouring latents make a token."""
    rows, channels, height, width = x.shape
    tiles = x.view(rows, channels, height // 2, 2, width // 2, 2).permute(0, 2, 4, 1, 3, 5)
    return tiles.reshape(rows, height * width // 4, channels * 4)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """height, width: in tokens. The way back of `packed`."""
    rows, _, channels = tokens.shape
    tiles = tokens.view(rows, height, width, channels // 4, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return tiles.reshape(rows, channels // 4, height * 2, width * 2)


def places(height: int, width: int, device: Any) -> Tensor:
    """[h w, 3]: 0, row and column of each token. float32, for half precision cannot count them."""
    found = torch.zeros(height, width, 3, device=device)
    found[..., 1] += torch.arange(height, device=device)[:, None]
    found[..., 2] += torch.arange(width, device=device)[None, :]
    return found.view(-1, 3)
