"""A model's noise table from its scheduler config. Knows diffusers' names for the ways betas are spaced; the formulas are in `sampling.parameterization`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.sampling.parameterization import linear, scaled_linear, zero_terminal_snr

TIMESTEPS = 1000
"""What samplers and schedules count on; every Stable Diffusion has them."""


def alphas_cumprod(config: Mapping[str, Any]) -> Tensor:
    """[1000] float32 on the CPU: cumulated in float64 and cast last, as A1111 does (parity rule 7.4). Raises BadModelFile."""
    count, first, last = config.get("num_train_timesteps", TIMESTEPS), config.get("beta_start", 0.00085), config.get("beta_end", 0.012)
    spacing, given = config.get("beta_schedule", "scaled_linear"), config.get("trained_betas")
    if count != TIMESTEPS:
        raise BadModelFile(f"The model was trained on {str(count)[:20]} noise levels; only {TIMESTEPS} are supported.", "Choose another checkpoint.")
    try:
        if given is not None:
            table = torch.cumprod(1 - torch.tensor(given, dtype=torch.float64), 0).float()
        elif spacing in ("scaled_linear", "linear"):
            table = (scaled_linear if spacing == "scaled_linear" else linear)(float(first), float(last), TIMESTEPS)
        elif spacing == "squaredcos_cap_v2":
            table = _cosine()
        else:
            raise BadModelFile(f"The noise schedule {str(spacing)[:40]!r} of the model is not known.", "Correct its scheduler_config.json.")
    except (TypeError, ValueError, RuntimeError):
        raise BadModelFile("The noise table of the model is no list of numbers.", "Correct its scheduler_config.json or yaml.") from None
    if config.get("rescale_betas_zero_snr"):
        table = zero_terminal_snr(table)
    falling = table.shape == (TIMESTEPS,) and bool((table[1:] < table[:-1]).all()) and float(table[-1]) > 0 and float(table[0]) < 1
    if not falling:
        raise BadModelFile("The noise table of the model does not fall from 1 towards 0.", "Correct its scheduler_config.json or yaml.")
    return table


def _cosine(longest: float = 0.999) -> Tensor:
    """Nichol & Dhariwal 2021, equation 17, betas capped."""

    def alpha_bar(t: float) -> float:
        return math.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - alpha_bar((step + 1) / TIMESTEPS) / alpha_bar(step / TIMESTEPS), longest) for step in range(TIMESTEPS)]
    return torch.cumprod(1 - torch.tensor(betas, dtype=torch.float64), 0).float()
