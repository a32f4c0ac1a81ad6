"""In which type a file keeps its weights, as people say it: fp16, bf16, fp8, nf4, q4_0."""

from __future__ import annotations

import math

from modules.catalog.header import Header

WORDS = {"F64": "fp64", "F32": "fp32", "F16": "fp16", "BF16": "bf16", "F8_E4M3": "fp8", "F8_E5M2": "fp8", "I8": "int8", "U8": "uint8"}
DENOISER = "model.diffusion_model."
NF4, FP4 = "bitsandbytes__nf4", "bitsandbytes__fp4"


def precision(found: Header) -> str:
    """The type in which most weights are kept, counted by elements, in a checkpoint those of what denoises; "" for a file without any."""
    kinds = {dtype for dtype, _ in found.tensors.values()}
    if len(kinds) == 1 and "U8" not in kinds:
        return WORDS.get(dtype := kinds.pop(), dtype.lower())
    counts: dict[str, int] = {}
    inner = any(name.startswith(DENOISER) for name in found.tensors)
    for name, entry in found.tensors.items():
        if inner and not name.startswith(DENOISER):
            continue
        counts[entry.dtype] = counts.get(entry.dtype, 0) + math.prod(entry.shape)
    most = max(counts, key=lambda dtype: counts[dtype], default="")
    if most == "U8":
        names = found.tensors
        return "nf4" if any(name.endswith(NF4) for name in names) else "fp4" if any(name.endswith(FP4) for name in names) else "uint8"
    return WORDS.get(most, most.lower())
