"""Writes safetensors files byte by byte, right ones and wrong ones, so that the reader is tested against the format and not against a library."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BYTES = {"F16": 2, "F32": 4, "I64": 8}

SD1 = {
    "model.diffusion_model.input_blocks.0.0.weight": (32, 4, 3, 3),
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (32, 24),
    "model.diffusion_model.output_blocks.0.0.in_layers.0.weight": (64,),
    "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight": (10, 24),
    "first_stage_model.encoder.conv_in.weight": (32, 3, 3, 3),
}
"""The few names by which a Stable Diffusion 1.x checkpoint is recognised; it could not be loaded."""


def table(shapes: Mapping[str, tuple[int, ...]], dtype: str = "F16") -> tuple[dict[str, Any], int]:
    """-> (header, number of data bytes)."""
    rows: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        size = math.prod(shape) * BYTES[dtype]
        rows[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    return rows, end


def raw(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def write(path: Path, shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str] | None = None, fill: int = 0) -> Path:
    """A whole file of constant bytes; its folders are made."""
    rows, size = table(shapes)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw({**({"__metadata__": metadata} if metadata else {}), **rows}, bytes([fill]) * size))
    return path
