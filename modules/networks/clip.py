"""Runs CLIP's text encoder on token ids: with textual inversions in the place of tokens, and stopping early (clip skip). Knows no prompt grammar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection

from modules.prompt.embeddings import patched
from modules.prompt.encode import Placed


def depth(encoder: CLIPTextModel) -> int:
    """Number of layers; the deepest clip skip."""
    return int(encoder.config.num_hidden_layers)


def hidden(encoder: CLIPTextModel, tokens: Tensor, vectors: list[Placed], clip_skip: int, device: str, mask: Tensor | None = None) -> Tensor:
    """tokens [N, 77] int64 -> [N, 77, D] float32 on the CPU: the hidden state `clip_skip` layers from the end (1 = the last), through the final layer norm.

    vectors: per row, of textual inversions. mask: [N, 77], 0 at tokens that are not to be looked at.
    Since transformers 5.6 the encoder itself is what used to be its `.text_model`; both are served."""
    inner: Any = getattr(encoder, "text_model", encoder)
    with patched(inner.embeddings.token_embedding, vectors):
        looked_at = None if mask is None else mask.to(device)
        states = encoder(input_ids=tokens.to(device), attention_mask=looked_at, output_hidden_states=True).hidden_states
    return inner.final_layer_norm(states[-clip_skip]).float().cpu()


def penultimate(
    encoder: CLIPTextModel | CLIPTextModelWithProjection, tokens: Tensor, vectors: list[Placed], device: str, mask: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """tokens [N, 77] -> the state before the last layer, [N, 77, D], without the final norm; and the pooled text, [N, P], empty for an encoder without a
    projection. Both float32 on the CPU."""
    inner: Any = getattr(encoder, "text_model", encoder)
    with patched(inner.embeddings.token_embedding, vectors):
        looked_at = None if mask is None else mask.to(device)
        out = encoder(input_ids=tokens.to(device), attention_mask=looked_at, output_hidden_states=True)
    pooled: Tensor = out.text_embeds if isinstance(encoder, CLIPTextModelWithProjection) else out.last_hidden_state[:, 0, :0]
    return out.hidden_states[-2].float().cpu(), pooled.float().cpu()


def fitting(encoder: CLIPTextModel, embeddings: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The textual inversions made for this encoder; as in A1111, the names of others are read as plain words."""
    return {name: vectors for name, vectors in embeddings.items() if vectors.shape[-1] == encoder.config.hidden_size}
