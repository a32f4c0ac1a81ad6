"""In which numbers a training computes: those of the weights that stay as they are, and those of the passes. What is trained is always fp32. Knows no network.

Gradients of a step are often below 1e-5. In fp16 that is hardly a number any more, so with it a loss is multiplied before the way back and its gradients
divided afterwards (Micikevicius et al. 2018), which the loop does where `mixed` is "fp16". bf16 has the range of fp32 and needs nothing of the kind.
"""

from __future__ import annotations

from modules.core.errors import Unsupported
from modules.core.request import Precision
from modules.core.training import Mixed, What

WHOLE: tuple[What, ...] = ("unet", "autoencoder")
"""What is trained here are the model's own weights."""


def settled(what: What, precision: Precision, mixed: Mixed, half: bool, bf16: bool, processor: bool) -> tuple[Precision, Mixed]:
    """-> the precision of the model that is loaded, concrete, and that of the passes. precision, mixed: as asked. half: whether the device draws in half
    precision; bf16: whether it can compute in that; processor: whether it is one. Raises Unsupported for fp16 on a processor."""
    if what in WHOLE:
        precision = "fp32"
    elif precision == "auto":
        precision = "fp32" if not half else "bf16" if bf16 and mixed != "fp16" else "fp16"
    if precision == "fp16" and mixed == "bf16":  # between two layers numbers would still be fp16, and nothing scales them
        precision = "bf16"
    if precision == "fp16":
        mixed = "fp16"
    if mixed == "fp16" and processor:
        raise Unsupported(
            "A processor does not train in fp16.", "Choose bf16, or fp32 without mixed precision.", "precision" if precision == "fp16" else "mixed"
        )
    return precision, mixed
