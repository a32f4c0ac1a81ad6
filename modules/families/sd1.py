"""Stable Diffusion 1.x (Rombach et al. 2022): CLIP-L text, a UNet with cross-attention, an autoencoder of factor 8. Narrow models of the same layout too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import Unsupported
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest, Text
from modules.families.family import Cond, Model, NetworkCall, Prediction
from modules.networks import clip, vae
from modules.networks.checkpoint import load_parts
from modules.prompt import compel_weights
from modules.prompt.encode import Placed, chunks, encode
from modules.prompt.grammar import fragments


class StableDiffusion1:
    """The functions of the family; holds no model."""

    record = FAMILIES.get("sd1")

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None) -> Model:
        with torch.inference_mode(False):  # weights made inside it could never be trained or adapted later
            parts = load_parts(card, dtype, vae_dtype or dtype)
        networks = {"unet": parts.unet, "vae": parts.vae, "text_encoder": parts.text_encoder, "vocabulary": parts.vocabulary}
        return Model(
            card=card,
            record=self.record,
            parts=networks,
            alphas_cumprod=parts.alphas_cumprod,
            prediction=cast(Prediction, parts.prediction),
            device=device,
            dtype=dtype,
            vae_dtype=vae_dtype or dtype,
            scale=parts.scale,
            beside=parts.unet.config.in_channels - self.record.latent_channels,
        )

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor]) -> list[Cond]:
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

        known = clip.fitting(encoder, embeddings)
        pieces = [fragments(one, text.emphasis) for one in texts]
        with torch.no_grad():
            if text.emphasis == "compel":
                contexts = compel_weights.encode(pieces, run, vocabulary, backtrack=text.comma_backtrack, embeddings=known)
            else:
                laid_out = [chunks(piece, vocabulary, text.comma_backtrack, known) for piece in pieces]
                contexts = encode(laid_out, run, vocabulary, text.emphasis)
        return [Cond(context) for context in contexts]

    def predict(self, model: Model, call: NetworkCall) -> Tensor:
        x = call.x
        if model.beside:
            if call.beside is None:
                what = f"{model.card.name} is an inpainting model; it cannot take over from one that is none."
                raise Unsupported(what, "Choose another refiner, or none.", "refiner.checkpoint")
            x = torch.cat([x, call.beside.to(x.device, x.dtype)], 1)
        return model.parts["unet"](x, call.timesteps, encoder_hidden_states=call.context, return_dict=False, **call.extra)[0]

    def decode(self, model: Model, latents: Tensor) -> Tensor:
        with torch.no_grad():
            return vae.decode(model.parts["vae"], latents, model.scale, model.vae_dtype, model.device)

    def encode_image(self, model: Model, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return vae.encode(model.parts["vae"], pixels, model.scale, model.vae_dtype, model.device)

    def check(self, request: GenerationRequest) -> None:
        """Whatever a request can say today, this family can do; what depends on a model's own size is checked where it is used."""
