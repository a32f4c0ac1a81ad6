"""What the families with a UNet of latent-diffusion's kind have in common: loading, one call of the network, the autoencoder. Each family encodes its own way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor

from modules.catalog.card import Card
from modules.core.errors import Unsupported
from modules.core.records.families import FamilyRecord
from modules.core.request import GenerationRequest, Storage
from modules.families.family import Model, NetworkCall, Prediction
from modules.networks import vae
from modules.networks.checkpoint import load_parts
from modules.networks.keeping import keeping
from modules.networks.layout import LAYOUTS

KINDS = {5: "an inpainting model", 4: "a model that edits by instruction", 1: "a depth-to-image model"}
"""By the channels that it sees beside the latents."""


class UNetFamily:
    """record: the family's, by whose name its layout is found too. Holds no model."""

    record: FamilyRecord

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None, text_dtype: Any = None, storage: Storage = "full") -> Model:
        if vae_dtype is torch.float16 and not self.record.half_vae:
            vae_dtype = torch.float32
        with torch.inference_mode(False):  # weights made inside it could never be trained or adapted later
            parts = load_parts(card, dtype, vae_dtype or dtype, LAYOUTS[self.record.name], text_dtype, None if storage == "full" else keeping(storage))
        parts.networks.setdefault("vocabulary", parts.networks[LAYOUTS[self.record.name].encoders[0].vocabulary])  # what tells a person about tokens looks here
        return Model(
            card=card,
            record=self.record,
            parts=parts.networks,
            alphas_cumprod=parts.alphas_cumprod,
            prediction=cast(Prediction, parts.prediction),
            device=device,
            dtype=dtype,
            vae_dtype=vae_dtype or dtype,
            scale=parts.scale,
            beside=parts.networks["unet"].config.in_channels - self.record.latent_channels,
        )

    def predict(self, model: Model, call: NetworkCall) -> Tensor:
        x = call.x
        if model.beside:
            if call.beside is None or call.beside.shape[1] != model.beside:
                what = f"{model.card.name} is {KINDS.get(model.beside, 'a model of another kind')}; it cannot take over from one that is none."
                raise Unsupported(what, "Choose another refiner, or none.", "refiner.checkpoint")
            x = torch.cat([x, call.beside.to(x.device, x.dtype)], 1)
        extra = self.extra(model, call.extra)
        out: Tensor = model.parts["unet"](x, call.timesteps, encoder_hidden_states=call.context, return_dict=False, **extra)[0]
        return out

    def extra(self, model: Model, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a call carries beside its context, as keyword arguments of the network."""
        return given

    def decode(self, model: Model, latents: Tensor) -> Tensor:
        with torch.no_grad():
            return vae.decode(model.parts["vae"], latents, model.scale, model.vae_dtype, model.device, tiled=model.tiled)

    def encode_image(self, model: Model, pixels: Tensor) -> Tensor:
        with torch.no_grad():
            return vae.encode(model.parts["vae"], pixels, model.scale, model.vae_dtype, model.device, tiled=model.tiled)

    def check(self, request: GenerationRequest) -> None:
        """Whatever a request can say today, these families can do; what depends on a model's own size is checked where it is used."""
