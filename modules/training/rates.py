"""The learning rate at each step, and the optimizers. A pure function of the step, so there is nothing to be kept in a checkpoint."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import torch

from modules.core.errors import Unsupported
from modules.core.training import Curve, Learning

LAST = 0.01
"""What is left of the rate at the end of a curve that falls."""


def share(curve: Curve, warmup: float, step: int, steps: int) -> float:
    """Of the learning rate at step 0, 1, ..., steps - 1: it rises evenly, then keeps or falls (cosine: Loshchilov & Hutter 2017)."""
    rising = round(warmup * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    gone = (step - rising) / max(1, steps - rising - 1)
    if curve == "constant":
        return 1.0
    fallen = gone if curve == "linear" else (1 - math.cos(math.pi * gone)) / 2
    return 1 - (1 - LAST) * min(1.0, fallen)


def optimizer(learning: Learning, groups: Sequence[dict[str, Any]], device: str) -> torch.optim.Optimizer:
    """groups: {"params", "rate"} each. Raises Unsupported for what is not installed here."""
    rows = [{"params": list(group["params"]), "lr": group["rate"], "base": group["rate"]} for group in groups]
    if learning.optimizer == "SGD":
        return torch.optim.SGD(rows, lr=learning.rate, momentum=0.9, weight_decay=learning.decay)
    if learning.optimizer == "AdamW":
        return torch.optim.AdamW(rows, lr=learning.rate, betas=(0.9, 0.99), weight_decay=learning.decay)
    try:
        eight = importlib.import_module("bitsandbytes").optim.AdamW8bit  # no part of Easel's own installation
    except (ImportError, OSError, AttributeError):
        eight = None
    if eight is None or not device.startswith("cuda"):
        why = "bitsandbytes is not installed" if eight is None else f"it does not run on {device}"
        raise Unsupported(f"The 8-bit optimizer cannot be used: {why}.", "Choose AdamW.", "learning.optimizer")
    made: torch.optim.Optimizer = eight(rows, lr=learning.rate, betas=(0.9, 0.99), weight_decay=learning.decay)
    return made
