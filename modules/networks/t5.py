"""T5's encoder: its config read off a file's tensors, and its run on tokens. Knows no prompt grammar."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.networks.flux_names import count
from modules.networks.sources import Named, Source

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


LLAMA = {
    "token_embd": "shared",
    "enc.output_norm": "encoder.final_layer_norm",
    "attn_q": "layer.0.SelfAttention.q",
    "attn_k": "layer.0.SelfAttention.k",
    "attn_v": "layer.0.SelfAttention.v",
    "attn_o": "layer.0.SelfAttention.o",
    "attn_rel_b": "layer.0.SelfAttention.relative_attention_bias",
    "attn_norm": "layer.0.layer_norm",
    "ffn_gate": "layer.1.DenseReluDense.wi_0",
    "ffn_up": "layer.1.DenseReluDense.wi_1",
    "ffn_down": "layer.1.DenseReluDense.wo",
    "ffn_norm": "layer.1.layer_norm",
}
"""llama.cpp's names, which GGUF files have, for transformers'."""
LLAMA_BLOCK = re.compile(r"enc\.blk\.(\d+)\.(\w+)\.weight")


def as_transformers(source: Source) -> Source:
    """The same under transformers' names."""
    if "token_embd.weight" not in source.shapes:
        return source
    names: dict[str, str] = {}
    for there in source.shapes:
        block = LLAMA_BLOCK.fullmatch(there)
        layer = block[2] if block else there.removesuffix(".weight")
        if layer in LLAMA:
            names[f"encoder.block.{block[1]}.{LLAMA[layer]}.weight" if block else f"{LLAMA[layer]}.weight"] = there
    return Named(source, names)


def embedding(source: Source) -> str:
    """Files keep the one table of words under either name, or both."""
    return "shared.weight" if "shared.weight" in source.shapes else "encoder.embed_tokens.weight"


def name_in(source: Source, name: str) -> str:
    return embedding(source) if name in ("shared.weight", "encoder.embed_tokens.weight") else name


def hidden(encoder: Any, tokens: Tensor, device: str) -> Tensor:
    """tokens [1, n] int64 -> [n, D] float32 on the CPU. The filling is looked at, too: so were the networks trained."""
    return torch.as_tensor(encoder(input_ids=tokens.to(device)).last_hidden_state[0]).float().cpu()
