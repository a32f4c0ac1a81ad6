"""Runs CLIP's text encoders as the joint transformers want them: the hidden states before the last layer without a norm, and the pooled text. Knows no grammar."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def penultimate(encoder: Any, tokens: Tensor, device: str) -> Tensor:
    """tokens [N, 77] int64 -> [N, 77, D] float32 on the CPU."""
    states: Tensor = encoder(input_ids=tokens.to(device), output_hidden_states=True).hidden_states[-2]
    return states.float().cpu()


def pooled(encoder: Any, tokens: Tensor, device: str) -> Tensor:
    """tokens [N, 77] int64 -> [N, D] float32 on the CPU: the state at the ending mark, through the projection where the encoder has one."""
    answer = encoder(input_ids=tokens.to(device))
    found: Tensor = answer.text_embeds if hasattr(answer, "text_embeds") else answer.pooler_output
    return found.float().cpu()
