"""T5's encoder: its config read off a file's tensors, and its run on tokens. Knows no prompt grammar."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.networks.flux_names import count
from modules.networks.sources import Source

FIRST = "encoder.block.0.layer."


def config(source: Source) -> dict[str, Any]:
    """The transformers config, read off the tensors. Raises BadModelFile."""
    shapes = source.shapes
    try:
        words, width = shapes[embedding(source)]
        buckets, heads = shapes[f"{FIRST}0.SelfAttention.relative_attention_bias.weight"]
        gated = f"{FIRST}1.DenseReluDense.wi_0.weight" in shapes
        return {
            "vocab_size": words,
            "d_model": width,
            "d_kv": shapes[f"{FIRST}0.SelfAttention.q.weight"][0] // heads,
            "d_ff": shapes[f"{FIRST}1.DenseReluDense.{'wi_0' if gated else 'wi'}.weight"][0],
            "num_layers": count(shapes, "encoder.block."),
            "num_heads": heads,
            "relative_attention_num_buckets": buckets,
            "feed_forward_proj": "gated-gelu" if gated else "relu",
        }
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        raise BadModelFile(f"The T5 text encoder lacks a tensor that tells its size: {error}.", "Download or copy it again.") from None


def embedding(source: Source) -> str:
    """Files keep the one table of words under either name, or both."""
    return "shared.weight" if "shared.weight" in source.shapes else "encoder.embed_tokens.weight"


def name_in(source: Source, name: str) -> str:
    return embedding(source) if name in ("shared.weight", "encoder.embed_tokens.weight") else name


def hidden(encoder: Any, tokens: Tensor, device: str) -> Tensor:
    """tokens [1, n] int64 -> [n, D] float32 on the CPU. The filling is looked at, too: so were the networks trained."""
    return torch.as_tensor(encoder(input_ids=tokens.to(device)).last_hidden_state[0]).float().cpu()
