"""Stable Diffusion 3 and 3.5, medium and large (Esser et al. 2024): a transformer over tokens of picture and text, the text of CLIP-L, CLIP-G and T5.

T5 is large and may be missing; then nothing stands in its place, as in training. Narrow models of the same layout too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from modules.catalog.card import Card
from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest, Storage
from modules.families import joint
from modules.families.family import PLAIN, Cond, Model, NetworkCall, Setting
from modules.networks import build, clip_text, sd3_names
from modules.networks.joint_checkpoint import Layout
from modules.prompt.encode import Placed, chunks, encode

LENGTH = 256
"""Tokens of T5's text at least; a longer one stays whole."""
LAYOUT = Layout(
    build.sd3,
    ("text_encoder", "text_encoder_2"),
    "text_encoder_3",
    sd3_names.read,
    {"scaling_factor": 1.5305, "shift_factor": 0.0609},
    lambda config: {"shift": 3.0},
    projected=True,
    optional=("text_encoder_3",),
)


class StableDiffusion3:
    """The functions of the family; holds no model."""

    record = FAMILIES.get("sd3")

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None, text_dtype: Any = None, storage: Storage = "full") -> Model:
        return joint.load(self.record, LAYOUT, "Normal", card, device, dtype, vae_dtype, text_dtype, storage)

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        """Contexts: CLIP's chunks of 77, both encoders side by side and filled up to T5's width, then T5's tokens. extra: both pooled texts."""
        pieces = joint.pieces_of(texts, text)
        with torch.no_grad():
            states, pooled = zip(*(self._clip(model, pieces, text, number) for number in ("", "_2")), strict=True)
            width = model.parts["transformer"].config.joint_attention_dim
            clips = [pad(torch.cat(both, -1), (0, width - sum(one.shape[-1] for one in both))) for both in zip(*states, strict=True)]
            t5 = self._t5(model, pieces, text, width)
        pools = [torch.cat(both) for both in zip(*pooled, strict=True)]
        return [Cond(torch.cat([clip, words]), {"pooled_projections": pool}) for clip, words, pool in zip(clips, t5, pools, strict=True)]

    def _clip(self, model: Model, pieces: Sequence[Any], text: Text, number: str) -> tuple[list[Tensor], list[Tensor]]:
        """Of one of the two encoders: states [77 n, D] and pooled text [P], of each text."""
        encoder, vocabulary = model.parts[f"text_encoder{number}"], model.parts[f"vocabulary{number}"]

        def run(tokens: Tensor, vectors: list[Placed]) -> Tensor:
            return clip_text.penultimate(encoder, tokens, model.device)

        laid_out = [chunks(piece, vocabulary, text.comma_backtrack, {}) for piece in pieces]
        pooled = [clip_text.pooled(encoder, torch.tensor([line[0].tokens]), model.device)[0] for line in laid_out]
        return encode(laid_out, run, vocabulary, text.emphasis), pooled

    def _t5(self, model: Model, pieces: Sequence[Any], text: Text, width: int) -> list[Tensor]:
        if "text_encoder_3" not in model.parts:
            return [torch.zeros(LENGTH, width)] * len(pieces)
        return joint.t5_states(model, "text_encoder_3", pieces, text, LENGTH)

    def predict(self, model: Model, call: NetworkCall) -> Tensor:
        x = joint.whole_tokens(call.x)
        extra = dict(call.extra)
        extra["pooled_projections"] = extra["pooled_projections"].to(x.dtype)
        out: Tensor = model.parts["transformer"](hidden_states=x, encoder_hidden_states=call.context, timestep=call.timesteps, return_dict=False, **extra)[0]
        return out[:, :, : call.x.shape[2], : call.x.shape[3]]

    def decode(self, model: Model, latents: Tensor) -> Tensor:
        return joint.decode(model, latents)

    def encode_image(self, model: Model, pixels: Tensor) -> Tensor:
        return joint.encode_image(model, pixels)

    def check(self, request: GenerationRequest) -> None:
        """What its record says it lacks, the engine refuses; nothing else depends on the request alone."""
