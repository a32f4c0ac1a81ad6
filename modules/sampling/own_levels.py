"""The noise levels at which diffusers' scheduler classes stop when they are left to themselves: whole timesteps of the model's table.

Source: their `set_timesteps` in diffusers 0.42, for the spacing that each class is given here. "trailing" leaves out the timestep -1 that it adds for some
step counts, and "distilled" goes on beyond the 50 steps at which it gives up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from modules.sampling.parameterization import Table

DISTILLED = 50
"""Timesteps that consistency models are distilled on: every 20th."""


def _trailing(steps: int, trained: int) -> np.ndarray:
    """Evenly from the last timestep down, as Lin et al. 2024 recommend."""
    return np.arange(trained, 0, -trained / steps)[:steps].round().clip(1) - 1


def _linspace(steps: int, trained: int) -> np.ndarray:
    """Evenly from the last timestep down to the first one, which is the end and not asked at."""
    return np.linspace(0, trained - 1, steps + 1).round()[:0:-1]


def _distilled(steps: int, trained: int) -> np.ndarray:
    """Evenly among the timesteps of the distillation; of all timesteps for more steps than there are of those."""
    known = np.arange(1, DISTILLED + 1) * (trained // DISTILLED) - 1 if steps <= DISTILLED else np.arange(trained)
    return known[::-1][np.floor(np.linspace(0, len(known), steps, endpoint=False)).astype(int)]


TIMESTEPS: Mapping[str, Callable[[int, int], np.ndarray]] = {"trailing": _trailing, "linspace": _linspace, "distilled": _distilled}


def own_levels(way: str, steps: int, table: Table) -> Tensor:
    """Descending levels, float32 on the CPU: of the `steps` timesteps, and the end. way: as in a sampler's record. "trailing" ends at 0, the others at the
    model's lowest level."""
    timesteps = torch.from_numpy(TIMESTEPS[way](steps, len(table)).astype(np.int64))
    end = torch.zeros(1) if way == "trailing" else table.sigmas[:1]
    return torch.cat([table.sigmas[timesteps], end])
