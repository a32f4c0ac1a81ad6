"""Classifier-free guidance (Ho & Salimans 2022): how predictions for prompt parts and negative prompt become one. Knows no network.

The arithmetic is on clean latents; as x0 = x - sigma eps is affine, guiding eps or v instead gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from modules.core.groups.sampling import Guidance
from modules.sampling.step import Step


class Guide(NamedTuple):
    """How answers of the network become one. The AND parts' answers stand first, then the negative prompt's `against` times.

    start: the number of the answer from which the others pull away. pulls: (towards, away from, how strongly), numbers of answers; float32 scalars on the CPU,
    for a Python number would be made into one at every step."""

    against: int
    start: int
    pulls: tuple[tuple[int, int, Tensor], ...]


def guide(weights: Sequence[float], scale: float, picture: float | None = None) -> Guide:
    """uncond + sum of (x0 - uncond) weight scale over the AND parts (composable diffusion: Liu et al. 2022, equation 11).

    picture: the scale of the picture's own guidance, of a model that edits by instruction (Brooks et al. 2022, equation 3): the negative prompt is answered with
    the picture and then without it. None, and 1 (where that third answer would go unused): no such guidance.
    """
    negative = len(weights)
    pulls = tuple((part, negative, torch.tensor(weight * scale)) for part, weight in enumerate(weights))
    if picture is None or picture == 1:
        return Guide(1, negative, pulls)
    return Guide(2, negative, (*pulls, (negative, negative + 1, torch.tensor(picture - 1))))


def unguided(weights: Sequence[float]) -> Guide:
    """Where the negative prompt is skipped: the first part stands in its place, and one part alone unchanged."""
    return Guide(0, 0, tuple((part, 0, torch.tensor(weight)) for part, weight in enumerate(weights)))


def combine(answers: Sequence[Tensor], guide: Guide) -> Tensor:
    """answers: clean latents in the guide's order, all of one shape."""
    found = answers[guide.start]
    for towards, away, strength in guide.pulls:
        found = found + (answers[towards] - answers[away]) * strength
    return found


def may_skip(guidance: Guidance) -> bool:
    """Whether any call might leave out the negative prompt; asked once, for most requests want none of it."""
    return any(limit > 0 for limit in (guidance.skip_early, guidance.interval_low, guidance.interval_high, guidance.min_sigma))


def skips_uncond(guidance: Guidance, step: Step, sigma: Tensor) -> bool:
    """Whether this denoiser call leaves out the negative prompt: early in a stage, outside of an interval of noise levels (Kynkäänniemi et al. 2024), or at
    every second call below a noise level."""
    if guidance.skip_early > 0 and step.call / max(step.calls, 1) <= guidance.skip_early:
        return True
    if float(sigma) <= guidance.interval_low or 0 < guidance.interval_high < float(sigma):
        return True
    due = guidance.min_sigma_all or step.call % 2 == 1
    return guidance.min_sigma > 0 and due and float(sigma) < guidance.min_sigma
