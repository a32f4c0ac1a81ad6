"""Classifier-free guidance (Ho & Salimans 2022): how predictions for prompt parts and negative prompt become one. Knows no network.

The arithmetic is on clean latents; as x0 = x - sigma eps is affine, guiding eps or v instead gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from modules.core.groups.sampling import Guidance
from modules.sampling.step import Step


def pulls(weights: Sequence[float], scale: float) -> list[Tensor]:
    """How strongly each AND part pulls, for `combine`: float32 scalars on the CPU, for a Python number would be made into one at every step."""
    return [torch.tensor(weight * scale) for weight in weights]


def combine(x0s: Sequence[Tensor], pulls: Sequence[Tensor], uncond: Tensor) -> Tensor:
    """uncond + sum of (x0 - uncond) weight scale over the AND parts (composable diffusion: Liu et al. 2022, equation 11). All tensors of one shape.

    When the negative prompt is skipped, pass x0s[0] as uncond and pulls of a scale of 1: one part alone then stands unchanged.
    """
    guided = uncond
    for x0, pull in zip(x0s, pulls, strict=True):
        guided = guided + (x0 - uncond) * pull
    return guided


def towards_picture(guided: Tensor, uncond: Tensor, blind: Tensor, scale: float) -> Tensor:
    """The picture's own guidance, of a model that edits by instruction (Brooks et al. 2022, equation 3). guided: what `combine` made of the prompts.
    uncond: of the negative prompt with the picture, blind: without it."""
    return guided + (uncond - blind) * (scale - 1)


def skips_uncond(guidance: Guidance, step: Step, sigma: Tensor) -> bool:
    """Whether this denoiser call leaves out the negative prompt, to save time: early in a stage, or at every second call below a noise level."""
    if guidance.skip_early > 0 and step.call / max(step.calls, 1) <= guidance.skip_early:
        return True
    due = guidance.min_sigma_all or step.call % 2 == 1
    return guidance.min_sigma > 0 and due and float(sigma) < guidance.min_sigma
